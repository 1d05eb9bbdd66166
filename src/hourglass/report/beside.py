"""One picture through a picture codec and through JPEG, WebP and AVIF at the same size, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from hourglass import photos
from hourglass.errors import BadData
from hourglass.kinds.image import Picture
from hourglass.losses.structural import Structure
from hourglass.report.rates import Coder, by_pillow, level
from hourglass.uses.photo import WHITES

__all__ = ["Shown", "beside", "drawn", "similarity"]

Pixels = NDArray[Any]
LARGEST, LARGE = 16383, 1024  # WebP's own limit along a side; pixels along a side that are compared at a time
WINDOW, TALL, GAP = 288, 44, 6  # pixels of the part that is drawn, of the words above it, and between parts


class Shown(NamedTuple):
    """What one codec makes of the picture: its `setting` in words, bytes, decibels, structural similarity (1: equal), pixels."""

    codec: str
    setting: str
    bytes: int
    psnr: float
    ssim: float
    pixels: Pixels


def beside(by: photos.Shipped, picture: Picture, aim: photos.Aim) -> list[Shown]:
    """The codec's result at what is aimed for, then that of each other codec at the best quality that takes no more bytes.

    Where its smallest file is larger, that one. Pictures are compared in 8 bits, without transparency.
    """
    pixels = _bytes(picture.pixels)
    if max(pixels.shape[:2]) > LARGEST or 1 in pixels.shape[:2]:
        raise BadData(f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels: codecs are compared from 2 to {LARGEST:,} pixels a side")
    data = photos.compress(by, Picture(pixels), aim)
    own = photos.decompress(by, data)
    found = [_shown(f"hourglass, {by.name}", "" if aim.bytes or aim.psnr else f"quality {aim.quality:g}", pixels, len(data), own.pixels)]
    for name, coder in _others().items():
        best = _fitting(coder, pixels, len(data))
        smaller = coder.encode(pixels, best)
        found.append(_shown(name, f"quality {best}", pixels, len(smaller), coder.decode(smaller)))
    return found


def _others() -> dict[str, Coder]:
    """Each at its best settings for size."""
    found = {
        "JPEG": by_pillow("JPEG", (), optimize=True, progressive=True, subsampling=2),
        "WebP": by_pillow("WEBP", (), method=6),
        "AVIF": by_pillow("AVIF", (), speed=6),
    }
    return {name: coder for name, coder in found.items() if name == "JPEG" or features.check(name.lower())}


def _fitting(coder: Coder, pixels: Pixels, most: int) -> int:
    """The highest quality from 0 to 100 whose file has at most so many bytes, or 0."""
    low, high = 0, 100
    while low < high:
        middle = (low + high + 1) // 2
        fits = len(coder.encode(pixels, middle)) <= most
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _shown(codec: str, setting: str, pixels: Pixels, size: int, back: Pixels) -> Shown:
    return Shown(codec, setting, size, level(pixels, back), similarity(pixels, back), back)


def similarity(pixels: Pixels, other: Pixels) -> float:
    """Mean structural similarity (SSIM, Wang et al. 2004) of two pictures (H, W, C) of 8 bits, over parts of them."""
    other = other.mean(2, keepdims=True) if other.shape[2] > pixels.shape[2] else other
    total, area = 0.0, pixels.shape[0] * pixels.shape[1]
    for top in range(0, pixels.shape[0], LARGE):
        for left in range(0, pixels.shape[1], LARGE):
            part, back = (_tensor(each[top : top + LARGE, left : left + LARGE]) for each in (pixels, other))
            total += (1 - float(Structure((part.shape[2], part.shape[3]), 1)(back, part))) * part.shape[2] * part.shape[3]
    return total / float(area)


def drawn(pixels: Pixels, found: Sequence[Shown]) -> Image.Image:
    """The busiest part of the original and of what each codec gave back, side by side, under their names and numbers."""
    pixels = _bytes(pixels)
    top, left = _busiest(pixels)
    parts = [("original", f"{pixels.shape[1]} x {pixels.shape[0]} pixels", pixels)]
    parts += [(f"{each.codec}, {each.bytes:,} bytes", f"{each.psnr:.2f} dB, SSIM {each.ssim:.4f}", each.pixels) for each in found]
    shown = [_enlarged(_coloured(part[top : top + WINDOW, left : left + WINDOW])) for _, _, part in parts]
    width, font = max(WINDOW, shown[0].width), ImageFont.load_default(14)
    sheet = Image.new("RGB", (len(parts) * (width + GAP) - GAP, TALL + shown[0].height), "white")
    pen = ImageDraw.Draw(sheet)
    for number, ((name, words, _), part) in enumerate(zip(parts, shown, strict=True)):
        at = number * (width + GAP)
        pen.text((at + 2, 3), name, "black", font)
        pen.text((at + 2, 22), words, "black", font)
        sheet.paste(part, (at, TALL))
    return sheet


def _busiest(pixels: Pixels) -> tuple[int, int]:
    """Where the window with the most detail begins, of those on a grid of half windows."""
    grey = pixels.mean(2)
    detail = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    starts = [range(0, max(1, side - WINDOW + 1), WINDOW // 2) for side in grey.shape]
    return max(((row, column) for row in starts[0] for column in starts[1]), key=lambda at: _within(detail, at))


def _within(detail: NDArray[np.float64], at: tuple[int, int]) -> float:
    return float(detail[at[0] : at[0] + WINDOW, at[1] : at[1] + WINDOW].sum())


def _enlarged(part: Image.Image) -> Image.Image:
    """Small pictures grow by whole numbers, so that pixels stay sharp."""
    times = max(1, WINDOW // max(part.size))
    return part.resize((part.width * times, part.height * times), Image.Resampling.NEAREST)


def _coloured(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)) if pixels.shape[2] == 1 else pixels)


def _bytes(pixels: Pixels) -> Pixels:
    """Any pixels in 8 bits."""
    if pixels.dtype == np.uint8:
        return pixels
    white = WHITES.get(str(pixels.dtype), 1.0)
    made: Pixels = np.rint((pixels.astype(np.float64) / white).clip(0, 1) * 255).astype(np.uint8)
    return made


def _tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, 0)).astype(np.float32))[None] / 255
