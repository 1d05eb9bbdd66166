"""Grain and specks: how much noise a picture can have at the most, and pixels that stand alone or are lost.

A network takes fine texture for noise now and then. But noise is everywhere: where the calmest parts of a picture are smooth,
there is none. Pixels that are lost to black or white, in turn, are no noise to be averaged: they are found and filled in.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import conv2d, pad

__all__ = ["calm_level", "lonely", "mended", "speckled", "without_lonely"]

Array = NDArray[Any]
SIDE, MOST = 8, 16_384  # pixels along a block, blocks that are looked at
BINS, FEW = 8, 24  # steps of brightness, blocks without which a step says nothing
CALM = 10  # percentile of the blocks that counts as calm
UNDER = 0.90  # what that percentile of the spread of 61 normal numbers is of the true spread
ALONE = 0.15  # of the range: how far a lonely pixel lies beyond all its neighbours
STRIP, LOOKED = 256, 8  # rows that are looked at together, and how many such strips tell whether there are specks
SPECKS, OTHERS = 0.005, 0.1  # the least share of lonely pixels that are black or white, and the largest part of the lonely that are not
OFF = 0.08  # of the range: how far a lost pixel lies from what is around it
NEAR, BELL = 3, 0.6  # pixels: how far a lost pixel looks for others, and the width of the bell that weighs them
QUIET = 5  # times the noise of its calmest places a picture must be below `ALONE`, for a lonely pixel to be no noise
LINES = ((0, 1), (1, 0), (1, 1), (1, -1))


def calm_level(pixels: Array) -> float:
    """The standard deviation within the calmest blocks of (H, W, C), slopes apart, in units of the pixels; infinite where there are none.

    Calm is judged among blocks of like brightness, for noise may grow with the light; blocks that touch the darkest or lightest value
    of the picture are left out, where there are others: noise is cut off there.
    """
    blocks = _blocks(pixels)
    if not len(blocks):
        return math.inf
    ends = pixels.min(), pixels.max()
    inside = ~((blocks == ends[0]) | (blocks == ends[1])).any(axis=(1, 2))
    blocks = blocks[inside] if inside.sum() >= FEW else blocks
    flat = blocks.astype(np.float64)
    spread = np.square(flat - flat @ _planes()).sum(axis=2).mean(axis=1) / (SIDE**2 - 3)
    light = flat.mean(axis=(1, 2))
    steps = np.digitize(light, np.linspace(light.min(), light.max() + 1e-12, BINS + 1)[1:-1])
    found = [spread[steps == step] for step in range(BINS)]
    told = [(len(part), float(np.percentile(part, CALM))) for part in found if len(part) >= FEW] or [
        (1, float(np.percentile(spread, CALM)))
    ]
    return math.sqrt(sum(count * calm for count, calm in told) / sum(count for count, _ in told)) / UNDER


def lonely(pixels: Array, reach: float) -> Array:
    """Which of (H, W, C) lie far beyond all eight neighbours: specks. `reach`: from black to white."""
    wide = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="reflect")
    height, width = pixels.shape[:2]
    low, high = np.full_like(pixels, wide.max()), np.full_like(pixels, wide.min())
    for down, across in ((row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)):
        near = wide[down : down + height, across : across + width]
        np.minimum(low, near, out=low)
        np.maximum(high, near, out=high)
    most: Array = np.maximum(pixels.astype(np.float32) - high, low.astype(np.float32) - pixels) > ALONE * reach
    return most


def speckled(pixels: Array, reach: float) -> bool:
    """Whether pixels of (H, W, C) are lost to black or white all over, as in salt and pepper; strong noise alone does not look so."""
    ends, step = (pixels.min(), pixels.max()), max(1, len(pixels) // (STRIP * LOOKED))
    lost, others, count = 0, 0, 0
    for top in range(0, len(pixels), STRIP * step):
        strip = pixels[top : top + STRIP]
        alone, extreme = lonely(strip, reach), (strip == ends[0]) | (strip == ends[1])
        lost, others, count = lost + int((alone & extreme).sum()), others + int((alone & ~extreme).sum()), count + strip.size
    return lost > SPECKS * count and others < OTHERS * lost


def mended(pixels: Array, reach: float) -> Array:
    """(H, W, C) with the pixels that are lost to black or white filled in from those around them."""
    made, ends = pixels.copy(), (pixels.min(), pixels.max())
    for top in range(0, len(pixels), STRIP):
        above = min(top, NEAR)
        part = pixels[top - above : top + STRIP + NEAR]
        extreme = [part == end for end in ends]
        lost = np.any([mask & ~_lines(mask) for mask in extreme], axis=0)
        around, weight = _around(part, ~(extreme[0] | extreme[1]))
        lost &= (np.abs(part - around) > OFF * reach) & (weight > 0)
        around, _ = _around(part, ~lost)
        made[top : top + STRIP][lost[above : above + STRIP]] = around[above : above + STRIP][lost[above : above + STRIP]]
    return made


def without_lonely(pixels: Array, reach: float) -> Array:
    """(H, W, C) with the pixels that stand alone filled in from those around them; of noisy pictures, where many do, nothing."""
    if QUIET * calm_level(pixels) > ALONE * reach:
        return pixels
    made = pixels.copy()
    for top in range(0, len(pixels), STRIP):
        above = min(top, NEAR)
        part = pixels[top - above : top + STRIP + NEAR]
        alone = lonely(part, reach)
        if alone.any():
            around, weight = _around(part, ~alone)
            lost = (alone & (weight > 0))[above : above + STRIP]
            made[top : top + STRIP][lost] = around[above : above + STRIP][lost]
    return made


def _lines(mask: Array) -> Array:
    """Where (H, W, C) is true along two pixels to either side: a line belongs to the picture."""
    wide = np.pad(mask, ((2, 2), (2, 2), (0, 0)))
    height, width = mask.shape[:2]
    made = np.zeros_like(mask)
    for down, across in LINES:
        steps = [(2 + down * at, 2 + across * at) for at in (-2, -1, 0, 1, 2)]
        made |= np.all([wide[row : row + height, column : column + width] for row, column in steps], axis=0)
    return made


def _around(part: Array, good: Array) -> tuple[Array, Array]:
    """The mean (H, W, C) of the `good` pixels around each, the nearest counting most, and their weight."""
    at = torch.arange(-NEAR, NEAR + 1)
    bell = torch.exp(-0.5 * (at / BELL) ** 2).double()
    kernel = (bell[:, None] * bell)[None, None]
    held = torch.from_numpy(good.astype(np.float64)).movedim(-1, 0)[:, None]
    values = torch.from_numpy(part.astype(np.float64)).movedim(-1, 0)[:, None] * held
    sums, weight = (conv2d(pad(each, (NEAR,) * 4), kernel)[:, 0].movedim(0, -1) for each in (values, held))
    return (sums / weight.clamp_min(1e-300)).numpy(), weight.numpy()


def _blocks(pixels: Array) -> Array:
    """Blocks (n, C, 64) of the picture, evenly over it."""
    height, width, channels = pixels.shape
    rows, columns = height // SIDE, width // SIDE
    step = max(1, math.ceil(math.sqrt(rows * columns / MOST)))
    whole = pixels[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE, channels)[::step, :, ::step]
    return whole.transpose(0, 2, 4, 1, 3).reshape(-1, channels, SIDE**2)


def _planes() -> Array:
    """The projection (64, 64) of a block onto planes."""
    along = np.arange(SIDE) - (SIDE - 1) / 2
    basis = np.stack([np.ones(SIDE**2), np.repeat(along, SIDE), np.tile(along, SIDE)])
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    made: Array = basis.T @ basis
    return made
