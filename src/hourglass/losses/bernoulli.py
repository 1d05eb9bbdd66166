"""Cross-entropy of values in [0, 1] against one logit each: for black-and-white pictures and yes-or-no tables.

Grey values count as probabilities; they are no likelihood of a grey picture, for which `gaussian` is meant.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from hourglass.errors import BadOption
from hourglass.layers.links import logits
from hourglass.losses._checks import need_numbers


def outputs(facts: dict[str, Any]) -> int:
    """One logit per element."""
    return 1


class Bernoulli(nn.Module):
    """`loss(output, target, mask) -> (B,)` nats; targets are clipped to [0, 1]."""

    likelihood = True

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B,) nats, summed over the real elements of each sample."""
        return self.errors(output, target, mask).flatten(1).sum(1)

    def errors(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, *shape) nats of each element, 0 where masked."""
        exact = output if output.dtype == torch.float64 else output.float()
        nats = binary_cross_entropy_with_logits(exact, target.to(exact.dtype).clamp(0, 1), reduction="none")
        return nats if mask is None else torch.where(mask, nats, 0)

    def data(self, output: Tensor) -> Tensor:
        """The probability of a one."""
        return torch.sigmoid(output)

    def link(self, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Slope and offset that turn deviations from `mean` into logits."""
        return logits(mean)


def loss(facts: dict[str, Any], *, members: int = 1) -> nn.Module:
    """No options; series, sound and tables of numbers, whose values do not lie between 0 and 1, raise `BadOption`."""
    need_numbers("bernoulli", facts)
    shape = tuple(facts["shape"])
    if len(shape) == 2 or (len(shape) == 1 and any(sort == "number" for sort, _, _ in facts["fields"])):
        raise BadOption(
            "bernoulli is for values from 0 to 1: pictures in black and white, and tables of yes and no; these samples "
            f"{'hold other numbers' if len(shape) == 1 else f'have shape {shape}'}: use loss={'mixed' if len(shape) == 1 else 'gaussian'!r}"
        )
    return Bernoulli()
