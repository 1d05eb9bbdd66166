"""Defects in pictures found without a network: how much darker or brighter each place is than what is around it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hourglass.kinds._picture import Picture
from hourglass.uses.maps import peak

__all__ = ["mapped", "score"]

SCALES, WIDER, SOFT = (1.0, 2.0, 4.0), 1.6, 2.0  # pixels, of the Gaussians; of the one around them, in them; of what smooths
BLACK = 0.02  # added before the logarithm is taken
SIDE = 5  # pixels along the sides that are not looked at: there is nothing around them


def mapped(picture: Picture) -> NDArray[np.float32]:
    """A map (H, W): differences of Gaussians of the logarithm, whichever is largest of a few sizes."""
    pixels = picture.pixels.astype(np.float32)
    top = float(np.iinfo(picture.pixels.dtype).max) if picture.pixels.dtype.kind in "ui" else max(float(np.nanmax(pixels)), 1e-9)
    light = np.log(np.clip(pixels.mean(2) / top, 0, None) + BLACK)
    found = [np.abs(gaussian_filter(light, size) - gaussian_filter(light, WIDER * size)) for size in SCALES]
    largest: NDArray[np.float32] = gaussian_filter(np.max(found, axis=0), SOFT)
    side = min(SIDE, min(largest.shape) // 4)
    inner = np.zeros_like(largest)
    inner[side : inner.shape[0] - side, side : inner.shape[1] - side] = 1
    return largest * inner


def score(picture: Picture) -> float:
    """How much a picture stands out: the mean of the highest pixels of its map."""
    return float(peak(torch.from_numpy(mapped(picture))))
