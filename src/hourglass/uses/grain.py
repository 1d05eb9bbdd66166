"""How much noise a picture can have at the most: so much that its calmest places show, and pixels that stand alone.

A network takes fine texture for noise now and then. But noise is everywhere: where the calmest parts of a picture are smooth,
there is none.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["calm_level", "lonely"]

Array = NDArray[Any]
SIDE, MOST = 8, 16_384  # pixels along a block, blocks that are looked at
BINS, FEW = 8, 24  # steps of brightness, blocks without which a step says nothing
CALM = 10  # percentile of the blocks that counts as calm
UNDER = 0.90  # what that percentile of the spread of 61 normal numbers is of the true spread
ALONE = 0.15  # of the range: how far a lonely pixel lies beyond all its neighbours


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
