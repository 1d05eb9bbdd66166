"""Arrays of pixels: their channels, types, scale and size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

__all__ = ["LUMA", "learned_size", "plain", "recolour", "resized", "sheet", "split", "upright"]

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow turns colour to grey
KEEP, AREA, STEP = 128 * 128, 64 * 64, 4


def split(pixels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Colour (..., H, W, 1 or 3) and alpha (..., H, W) or None, of an array whose last axis has 1 to 4 channels."""
    if pixels.shape[-1] in (2, 4):
        return pixels[..., :-1], pixels[..., -1]
    return pixels, None


def plain(pixels: NDArray[Any]) -> NDArray[Any]:
    """The same values as uint8, uint16 or float: what a picture from a file may hold."""
    kind = pixels.dtype.kind
    if kind == "b":
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype in (np.uint8, np.uint16, np.float32, np.float64):
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if kind in "iu" and (pixels.size == 0 or (pixels.min() >= 0 and pixels.max() <= 65535)):
        return pixels.astype(np.uint16)
    return pixels.astype(np.float64 if pixels.dtype.itemsize > 4 else np.float32)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror (H, W, ...) as an EXIF orientation from 1 to 8 asks; other values change nothing."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def learned_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The one size (H, W) that pictures are brought to: their own if all agree on a small one, else the median aspect in at most 64 x 64.

    >>> learned_size([(28, 28), (28, 28)]), learned_size([(512, 768), (768, 512), (512, 768)])
    ((28, 28), (52, 76))
    """
    if len(set(sizes)) == 1 and sizes[0][0] * sizes[0][1] <= KEEP:
        return sizes[0]
    height, width = np.array(sizes, dtype=np.float64).T
    aspect = float(np.median(height / width))
    area = min(AREA, float(np.median(height * width)))
    sides = (area * aspect) ** 0.5, (area / aspect) ** 0.5
    tall, wide = (max(STEP, round(side / STEP) * STEP) for side in sides)
    if tall * wide > AREA:
        tall, wide = (max(STEP, int(side + 1e-6) // STEP * STEP) for side in sides)
    return tall, wide


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, H, W) brought to another size, antialiased, never beyond the values it had; the same tensor if it has that size."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    made = interpolate(x, size=tuple(size), mode="bicubic", align_corners=False, antialias=True)
    return made.clamp(x.amin(dim=(1, 2, 3), keepdim=True), x.amax(dim=(1, 2, 3), keepdim=True))


def recolour(x: Tensor, channels: int) -> Tensor:
    """(B, C, H, W) with 1 or 3 channels: grey is repeated, colour becomes its luma."""
    if x.shape[1] == channels:
        return x
    if channels == 3:
        return x.expand(-1, 3, -1, -1)
    return (x * torch.tensor(LUMA, dtype=x.dtype, device=x.device).view(1, 3, 1, 1)).sum(1, keepdim=True)


def sheet(pictures: Sequence[NDArray[Any]], columns: int | None = None, gap: int = 2) -> NDArray[np.uint8]:
    """One contact sheet (H, W, 3), or (H, W, 1) if all are grey, of uint8 pictures (h, w, 1 to 4): row by row on white.

    Alpha is laid on white. Pictures of different sizes stand in the middle of equal cells.
    """
    tiles = [_on_white(picture) for picture in pictures]
    columns = columns or max(1, round(len(tiles) ** 0.5 + 0.49))
    rows = -(-len(tiles) // columns)
    tall, wide = (max(tile.shape[axis] for tile in tiles) for axis in (0, 1))
    channels = max(tile.shape[2] for tile in tiles)
    page = np.full((rows * (tall + gap) - gap, min(columns, len(tiles)) * (wide + gap) - gap, channels), 255, dtype=np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        top = row * (tall + gap) + (tall - tile.shape[0]) // 2
        left = column * (wide + gap) + (wide - tile.shape[1]) // 2
        page[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return page


def _on_white(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Without alpha, on white."""
    colour, alpha = split(picture)
    if alpha is None:
        return colour
    weight = alpha[..., None] / 255.0
    return np.rint(colour * weight + 255 * (1 - weight)).astype(np.uint8)
