"""Local contrast: how far each place lies from its surroundings, in units of how much these vary."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import avg_pool1d

__all__ = ["local_contrast"]

LEAST = 1 / 255  # spread, below which surroundings count as even


def local_contrast(x: Tensor, width: int) -> Tensor:
    """(B, C, ...) less the mean within `width` (odd), divided by the spread there; what is faint in a quiet place is then plain.

    Subtractive and divisive normalisation (Jarrett et al. 2009); beyond the sides there is nothing to average.
    """
    away = x - _mean(x, width)
    return away / (_mean(away.square(), width).clamp_min(0).sqrt() + LEAST)


def _mean(x: Tensor, width: int) -> Tensor:
    """The mean over windows, along one side after the other."""
    for side in range(2, x.dim()):
        last = x.movedim(side, -1)
        rows = last.reshape(1, -1, last.shape[-1])
        x = avg_pool1d(rows, width, 1, width // 2, count_include_pad=False).reshape(last.shape).movedim(-1, side)
    return x
