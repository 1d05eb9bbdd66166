"""A picture with its unusual places marked, to look at: yellow from half of the threshold on, red beyond it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourglass.kinds._picture import Picture
from hourglass.kinds._picture_save import save

__all__ = ["marked", "overlaid"]

COLOURS = np.array([[255, 220, 0], [255, 120, 0], [230, 0, 0]], np.float32)  # at half, all and twice the threshold
DARKEST, BRIGHTEST = 0.5, 99.5  # percentiles that become black and white, of pictures with more than 8 bits
COVER = 0.75  # of the picture, where the mark is fullest


def overlaid(picture: Any, values: NDArray[Any], threshold: float, path: Path) -> None:
    """Write the marked picture; the suffix of `path` chooses the format."""
    save(Picture(marked(picture, values, threshold), picture.name), path)


def marked(picture: Any, values: NDArray[Any], threshold: float) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) in 8 bits: the picture, and over it its map (H, W) in colours, where it comes near the threshold."""
    ground = np.broadcast_to(_bright(picture.pixels), (*values.shape, 3))
    height = np.log2(np.clip(values / max(threshold, 1e-9), 0.5, 2)) + 1  # 0 at half the threshold, 1 at it, 2 at twice
    low = np.minimum(height.astype(np.int64), 1)
    colour = COLOURS[low] + (height - low)[..., None] * (COLOURS[low + 1] - COLOURS[low])
    cover = COVER * np.clip(height, 0, 1)[..., None]
    made: NDArray[np.uint8] = np.rint(ground + cover * (colour - ground)).clip(0, 255).astype(np.uint8)
    return made


def _bright(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """The picture (H, W, 1 or 3) from 0 to 255: as it is in 8 bits, else stretched to be seen."""
    grey: NDArray[np.float32] = pixels.astype(np.float32)
    if pixels.dtype == np.uint8:
        return grey
    low, high = np.percentile(grey, [DARKEST, BRIGHTEST])
    return ((grey - low) / max(float(high - low), 1e-9)).clip(0, 1) * 255  # type: ignore[no-any-return]
