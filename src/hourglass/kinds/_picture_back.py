"""The way back of pictures: to what the user gave, to files, to a contact sheet."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hourglass.errors import BadData, BadType
from hourglass.kinds import _pixels
from hourglass.kinds._picture import Picture
from hourglass.kinds._picture_facts import channelled, from_values, span, to_values
from hourglass.kinds._picture_pieces import alone, as_picture, in_memory
from hourglass.kinds._picture_save import TIFF, save, save_stack, scaled
from hourglass.kinds._picture_source import ARRAYS, SUFFIXES, Stack, bare
from hourglass.writing import atomic

__all__ = ["restore", "sheet", "write"]

Facts = dict[str, Any]
Chunk = Any
HELD = ("uint8", "uint16", "float32", "float64")


def restore(chunk: Chunk, source: Any) -> Any:
    """The chunk as the same sort of thing as `source`: an array of its type, Pillow images, or a list of `Picture` for paths."""
    if isinstance(source, Image.Image | Picture):
        return _like(_pictures(chunk)[0], source)
    if isinstance(source, list | tuple) and in_memory(source):
        return [_like(picture, item) for picture, item in zip(_pictures(chunk), source, strict=True)]
    if not hasattr(source, "__array__"):
        return chunk
    given = np.asarray(source)
    array = _cast(np.stack([picture.full for picture in chunk]) if isinstance(chunk, list) else bare(chunk), given.dtype)
    if alone(given):
        return _squeezed(array[0], given.ndim)
    return array[..., 0] if array.ndim == given.ndim + 1 and array.shape[-1] == 1 else array


def _like(picture: Picture, source: Any) -> Any:
    """One picture as a Picture, a Pillow image, or an array."""
    if isinstance(source, Picture):
        return picture
    if not isinstance(source, Image.Image):
        given = np.asarray(source)
        return _squeezed(_cast(picture.full, given.dtype), given.ndim)
    image = Image.fromarray(_squeezed(picture.full, 2))
    image.info.update({key: value for key, value in picture.metadata.items() if value})
    return image


def _cast(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind not in "iu" or array.dtype == dtype:
        return array.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    made: NDArray[Any] = np.rint(array).clip(limits.min, limits.max).astype(dtype)
    return made


def _squeezed(array: NDArray[Any], axes: int) -> NDArray[Any]:
    """(H, W, 1) as (H, W) where two axes are wanted."""
    return array[..., 0] if axes == 2 and array.ndim == 3 and array.shape[-1] == 1 else array


def _pictures(chunk: Chunk, facts: Facts | None = None) -> list[Picture]:
    """A chunk as Pictures; with `facts`, arrays whose white is not that of their type (0 to 16) get 8 or 16 bits in full range."""
    if isinstance(chunk, Picture):
        return [chunk]
    if isinstance(chunk, list | tuple):
        return [as_picture(item) for item in chunk]
    full = channelled(bare(chunk))
    if facts is not None and (str(full.dtype) not in HELD or span(full.dtype, facts, file=False) != span(full.dtype, facts, file=True)):
        dtype = np.dtype(np.uint16 if span(full.dtype, facts, file=False)[1] > 255 else np.uint8)
        full = from_values(to_values(full, facts, file=False), facts, dtype, file=True)
    split = [_pixels.split(picture) for picture in full]
    return [Picture(_pixels.plain(pixels), alpha=alpha) for pixels, alpha in split]


def sheet(pictures: Chunk, columns: int | None = None, white: tuple[float, float] = (0.0, 1.0)) -> NDArray[np.uint8]:
    """A contact sheet (H, W, 1 or 3) uint8 of a chunk: Pictures or an array (n, H, W[, C]); `white` = the black and white of floats.

    >>> sheet(np.zeros((4, 8, 8), np.uint8)).shape
    (18, 18, 1)
    """
    found = _pictures(pictures)
    if not found:
        raise BadData("no pictures to put on a sheet")
    return _pixels.sheet([scaled(picture.full, "uint8", white) for picture in found], columns)


def write(chunks: Iterable[Chunk], path: Any, facts: Facts) -> None:
    """Write pictures: one to a file in its suffix's format, several to one file as a contact sheet, to a folder (`DIR/`) one file each;
    of stacks to one TIFF as its pages.

    A folder takes each picture under its name, and those without a name as 00001.png and on. `.npy` and `.npz` take arrays. Files
    appear complete or not at all; what cannot be written raises `CannotWrite`, a suffix that is not known `BadOption`.
    """
    text, target = os.fspath(path), Path(path)
    if text.endswith(("/", os.sep)) or target.is_dir():
        _write_folder(chunks, target, facts)
    elif target.suffix.lower() in ARRAYS:
        _write_array(list(chunks), target)
    else:
        pictures = list(_every(chunks, facts))
        if not pictures:
            raise BadData(f"no pictures to write to {path}")
        if len(pictures) > 1 and facts.get("stacks") and target.suffix.lower() in TIFF:
            return save_stack(pictures, target)
        whole = pictures[0] if len(pictures) == 1 else Picture(sheet(pictures, white=_white(facts)))
        save(whole, target, _white(facts))


def _every(chunks: Iterable[Chunk], facts: Facts) -> Iterator[Picture]:
    return itertools.chain.from_iterable(_pictures(chunk, facts) for chunk in chunks)


def _white(facts: Facts) -> tuple[float, float]:
    """The black and white of floats."""
    low, high = facts["range"]
    return (low, high) if np.dtype(facts["dtype"]).kind == "f" else (0.0, 1.0)


def _write_folder(chunks: Iterable[Chunk], folder: Path, facts: Facts) -> None:
    for number, picture in enumerate(_every(chunks, facts), start=1):
        name = PurePosixPath(picture.name or f"{number:05d}.png")
        if name.is_absolute() or ".." in name.parts:  # a name never leads out of the folder
            name = PurePosixPath(name.name)
        if name.suffix.lower() not in SUFFIXES:
            name = name.with_name(f"{name.name}.png")
        save(picture, folder / name, _white(facts))


def _write_array(chunks: Sequence[Chunk], path: Path) -> None:
    arrays = [array for chunk in chunks for array in _arrays(chunk)]
    if len({array.shape[1:] for array in arrays}) != 1 or len({array.dtype for array in arrays}) != 1:
        raise BadData(f"pictures of several sizes or types do not fit in one array {path}; write them to a folder: {path.stem}/")
    pixels = np.concatenate(arrays)
    stacks = [chunk.label for chunk in chunks if isinstance(chunk, Stack)]
    named: dict[str, Any] = {"X": pixels} | ({"y": np.concatenate(stacks)} if len(stacks) == len(chunks) else {})
    with atomic(path) as beside, beside.open("wb") as file:
        if path.suffix.lower() == ".npy":
            np.save(file, pixels, allow_pickle=False)
        else:
            np.savez_compressed(file, **named)


def _arrays(chunk: Chunk) -> list[NDArray[Any]]:
    if isinstance(chunk, list | tuple):
        return [_squeezed(picture.full, 2)[None] for picture in chunk]
    if not isinstance(chunk, Stack) and not hasattr(chunk, "__array__"):
        raise BadType(f"a chunk of pictures is an array or a list of Picture; this is a {type(chunk).__name__}")
    return [bare(chunk)]
