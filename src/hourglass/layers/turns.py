"""A code of pictures sent in four turns, so that what was sent tells what comes: at once for all places, so that it stays fast.

Of each two by two places, and of four groups of channels, a turn sends every place's own group, so that after it each value yet to come
has more known neighbours: at first those across its corners, then those beside it, then all eight, and more channels of its own place
with every turn. So a quarter of the values is told by the hyper-code alone. (After Li, Li and Lu 2023.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["PHASES", "TURNS", "Turn", "Turns", "group"]

TURNS = 4
PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))  # of two by two places, the one across the corner after each


def group(turn: int, phase: int) -> int:
    """The channels (every fourth, from this one on) that the places of a phase send in a turn."""
    return turn ^ phase


class Turn(nn.Module):
    """What is known, and what the hyper-code told, to better numbers than it told: what is to be added."""

    def __init__(self, units: int, width: int) -> None:
        super().__init__()
        self.around = nn.Conv2d(units, units, 3, 1, 1, groups=units)
        self.enter = nn.Conv2d(4 * units, width, 1)
        self.between = nn.LeakyReLU(0.1)
        self.leave = nn.Conv2d(width + 2 * units, 2 * units, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.get_parameter("bias"))

    def forward(self, known: Tensor, told: Tensor) -> Tensor:
        """(B, units, h, w) and (B, 2 * units, h, w) to the latter's shape."""
        near = self.around(known)
        hidden = self.between(self.enter(torch.cat([known, near, told], 1)))
        return self.leave(torch.cat([hidden, known, near], 1))  # type: ignore[no-any-return]


class Turns(nn.Module):
    """The turns after the first. They know how far each value that was sent lies from the middle the hyper-code told; 0 is not known."""

    def __init__(self, units: int, width: int) -> None:
        super().__init__()
        self.each = nn.ModuleList(Turn(units, width) for _ in range(TURNS - 1))

    def forward(self, told: Tensor, y: Tensor, rounded: Callable[[Tensor], Tensor]) -> Tensor:
        """What the hyper-code told (B, 2 * units, h, w) of the code y (B, units, h, w), made better from turn to turn."""
        masks = _masks(*y.shape[1:], y.device, y.dtype)
        middle = told.chunk(2, 1)[0]
        known, better = torch.zeros_like(y), told
        for number, mask in enumerate(masks):
            if number:
                better = better + mask.repeat(1, 2, 1, 1) * self.each[number - 1](known, told)
            if number < TURNS - 1:
                expected = better.chunk(2, 1)[0]
                known = known + mask * (rounded(y - expected) + (expected - middle))
        return better


@functools.lru_cache(8)
def _masks(units: int, height: int, width: int, device: torch.device, dtype: torch.dtype) -> list[Tensor]:
    """For each turn 1 where a value is sent, else 0: (1, units, height, width)."""
    made = torch.zeros(TURNS, 1, units, height, width)
    for turn in range(TURNS):
        for phase, (down, right) in enumerate(PHASES):
            made[turn, :, group(turn, phase) :: TURNS, down::2, right::2] = 1
    return list(made.to(device, dtype))
