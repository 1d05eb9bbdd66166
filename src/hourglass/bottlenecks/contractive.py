"""A code that hardly moves when the input does, except along the ways in which samples differ.

The plain code at no cost; training also lowers `weight` times the squared norm of the encoder's Jacobian, in units of the code's own
variance (else the code would just shrink and the decoder grow). The norm is estimated by encoding each sample once more, moved a small
step in a random direction, so any network will do; it takes a second pass of the encoder. Not for text, which has no small steps; where
the damage is known, a spoil is cheaper and does more. Rifai et al. 2011; the estimate is that of Hutchinson 1989.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hourglass.bottlenecks._chance import normal, without_extra
from hourglass.bottlenecks._normal import checked
from hourglass.errors import BadOption
from hourglass.layers.members import per_member
from hourglass.parts import Code

inputs = 1
Encode = Callable[[Callable[[Tensor], Tensor]], Tensor]


class Contractive(nn.Module):
    """h (B, ...) to a code of the same numbers; `extra` (B,) is the penalty of the step at hand, in training."""

    extra: Tensor | None = None
    __getstate__ = without_extra

    def __init__(self, weight: float, step: float, members: int) -> None:
        super().__init__()
        self.weight, self.step, self.members = weight, step, members
        self.generator: torch.Generator | None = None  # set by the loop

    def forward(self, h: Tensor, encode: Encode | None = None) -> Code:
        """h (B, ...) to Code(z=h, cost=0); `encode(change)` encodes the same samples changed."""
        self.extra = None
        if self.training and encode is not None and self.weight > 0:
            self.extra = self.weight * self._contraction(h, encode)
        return Code(h, h.new_zeros(h.shape[0]))

    def _contraction(self, h: Tensor, encode: Encode) -> Tensor:
        """The squared norm of the Jacobian over the variance of the code, (B,)."""
        narrow = torch.is_autocast_enabled(h.device.type)
        with torch.autocast(h.device.type, enabled=False):  # in half precision a small step would be lost in rounding
            still = encode(lambda x: x) if narrow else h
            moved = encode(self._moved)
        slope = ((moved - still) / self.step).square().flatten(1).sum(1)
        rows = per_member(still, self.members).flatten(2)  # (M, B, numbers)
        variance = (rows - rows.mean(1, keepdim=True)).square().mean((1, 2)).clamp_min(1e-12)
        return (per_member(slope, self.members) / variance[:, None]).flatten()

    def _moved(self, x: Tensor) -> Tensor:
        """Samples a small step away."""
        if not x.is_floating_point():
            raise BadOption("contractive needs samples of numbers, which can be moved a little; these are symbols: take another bottleneck")
        return x + self.step * normal(x, self.generator)


def bottleneck(code_shape: Sequence[int], *, weight: float = 0.1, step: float = 0.01, members: int = 1) -> nn.Module:
    """`weight`: of the squared norm of the Jacobian; `step`: how far samples are moved to measure it, in the network's units."""
    weight, step = checked("contractive", {"weight": (weight, math.inf), "step": (step, math.inf)})
    if step == 0:
        raise BadOption("contractive:step=0: give how far samples are moved to measure the slope, such as 0.01")
    return Contractive(weight, step, members)
