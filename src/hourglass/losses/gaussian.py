"""Squared error as a likelihood: a normal density around the output, with a variance learned from the errors themselves.

Nats per element: `(x - output)^2 / 2v + log(2 pi v) / 2 - log r`, where r is the data's resolution (the smallest step between values), so
that the density times r is the mass of one step; the variance has the floor r^2 / 2 pi, so that no mass exceeds 1. The variance is the
running mean of squared errors (the optimal sigma of Rybkin et al. 2021): all elements share one (the optimum is then that of squared
error), or each has its own (`variance="each"`: better scaled for elements of unlike noise, but invites the code to copy a few exactly).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hourglass.layers.variance import Variance
from hourglass.losses._checks import apart, need_numbers

Facts = dict[str, Any]


def outputs(facts: Facts) -> int:
    """One number per element: the mean."""
    return 1


class Gaussian(nn.Module):
    """`loss(output, target, mask) -> (B,)` nats; shapes (B, *shape), with members (M * B, *shape)."""

    likelihood = True

    def __init__(self, facts: Facts, each: bool, members: int) -> None:
        super().__init__()
        self.variance = Variance(facts["resolution"], tuple(facts["shape"]), each, members)

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B,) nats, summed over the real elements of each sample."""
        return self.errors(output, target, mask).flatten(1).sum(1)

    def errors(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, *shape) nats of each element, 0 where masked; in training the variance moves towards these errors first."""
        difference = output.float() - target if output.dtype != torch.float64 else output - target
        return self.variance.nats(difference, mask)

    def gradient(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> tuple[Tensor | float, Tensor]:
        """Nats summed over members and averaged over samples, and their gradient by `output` (..., B, features), all by hand."""
        return self.variance.gradient(output, target, mask)

    def data(self, output: Tensor) -> Tensor:
        """The output is the data's mean already."""
        return output


def loss(facts: Facts, *, variance: str = "shared", members: int = 1) -> nn.Module:
    """`variance`: shared by all elements, or each its own."""
    need_numbers("gaussian", facts)
    return Gaussian(facts, apart("gaussian", variance), members)
