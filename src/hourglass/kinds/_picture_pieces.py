"""Pictures a piece at a time: of arrays, of what is in memory, of files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hourglass.errors import BadData, BadOption
from hourglass.kinds import _pixels
from hourglass.kinds._picture import Header, Picture, from_pillow, load
from hourglass.kinds._picture_facts import channelled
from hourglass.kinds._picture_source import Found, Stack
from hourglass.parts import Pieces

__all__ = ["alone", "as_picture", "in_memory", "of_array", "of_files", "of_memory", "sides"]

PIECE, PIECE_VALUES = 256, 2**26


def sides(size: Sequence[int] | None) -> None:
    """Refuse a size that is none."""
    if size is not None and (len(size) != 2 or any(not isinstance(side, int | np.integer) or side < 1 for side in size)):
        raise BadOption(f"size={size!r}: a size is [height, width] in pixels, such as [64, 64]")


def alone(pixels: NDArray[Any]) -> bool:
    """Is the array one picture? 3-d arrays are stacks (n, H, W), except those that look like one picture in colour."""
    return pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] in (3, 4) and min(pixels.shape[:2]) >= 8)


def in_memory(source: Any) -> bool:
    """Is it a Picture, a Pillow image, or a list of these or of arrays?"""
    items = source if isinstance(source, list | tuple) else [source]
    return len(items) > 0 and all(isinstance(item, Picture | Image.Image) or hasattr(item, "__array__") for item in items)


def of_array(pixels: NDArray[Any], label: NDArray[Any] | None, size: Sequence[int] | None, name: str) -> Pieces:
    """Pieces of one array (n, H, W[, C])."""
    if label is not None and len(label) != len(pixels):
        raise BadData(f"{name}: {len(pixels)} pictures and {len(label)} labels; there must be one for each")
    if pixels.ndim < 3:
        raise BadData(f"{name} has shape {pixels.shape}; pictures are (n, H, W) or (n, H, W, C)")
    channelled(pixels[:0], name)
    cuts = _cuts([math.prod(pixels.shape[1:])] * len(pixels))

    def piece(index: int) -> NDArray[Any] | Stack:
        part = np.asarray(pixels[cuts[index]])
        channelled(part, f"{name}, from picture {cuts[index].start} on,")
        return part if label is None else Stack(part, label[cuts[index]])

    colour = pixels.ndim == 4 and pixels.shape[-1] > 2
    memory = _memory([(pixels.shape[1], pixels.shape[2])], colour, size) * len(pixels)
    return Pieces(_counts(cuts), piece, name, memory)


def of_memory(items: Sequence[Any], size: Sequence[int] | None) -> Pieces:
    """Pieces of a list of Pictures, Pillow images or arrays."""
    pictures = [as_picture(item) for item in items]
    cuts = _cuts(picture.pixels.size for picture in pictures)
    memory = _memory([picture.size for picture in pictures], any(picture.pixels.shape[-1] == 3 for picture in pictures), size)
    return Pieces(_counts(cuts), lambda index: pictures[cuts[index]], "the pictures", memory)


def as_picture(item: Any) -> Picture:
    """One picture of whatever holds one."""
    if isinstance(item, Picture):
        return item
    if isinstance(item, Image.Image):
        return from_pillow(item)
    pixels = np.asarray(item)
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[-1] > 4):
        raise BadData(f"a list of arrays holds pictures (H, W) or (H, W, C); this one has shape {pixels.shape}")
    pixels, alpha = _pixels.split(channelled(pixels[None] if pixels.ndim == 3 else pixels[None, ..., None])[0])
    return Picture(_pixels.plain(pixels), alpha=alpha)


def of_files(good: list[Found], headers: list[Header], size: Sequence[int] | None, label: bool, most: int, name: str) -> Pieces:
    """Pieces of picture files; with `label`, the name of its folder labels a picture."""

    cuts = _cuts(header.size[0] * header.size[1] * (3 if header.colour else 1) for header in headers)

    def piece(index: int) -> list[Picture]:
        return [
            load(file.path, name=file.name, label=file.path.absolute().parent.name if label else None, most=most, page=file.page)
            for file in good[cuts[index]]
        ]

    memory = _memory([header.size for header in headers], any(header.colour for header in headers), size)
    return Pieces(_counts(cuts), piece, name, memory)


def _cuts(values: Iterable[int]) -> list[slice]:
    """Cut a row of pictures, each of so many values, into pieces: up to 256 pictures and, unless one alone has more, 2**26 values."""
    cuts: list[slice] = []
    held = 0
    for index, more in enumerate(values):
        if cuts and index - cuts[-1].start < PIECE and held + more <= PIECE_VALUES:
            cuts[-1], held = slice(cuts[-1].start, index + 1), held + more
        else:
            cuts.append(slice(index, index + 1))
            held = more
    return cuts


def _counts(cuts: list[slice]) -> list[int]:
    return [cut.stop - cut.start for cut in cuts]


def _memory(sizes: list[tuple[int, int]], colour: bool, size: Sequence[int] | None) -> int:
    tall, wide = size or _pixels.learned_size(sizes)
    return len(sizes) * (3 if colour else 1) * tall * wide * 4
