"""Levels set beforehand: every unit is rounded to one of a few, which follow how it is spread."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

MOMENTUM = 0.05
STEEP = 1.702  # a logistic curve this steep is within 0.01 of the normal distribution function


class Levels(nn.Module):
    """Vectors (lanes, N, width) to vectors of rounded numbers. Unit j has `levels[j]` levels, about equally often used if it is normal.

    Units are brought to mean 0 and spread 1 before they are rounded: else all would start at the middle level, and later saturate. The
    levels come back in the unit's own scale, so that the decoder meets what it would meet unrounded. Mentzer et al. 2023.
    """

    mean: Tensor
    variance: Tensor
    started: Tensor

    def __init__(self, lanes: int, levels: Sequence[int]) -> None:
        super().__init__()
        self.levels = list(levels)
        self.register_buffer("mean", torch.zeros(lanes, 1, len(levels)))
        self.register_buffer("variance", torch.ones(lanes, 1, len(levels)))
        self.register_buffer("started", torch.zeros(lanes))

    def forward(self, rows: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Vectors (L, N, width) to what stands for them, of the same shape, and their numbers (L, 1, N)."""
        if self.training:
            self._follow(rows.detach())
        sizes = self._sizes(rows)
        share = torch.sigmoid(STEEP * (rows - self.mean) / self.variance.sqrt())
        level = (share * sizes).floor().clamp(min=torch.zeros_like(sizes), max=sizes - 1).long()
        return self._values(level), (level * self._places(level)).sum(-1)[:, None]

    def vectors(self, numbers: Tensor) -> Tensor:
        """Numbers (L, 1, N) to vectors (L, N, width)."""
        return self._values(numbers[:, 0, :, None] // self._places(numbers) % self._sizes(numbers))

    def _values(self, level: Tensor) -> Tensor:
        """The middle of each level, in the unit's own scale."""
        middle = torch.logit((level.to(self.mean.dtype) + 0.5) / self._sizes(self.mean)) / STEEP
        return self.mean + self.variance.sqrt() * middle

    def _sizes(self, like: Tensor) -> Tensor:
        return torch.tensor(self.levels, dtype=like.dtype, device=like.device)

    def _places(self, like: Tensor) -> Tensor:
        """What a step of each unit counts in the number of the whole."""
        sizes = self._sizes(like)
        return sizes.cumprod(0) // sizes

    def _follow(self, rows: Tensor) -> None:
        """Running mean and variance that forget their beginning."""
        self.started += 1
        rate = torch.maximum(torch.full_like(self.started, MOMENTUM), 1 / self.started)[:, None, None]
        self.mean += rate * (rows.mean(1, keepdim=True) - self.mean)
        spread = (rows - self.mean).square().mean(1, keepdim=True)
        self.variance += rate * (spread.clamp_min(1e-12) - self.variance)


def levels_for(entries: int, width: int) -> list[int]:
    """As many levels for each of `width` units as make up to `entries` together: 256 of 4 units is 4 levels each."""
    levels = [max(2, int(entries ** (1 / width) + 1e-9))] * width
    for place in range(width):
        rest = entries * levels[place] // _product(levels)
        levels[place] = max(levels[place], min(rest, levels[place] + 1))
    return levels


def _product(numbers: Sequence[int]) -> int:
    product = 1
    for number in numbers:
        product *= number
    return product
