"""A code of which few units are on at a time: easier to read, and safe when the code is wider than it need be.

The cost is the negative log of a Laplace prior, `weight * sum |z|`, on a code held at unit root mean square (else the code would just
shrink and the decoder grow). Not for compressing pictures; there `entropy` will say what bits cost. Olshausen and Field 1996.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hourglass.errors import BadOption
from hourglass.layers.members import per_member
from hourglass.parts import Code

inputs = 1
MOMENTUM = 0.05


class Sparse(nn.Module):
    """h (B, ...) to a code of unit root mean square over batch and units; cost `weight * sum |z|` in nats."""

    scale: Tensor
    started: Tensor

    def __init__(self, weight: float, members: int) -> None:
        super().__init__()
        self.weight, self.members = weight, members
        self.register_buffer("scale", torch.ones(members))
        self.register_buffer("started", torch.zeros(()))

    def forward(self, h: Tensor, encode: Callable[[Tensor], Tensor] | None = None) -> Code:
        """h (B, ...) to Code(z, cost (B,)); in training the scale is the batch's own, in use the running one."""
        grouped = per_member(h, self.members)
        scale = self.scale.to(h.dtype)
        if self.training:
            scale = grouped.square().flatten(1).mean(1).clamp_min(1e-12).sqrt()
            self._remember(scale.detach())
        z = (grouped / scale.reshape(-1, *[1] * (grouped.dim() - 1))).flatten(0, 1)
        return Code(z, self.weight * z.abs().flatten(1).sum(1))

    def _remember(self, scale: Tensor) -> None:
        """A running mean that forgets its beginning."""
        self.started += 1
        self.scale.lerp_(scale.to(self.scale.dtype), max(MOMENTUM, 1 / self.started.item()))


def bottleneck(code_shape: Sequence[int], *, weight: float = 0.1, members: int = 1) -> nn.Module:
    """`weight`: nats for each unit of |z|; more means fewer units on at a time."""
    if not 0 <= weight < float("inf"):
        raise BadOption(f"sparse:weight={weight!r}: give nats per unit of |z|, a number from 0 on, such as sparse:weight=0.1")
    return Sparse(float(weight), members)
