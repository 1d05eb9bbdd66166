"""Levels and spreads that a sensor does not have yet: windows of series moved up or down and stretched. The target moves too.

What was recorded tells nothing of how a network behaves at other levels, and there it may be many times worse than PCA, which is
straight. Shown moved windows as well, it carries the level through the code as PCA does (measured on 24 series and a test bed, later 30 %
held out, one seed, 60 epochs: the worst went from 3.4 times PCA's error to 1.01). It is the stretch that matters where training is long: a
server's load that doubles, after 28,000 steps, 2.6 times PCA's error at a stretch of 0.1, 0.99 at 0.7. Some series lose what a short
training gains on them. Not for anomalies, since a level that never was is one; nor for new samples, which would have such levels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.spoils._draw import check_share, hits

__all__ = ["TARGET", "spoil"]

TARGET = True  # the network is asked for the moved window, not for the one before


def spoil(x: Tensor, generator: torch.Generator, *, level: float = 1.0, stretch: float = 0.7, share: float = 0.5) -> Tensor:
    """Windows (B, C, T), of which a random `share` is moved, each sensor by itself; `level` and `stretch` say how far, 0: not at all.

    A level moves by `level` times a normal number times the exponential of another: seldom, but then by much. The window around it is
    stretched by the exponential of `stretch` times a third.

    >>> spoil(torch.zeros(4, 1, 8), torch.Generator().manual_seed(0), share=1.0).std(2).max().item()
    0.0
    """
    if x.dim() != 3 or not x.is_floating_point():
        raise BadOption("the spoil drift is for series and sound; for other data take noise or mask")
    check_share(share)
    for name, value in (("level", level), ("stretch", stretch)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise BadOption(f"{name}={value!r}: how far windows are moved, a number from 0 up, such as 0.5")
    far, often, wide = torch.randn(3, *x.shape[:2], 1, generator=generator, device=generator.device, dtype=x.dtype).to(x.device)
    moved = hits((len(x), 1, 1), x, generator, share)
    mean = x.mean(2, keepdim=True)
    return torch.where(moved, mean + level * far * often.exp() + (x - mean) * (stretch * wide).exp(), x)
