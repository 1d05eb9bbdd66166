"""Masks that lie beside pictures: files of nearly the same name, all black and white, that say where a defect is."""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hourglass.errors import BadData, BadOption, HourglassError
from hourglass.kinds import _picture as picture
from hourglass.kinds._picture_source import SUFFIXES, Found

__all__ = ["apart", "mask_of", "read_mask"]

NEAR, MOSTLY = 16 / 255, 0.95  # of black or white; the share of pixels that are: masks are saved smoothed, or as JPEG
SUFFIXED = re.compile(r"[_-](mask|gt|ground_?truth)$", re.IGNORECASE)


def apart(found: list[Found]) -> list[Found]:
    """The pictures without the masks beside them, which a warning counts: a network must not learn these."""
    groups = defaultdict(list)
    for file in found:
        groups[file.path.parent / SUFFIXED.sub("", file.path.stem)].append(file)
    masks = {file for group in groups.values() if len(group) > 1 for file in _masks(group)}
    if not masks:
        return found
    some = ", ".join(sorted(file.name for file in masks)[:3]) + ", ..." * (len(masks) > 3)
    warnings.warn(
        f"{len(masks)} of {len(found)} files are black and white, beside pictures of the same name ({some}): they are taken for masks and "
        "left out; with --masks, detect compares with them",
        UserWarning,
        stacklevel=4,
    )
    return [file for file in found if file not in masks]


def _masks(group: list[Found]) -> list[Found]:
    """Those of files with one name that are masks; none where all are, for then they are what the user has."""
    black_and_white = [file for file in group if _is_mask(file.path)]
    return black_and_white if len(black_and_white) < len(group) else []


def _is_mask(path: Path) -> bool:
    try:
        grey = _grey(path)
    except HourglassError:
        return False
    return bool(((grey <= NEAR) | (grey >= 1 - NEAR)).mean() >= MOSTLY)


def _grey(path: Path) -> NDArray[np.float32]:
    """A picture (H, W) from 0 to 1, in grey."""
    pixels = picture.load(path).pixels
    top = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind in "ui" else 1.0
    grey: NDArray[np.float32] = pixels.mean(axis=2, dtype=np.float32) / np.float32(top)
    return grey


def mask_of(path: Path, name: str, where: str) -> Path | None:
    """The mask of the picture at `path`, or None: `where` is a folder, with files of the picture's `name`, or what follows its stem."""
    if Path(where).is_dir():
        stem = Path(where) / Path(name).with_suffix("")
        options = [stem.with_name(stem.name + ending + suffix) for ending in ("", "_mask") for suffix in SUFFIXES]
    elif Path(where).suffix.lower() in SUFFIXES or where.lower() in SUFFIXES:
        options = [path.with_name(path.stem + where)]
    else:
        raise BadOption(
            f"masks={where!r}: give a folder that holds them, or what their names have after those of the pictures, such as _mask.png"
        )
    return next((option for option in options if option.is_file() and option != path), None)


def read_mask(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where the defect is (H, W): whatever is brighter than half. A mask of another size than its picture raises `BadData`."""
    mask: NDArray[np.bool_] = _grey(path) > 0.5
    if mask.shape != size:
        raise BadData(
            f"{path}: the mask is {mask.shape[1]} x {mask.shape[0]} pixels, its picture {size[1]} x {size[0]}; they must be alike"
        )
    return mask
