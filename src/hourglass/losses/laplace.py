"""Absolute error as a likelihood: a Laplace density around the output, with a scale learned from the errors themselves.

Nats per element: `|x - output| / b + log 2b - log r`, where r is the data's resolution and b the running mean of absolute errors, never
below r / 2, so that no step of the data holds more than the whole mass. The best output is the median, not the mean: a wild value pulls
with the same force as a small one. Take it for data with heavy tails (spikes, outliers that are not of interest); not where errors are
many and small (`gaussian` learns those faster), nor for categories.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hourglass.layers.scale import Scale
from hourglass.losses._checks import apart, need_numbers


def outputs(facts: dict[str, Any]) -> int:
    """One number per element: the median."""
    return 1


class Laplace(nn.Module):
    """`loss(output, target, mask) -> (B,)` nats; shapes (B, *shape), with members (M * B, *shape)."""

    likelihood = True

    def __init__(self, facts: dict[str, Any], each: bool, members: int) -> None:
        super().__init__()
        self.scale = Scale(facts["resolution"], tuple(facts["shape"]), each, members)

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B,) nats, summed over the real elements of each sample."""
        return self.errors(output, target, mask).flatten(1).sum(1)

    def errors(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, *shape) nats of each element, 0 where masked; in training the scale moves towards these errors first."""
        exact = output if output.dtype == torch.float64 else output.float()
        return self.scale.nats(exact - target, mask)

    def data(self, output: Tensor) -> Tensor:
        """The output is the data's median already."""
        return output


def loss(facts: dict[str, Any], *, variance: str = "shared", members: int = 1) -> nn.Module:
    """`variance`: one scale shared by all elements, or each its own."""
    need_numbers("laplace", facts)
    return Laplace(facts, apart("laplace", variance), members)
