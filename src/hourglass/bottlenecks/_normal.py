"""A normal distribution over codes, as variational bottlenecks have it, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from hourglass.bottlenecks._chance import normal
from hourglass.layers.options import checked_number


class Normal(NamedTuple):
    """Mean and log-variance of every unit, (B, size, ...)."""

    mean: Tensor
    log_variance: Tensor

    def divergence(self) -> Tensor:
        """The divergence from a standard normal, in nats per unit, (B, size, ...)."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance)

    def draw(self, generator: torch.Generator | None) -> Tensor:
        """One code for each sample, (B, size, ...)."""
        return self.mean + normal(self.mean, generator) * (0.5 * self.log_variance).exp()

    def log_density(self, z: Tensor) -> Tensor:
        """Log-density of codes that broadcast to it, in nats per unit."""
        return -0.5 * ((z - self.mean).square() / self.log_variance.exp() + self.log_variance + math.log(2 * math.pi))


def from_encoder(h: Tensor) -> Normal:
    """h (B, 2 * size, ...) holds mean and log-variance, side by side."""
    mean, log_variance = h.chunk(2, 1)
    return Normal(mean, log_variance.clamp(-14, 10))


def warmed(progress: float, warmup: float) -> float:
    """The share of the cost that is charged at this point of training."""
    return min(1.0, progress / warmup) if warmup > 0 else 1.0


def checked(bottleneck: str, options: Mapping[str, tuple[float, float]]) -> list[float]:
    """Options, each a value and the most it may be, as numbers from 0 on; else `BadOption`."""
    return [checked_number(bottleneck, name, value, 0, most) for name, (value, most) in options.items()]
