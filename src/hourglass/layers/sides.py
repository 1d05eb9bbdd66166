"""Convolutions over one, two or three sides: series and sound (C, T), pictures (C, H, W), video (C, T, H, W)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

__all__ = ["blocks", "crop", "fill", "fold", "grow", "innermost", "opposite", "same", "shrink", "steps_in", "unfold"]

INTO: tuple[type[Any], ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
BACK: tuple[type[Any], ...] = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


def same(sides: int, before: int, after: int, kernel: int = 3, **options: Any) -> nn.Module:
    """A convolution that keeps the sides; `kernel` is odd."""
    return INTO[sides - 1](before, after, kernel, padding=kernel // 2, **options)  # type: ignore[no-any-return]


def shrink(sides: int, before: int, after: int, step: int = 2, **options: Any) -> nn.Module:
    """A convolution that divides the sides by an even `step`, each output seeing two steps of its input."""
    return INTO[sides - 1](before, after, 2 * step, stride=step, padding=step // 2, **options)  # type: ignore[no-any-return]


def grow(sides: int, before: int, after: int, step: int = 2, **options: Any) -> nn.Module:
    """The mirror image of `shrink`: the sides times `step`."""
    return BACK[sides - 1](before, after, 2 * step, stride=step, padding=step // 2, **options)  # type: ignore[no-any-return]


def blocks(sides: int, before: int, after: int, step: int, **options: Any) -> nn.Module:
    """A convolution over blocks of `step` that do not overlap."""
    return INTO[sides - 1](before, after, step, stride=step, **options)  # type: ignore[no-any-return]


def opposite(sides: int, before: int, after: int, step: int, **options: Any) -> nn.Module:
    """The mirror image of `blocks`."""
    return BACK[sides - 1](before, after, step, stride=step, **options)  # type: ignore[no-any-return]


def steps_in(shape: Sequence[int], step: int) -> tuple[int, ...]:
    """How many steps each side of a sample (C, ...) takes, the last perhaps not full."""
    return tuple(-(-side // step) for side in shape[1:])


def fill(x: Tensor, step: int) -> Tensor:
    """(B, C, ...) with every side brought to a multiple of `step` by repeating its edge."""
    missing = [-side % step for side in x.shape[2:]]
    if not any(missing):
        return x
    return pad(x, [number for side in reversed(missing) for number in (0, side)], mode="replicate")


def crop(x: Tensor, sides: Sequence[int]) -> Tensor:
    """(..., *more) cut to (..., *sides): undoes `fill`."""
    kept: tuple[Any, ...] = (..., *(slice(side) for side in sides))
    return x[kept]


def fold(x: Tensor, step: int) -> Tensor:
    """(B, C, sides) to (B, C * step * ..., sides / step): what lies within one step of all sides becomes channels."""
    for side in range(2, x.dim()):
        x = x.unflatten(side, (-1, step)).movedim(side + 1, 2).flatten(1, 2)
    return x


def unfold(x: Tensor, step: int) -> Tensor:
    """Undoes `fold`."""
    for side in reversed(range(2, x.dim())):
        x = x.unflatten(1, (-1, step)).movedim(2, side + 1).flatten(side, side + 1)
    return x


def innermost(x: Tensor) -> Tensor:
    """In bfloat16, convolutions are a fifth faster with the channels innermost; the layers behind keep the order."""
    return x.contiguous(memory_format=LAYOUTS[x.dim()]) if x.dim() in LAYOUTS and torch.is_autocast_enabled("cpu") else x
