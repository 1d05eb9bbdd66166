"""A picture that should be whole, and how likely each of its pixels was damaged: for finding defects on surfaces.

The decoder has two numbers for each element: what it should be (the mean of a normal density) and the logit that it was damaged. The
message tells the clean sample and where the damage lies: `gaussian` nats of the one, `bernoulli` nats of the other. What was damaged is
seen from what the network was shown, where it differs from its target; so this loss needs a spoil that damages places and leaves others
as they are: `defects`, `patches`, `specks` or `mask`. Under one that changes everything (`noise`), everything counts as damaged. The
variance is that of the damaged places: elsewhere a network with skips copies, and a variance of both would make repair outweigh finding.

For anomalies that are places in a sample which is otherwise as usual; a network with skips (`unet`) sees the finest. Not for samples that
are unusual as a whole. As in DRAEM (Zavrtanik et al. 2021), in one network.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from hourglass.layers.variance import Variance
from hourglass.losses._checks import need_numbers

RARE = math.log(0.02 / 0.98)  # an output of 0 says that one element in fifty is damaged


def outputs(facts: dict[str, Any]) -> int:
    """The mean, and the logit of damage."""
    return 2


class Defect(nn.Module):
    """`loss(output, target, mask, given) -> (B,)` nats; output (B, 2 * C, ...): all means, then all logits."""

    likelihood = True
    damaged = True  # it asks for what the network was shown as well

    def __init__(self, facts: dict[str, Any], members: int) -> None:
        super().__init__()
        self.variance = Variance(facts["resolution"], tuple(facts["shape"]), False, members)

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None, given: Tensor | None = None) -> Tensor:
        """(B,) nats, summed over the real elements of each sample. Without `given` nothing was damaged."""
        return self.errors(output, target, mask, given).flatten(1).sum(1)

    def errors(self, output: Tensor, target: Tensor, mask: Tensor | None = None, given: Tensor | None = None) -> Tensor:
        """(B, *shape) nats of each element and of its damage, 0 where masked."""
        mean, logit = self._apart(output)
        hurt = torch.zeros_like(logit, dtype=torch.bool) if given is None else given != target
        hurt = hurt if mask is None else hurt & mask
        repaired = self.variance.nats(mean - target, mask, hurt if bool(hurt.any()) else None)
        nats = repaired + binary_cross_entropy_with_logits(logit, hurt.to(logit.dtype), reduction="none")
        return nats if mask is None else torch.where(mask, nats, 0)

    def data(self, output: Tensor) -> Tensor:
        """What the sample should be."""
        return output.chunk(2, 1)[0]

    def damage(self, output: Tensor) -> Tensor:
        """(B, *shape): the logit that each element was damaged."""
        return self._apart(output)[1]

    def _apart(self, output: Tensor) -> tuple[Tensor, Tensor]:
        mean, logit = (output if output.dtype == torch.float64 else output.float()).unflatten(1, (2, -1)).unbind(1)
        return mean, logit + RARE


def loss(facts: dict[str, Any], *, members: int = 1) -> nn.Module:
    """No options; text raises `BadOption`."""
    need_numbers("defect", facts)
    return Defect(facts, members)
