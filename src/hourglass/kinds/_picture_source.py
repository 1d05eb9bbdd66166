"""From what a user names (files, folders, globs, arrays) to a list of picture files or one array."""

from __future__ import annotations

import glob
import os
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hourglass.errors import BadData, BadFile, BadOption, BadType, HourglassError, MissingExtra, did_you_mean
from hourglass.kinds import _picture as picture
from hourglass.kinds._picture_deep import tiff_pages

__all__ = ["ARRAYS", "SUFFIXES", "Found", "Stack", "array_file", "bare", "claims", "gather", "is_path", "sound"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm", ".avif")
ARRAYS = (".npz", ".npy")
CHECKED = 2000  # up to so many files are decoded once when they are first read


class Found(NamedTuple):
    """A picture file and its name: the path relative to what the user gave; of a stack a `page`."""

    path: Path
    name: str
    page: int = 0


@dataclass(frozen=True, eq=False)
class Stack:
    """Pictures (n, H, W[, C]) from an array file, with their labels (n,) beside them; rows are picked as from an array."""

    pixels: NDArray[Any]
    label: NDArray[Any]

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, rows: Any) -> Stack:
        return Stack(self.pixels[rows], self.label[rows])


def bare(chunk: Any) -> NDArray[Any]:
    """The array (n, H, W[, C]) of a chunk that is one."""
    return chunk.pixels if isinstance(chunk, Stack) else np.asarray(chunk)


def is_path(source: object) -> bool:
    """Is it a path, or text that should be one?"""
    return isinstance(source, str | os.PathLike)


def claims(source: object) -> bool:
    """Are these pictures? By suffix, by what most files of a folder are, or by the shape of an array; nothing is decoded."""
    if isinstance(source, list | tuple):
        return bool(source) and claims(source[0])
    if not is_path(source):
        ndim, dtype = getattr(source, "ndim", None), getattr(source, "dtype", None)
        return (
            hasattr(source, "getexif") or isinstance(source, picture.Picture) or ndim == 4 or (ndim == 3 and str(dtype).endswith("uint8"))
        )
    path = Path(os.fspath(source))  # type: ignore[call-overload]
    if os.path.isdir(path):  # pathlib's own question raises for texts that are too long for a name
        counts = _suffixes(path)
        return sum(counts[suffix] for suffix in SUFFIXES) * 2 > counts.total()
    if path.name.lower().endswith(ARRAYS) or ".npz:" in path.name:
        try:
            return claims(array_file(path)[0])
        except HourglassError:
            return False
    return path.suffix.lower() in SUFFIXES


def gather(source: Any) -> list[Found]:
    """The picture files behind a path, a folder (recursively, sorted), a glob, or a list of these."""
    items = [source] if is_path(source) else list(source)
    if not items:
        raise BadData("an empty list of pictures; name at least one file or folder")
    for item in items:
        if not is_path(item):
            raise BadType(f"a list of pictures holds paths, arrays or Pillow images, all of one sort; this has a {type(item).__name__}")
    groups = [_files(os.fspath(item)) for item in items]
    if len(groups) == 1:
        root, paths = groups[0]
    else:
        paths = [path for _, more in groups for path in more]
        root = Path(os.path.commonpath([path.parent.absolute() for path in paths]))
    return [Found(path, Path(os.path.relpath(path.absolute(), root.absolute())).as_posix()) for path in paths]


def _files(text: str) -> tuple[Path, list[Path]]:
    """The root to name by, and the files."""
    path = Path(text)
    if path.is_dir():
        return path, _inside(path)
    if path.exists():
        return path.parent, [path]
    if any(sign in text for sign in "*?["):
        names = [Path(name) for name in sorted(glob.glob(text, recursive=True))]
        found = [name for name in names if name.is_file() and name.suffix.lower() in SUFFIXES]
        if found:
            return Path(os.path.commonpath([name.parent.absolute() for name in found])), found
        raise BadFile(f"no picture matches {text!r}; pictures end in {' '.join(SUFFIXES)}")
    near = did_you_mean(path.name, os.listdir(path.parent)[:200] if path.parent.is_dir() else []).split(" (")[0]
    raise BadFile(f"there is no file or folder {text!r}{'; ' + near if near.startswith('did') else ''}")


def _walk(folder: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _suffixes(folder: Path) -> Counter[str]:
    """How many files there are of each suffix; of a very large folder, the first of them."""
    files = (path for path, _ in zip(_walk(folder), range(10_000), strict=False))
    return Counter(path.suffix.lower() for path in files)


def _inside(folder: Path) -> list[Path]:
    found = sorted(path for path in _walk(folder) if path.suffix.lower() in SUFFIXES)
    if found:
        return found
    counts = _suffixes(folder)
    there = (
        ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in counts.most_common(8)) or "nothing: the folder is empty"
    )
    raise BadData(f"no pictures in the folder {folder}: pictures end in {' '.join(SUFFIXES)}; found instead: {there}")


def sound(found: list[Found], *, strict: bool, most: int, stacks: bool = False) -> tuple[list[Found], list[picture.Header]]:
    """The files that can be read, with their headers. Broken ones are named in a warning, or raise with `strict`.

    `stacks`: every page of a TIFF is a picture, as if it lay in a folder of the file's name.
    """
    good, headers, broken = [], [], []
    for file in found:
        try:
            header = picture.peek(file.path, most)
            if len(found) <= CHECKED:
                picture.check(file.path, most)
        except MissingExtra:
            raise
        except HourglassError as error:
            if strict or len(found) == 1:
                raise
            broken.append(str(error))
            continue
        good.append(file)
        headers.append(header)
    if not good:
        raise BadData(f"none of the {len(found)} pictures can be read: {_some(broken)}")
    if broken:
        _tell(f"{len(broken)} of {len(found)} pictures cannot be read and are left out: {_some(broken)}")
    _tell_changes(good, [] if stacks else headers)
    return _pages(good, headers) if stacks else (good, headers)


def _pages(good: list[Found], headers: list[picture.Header]) -> tuple[list[Found], list[picture.Header]]:
    """The pages of stacks instead of these."""
    found = []
    for file, header in zip(good, headers, strict=True):
        count, stem = tiff_pages(file.path), file.name.rpartition(".")[0]
        if count == 1:
            found.append((file, header))
        found += [(Found(file.path, f"{stem}/{page + 1:05d}.tif", page), header) for page in range(count if count > 1 else 0)]
    return [file for file, _ in found], [header for _, header in found]


def _tell_changes(good: list[Found], headers: list[picture.Header]) -> None:
    """Say what is lost in reading."""
    several = [file.name for file, header in zip(good, headers, strict=False) if header.frames]
    if several:
        _tell(f"only the first frame is read of {_some(several)} (of stacks in TIFF image:stacks=true takes all)")
    inks = [file.name for file, header in zip(good, headers, strict=False) if header.mode == "CMYK"]
    if inks:
        _tell(f"printing colours (CMYK) are turned into RGB in {_some(inks)}")


def _some(names: list[str], most: int = 50) -> str:
    return "; ".join(names[:most]) + (f"; and {len(names) - most} more" if len(names) > most else "")


def _tell(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=5)


def array_file(path: Path, label: str | None = None) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The array of an .npy or .npz file (`file.npz:name` picks one; else `X` or `x`) and its labels (`y`) or None."""
    text, _, name = str(path).partition(".npz:")
    path = Path(text + ".npz") if name else path
    try:
        if path.suffix.lower() == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False), None
        with np.load(path, allow_pickle=False) as file:
            key = _chosen(path, name, file.files)
            return (pixels := file[key]), _beside(path, file, label, 0 if key == "y" or pixels.ndim == 0 else len(pixels))
    except FileNotFoundError as error:
        raise BadFile(f"{path}: there is no such file") from error
    except HourglassError:
        raise
    except Exception as error:
        raise BadFile(f"{path}: not a numpy file that can be read (arrays of Python objects are not): {error}") from error


def _beside(path: Path, file: Any, label: str | None, count: int) -> NDArray[Any] | None:
    """The labels, one for each of `count` pictures: those that were asked for, else `y` if it fits."""
    if label is not None and label not in file.files:
        raise BadOption(f"{path}: no array {label!r} to take as the label: {did_you_mean(label, file.files)}")
    if label is None and "y" not in file.files:
        return None
    found: NDArray[Any] = file[label or "y"]
    if found.ndim == 1 and len(found) == count:
        return found
    if label is None:
        return None
    raise BadData(f"{path}: {count} pictures, but {label!r} has shape {found.shape}; there must be one label for each")


def _chosen(path: Path, name: str, names: list[str]) -> str:
    """The array to read."""
    if name and name not in names:
        raise BadFile(f"{path} has no array {name!r}: {did_you_mean(name, names)}")
    known = [key for key in (name, "X", "x") if key in names] or (names if len(names) == 1 else [])
    if not known:
        raise BadFile(f"{path} has no array X or x; name one as {path}:NAME (there are: {', '.join(names)})")
    return known[0]
