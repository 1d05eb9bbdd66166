"""Soft shapes such as damage has: specks, blots, cracks and scratches drawn with one pen, and stains from smooth noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from hourglass.spoils._draw import uniform

__all__ = ["between", "normal", "stains", "strokes"]

SEGMENTS = 12  # straight pieces of a line
THIN, THICK = (0.5, 3.0), (0.8, 14.0)  # half widths of cracks and of blots, in pixels
SHORTEST = 15.0  # pixels, of a crack; the longest goes all the way
EDGE = (0.4, 4.0)  # pixels over which the edge of a shape fades
CURL = 0.6  # radians that a line may turn from one piece to the next


def between(low: float, high: float, shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Draws from low to high, evenly on a logarithmic scale."""
    return (math.log(low) + math.log(high / low) * uniform(shape, like, generator)).exp()


def normal(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Normal draws, in at least float32, on the device of `like`."""
    dtype = like.dtype if like.dtype in (torch.float32, torch.float64) else torch.float32
    return torch.randn(shape, generator=generator, device=generator.device, dtype=dtype).to(like.device)


def clouds(count: int, like: Tensor, generator: torch.Generator, cell: float) -> Tensor:
    """Smooth noise (count, H, W) of spread 1 or so, in two octaves, the wider some `cell` pixels across (as Perlin 1985)."""
    height, width = like.shape[-2:]
    found = like.new_zeros(count, height, width)
    for octave, strength in ((1, 1.0), (2, 0.5)):
        grid = [max(2, math.ceil(side * octave / cell) + 1) for side in (height, width)]
        drawn = normal((count, 1, *grid), like, generator).to(like.dtype)
        found = found + strength * interpolate(drawn, (height, width), mode="bicubic", align_corners=True)[:, 0]
    return found


def stains(count: int, like: Tensor, generator: torch.Generator) -> Tensor:
    """Where smooth noise is high: patches (count, H, W) from 0 to 1, of any form, several at a time."""
    cell = float(between(8.0, 48.0, (1,), like, generator))
    level = 1.2 + 0.8 * uniform((count, 1, 1), like, generator)
    return torch.sigmoid(6 * (clouds(count, like, generator, cell) - level))


def strokes(count: int, like: Tensor, generator: torch.Generator) -> Tensor:
    """Shapes (count, H, W) from 0 to 1 around a bent line: half of them long and thin, half of them as wide as long."""
    height, width = like.shape[-2:]
    one = (count,)
    long = uniform(one, like, generator) < 0.5
    half = torch.where(long, between(*THIN, one, like, generator), between(*THICK, one, like, generator))
    far = between(SHORTEST, max(height, width, SHORTEST), one, like, generator)
    length = torch.where(long, far, 2 * half * uniform(one, like, generator))
    fade = torch.minimum(between(*EDGE, one, like, generator), 0.7 * half + 0.3)
    away = _distance(_lines(length, like, generator), like)
    uneven = 1 + 0.25 * clouds(count, like, generator, 6.0) + 0.2 * clouds(count, like, generator, 20.0)
    return torch.sigmoid(2 * (half[:, None, None] * uneven - away) / fade[:, None, None])


def _lines(length: Tensor, like: Tensor, generator: torch.Generator) -> Tensor:
    """Lines of straight pieces that turn a little from one to the next, their middle anywhere: corners (n, pieces + 1, [across, down])."""
    count = len(length)
    curl = CURL * uniform((count, 1), like, generator)
    heading = 2 * math.pi * uniform((count, 1), like, generator) + (curl * normal((count, SEGMENTS), like, generator)).cumsum(1)
    steps = torch.stack([heading.cos(), heading.sin()], 2) * (length / SEGMENTS)[:, None, None]
    corners = torch.cat([steps.new_zeros(count, 1, 2), steps.cumsum(1)], 1)
    sides = torch.tensor([like.shape[-1], like.shape[-2]], dtype=steps.dtype, device=like.device)
    return corners - corners.mean(1, keepdim=True) + sides * uniform((count, 1, 2), like, generator)


def _distance(corners: Tensor, like: Tensor) -> Tensor:
    """How far each pixel is from the nearest piece of each line, (n, H, W)."""
    height, width = like.shape[-2:]
    across, down = (torch.arange(side, dtype=corners.dtype, device=like.device) + 0.5 for side in (width, height))
    nearest = corners.new_full((len(corners), height, width), math.inf)
    for begin, end in zip(corners.unbind(1), corners[:, 1:].unbind(1), strict=False):
        way = end - begin
        unit = way / way.square().sum(1, keepdim=True).clamp_min(1e-6)
        x, y = across - begin[:, :1], down - begin[:, 1:]  # (n, W), (n, H)
        along = ((x * unit[:, :1])[:, None, :] + (y * unit[:, 1:])[:, :, None]).clamp(0, 1)
        aside = (x[:, None, :] - along * way[:, 0, None, None]).square() + (y[:, :, None] - along * way[:, 1, None, None]).square()
        nearest = torch.minimum(nearest, aside)
    return nearest.sqrt()
