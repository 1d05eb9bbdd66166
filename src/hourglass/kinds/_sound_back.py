"""The way back of sounds: what was cut is a sound again, as the user gave it, or in files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourglass.kinds._sound import Sound, as_sound, as_sounds, rows_of
from hourglass.kinds._sound_save import is_folder, save, save_all

__all__ = ["as_array", "made", "restore", "write"]

Facts = dict[str, Any]
Chunk = Any  # list[Sound], or an array


def made(samples: NDArray[Any], entry: dict[str, Any], before: Sound | None) -> Sound:
    """A sound as `entry` tells of it, with the title and the precision of the one before."""
    if before is not None:
        return replace(before, samples=samples.astype(before.samples.dtype, copy=False), ahead=0, behind=0)
    kept = {key: entry[key] for key in ("rate", "name", "format", "subtype", "recording", "begin", "total")}
    return Sound(samples, **kept)


def as_array(sounds: list[Sound], facts: Facts) -> Chunk:
    """Sounds of one length that are like the array that was learned from, as such an array."""
    if not facts["axes"] or len({(sound.samples.shape, sound.name, sound.begin) for sound in sounds}) != 1:
        return sounds
    array = np.stack([sound.samples for sound in sounds])
    return array[..., 0] if facts["axes"] == 2 and array.shape[-1] == 1 else array


def restore(chunk: Chunk, source: Any) -> Any:
    """The chunk as the same sort of thing as `source`: an array of its shape and type, a Sound, or for paths a list of whole Sounds."""
    sounds = _whole(as_sounds(chunk))
    if isinstance(source, Sound):
        return sounds[0]
    if isinstance(source, list | tuple) and any(hasattr(item, "__array__") for item in source):
        return [_like(sound, item) if hasattr(item, "__array__") else sound for sound, item in zip(sounds, source, strict=True)]
    if not hasattr(source, "__array__"):
        return sounds
    given = np.asarray(source)
    return np.stack([_like(sound, row) for sound, row in zip(sounds, rows_of(given), strict=True)]).reshape(given.shape)


def _whole(sounds: list[Sound]) -> list[Sound]:
    """Pieces that follow one another put together."""
    groups: list[list[Sound]] = []
    for sound in sounds:
        if sound.begin and groups and groups[-1][-1].end == sound.begin:
            groups[-1].append(sound)
        else:
            groups.append([sound])
    return [
        group[0] if len(group) == 1 else replace(group[0], samples=np.concatenate([sound.own for sound in group]), behind=0, ahead=0)
        for group in groups
    ]


def _like(sound: Sound, given: Any) -> NDArray[Any]:
    """A sound as an array of the shape and type of another."""
    given = np.asarray(given)
    samples = sound.samples.reshape(given.shape)
    if given.dtype.kind not in "iu":
        return samples.astype(given.dtype, copy=False)
    limits = np.iinfo(given.dtype)
    half = 2.0 ** (8 * given.dtype.itemsize - 1)
    made: NDArray[Any] = np.rint(samples.astype(np.float64) * half + (half if given.dtype.kind == "u" else 0))
    return made.clip(limits.min, limits.max).astype(given.dtype)


def write(chunks: Iterable[Chunk], path: Any, facts: Facts) -> None:
    """Write sounds: to a file in its suffix's format one after another, to a folder (`DIR/`) each under its name, numbered without one.

    Files appear complete or not at all; what cannot be written raises `CannotWrite`, a suffix that is not known `BadOption`.
    """
    sounds = (sound for chunk in chunks for sound in _written(chunk, facts))
    if is_folder(path):
        save_all(sounds, Path(path))
    else:
        save(sounds, Path(path))


def _written(chunk: Chunk, facts: Facts) -> list[Sound]:
    """A chunk as Sounds; arrays have the rate of the model."""
    if not hasattr(chunk, "__array__"):
        return as_sounds(chunk)
    return [as_sound(row, number, facts["rate"]) for number, row in enumerate(rows_of(np.asarray(chunk)))]
