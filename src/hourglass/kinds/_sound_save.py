"""Sounds to files: the suffix chooses the format, depth and title are kept where it can, and a file is there whole or not at all."""

from __future__ import annotations

import contextlib
import itertools
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourglass.errors import BadData, BadOption, CannotWrite
from hourglass.kinds import _sound_av
from hourglass.kinds._sound import Sound, depth
from hourglass.writing import atomic

__all__ = ["WRITTEN", "is_folder", "save", "save_all"]

FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG", ".opus": "OGG", ".mp3": "MP3", ".aif": "AIFF", ".aiff": "AIFF"}
FORMATS |= {".au": "AU", ".caf": "CAF", ".w64": "W64"}
WRITTEN = (*FORMATS, ".m4a", ".aac")
LOSSY = {".ogg": "VORBIS", ".oga": "VORBIS", ".opus": "OPUS", ".mp3": "MPEG_LAYER_III"}
MOST_CHANNELS = {".mp3": 2, ".flac": 8, ".m4a": 6, ".aac": 6}
_MPEG = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
RATES = {".opus": (8_000, 12_000, 16_000, 24_000, 48_000), ".mp3": _MPEG, ".m4a": (*_MPEG, 64_000, 88_200, 96_000)}
RATES[".aac"] = RATES[".m4a"]
PAUSE = 0.25  # seconds of silence between sounds in one file
SEEN = 0.001  # share of samples beyond full scale from which on it is said
Array = NDArray[Any]


def save_all(sounds: Iterable[Sound], folder: Path) -> None:
    """Each sound to a file of its own in `folder`, under its name; those without a name as 00001.wav and on."""
    for index, (first, pieces) in enumerate(_apart(sounds)):
        name = PurePosixPath(first.name or f"{index + 1:05d}.wav")
        if name.is_absolute() or ".." in name.parts:  # a name never leads out of the folder
            name = PurePosixPath(name.name)
        if name.suffix.lower() not in WRITTEN:
            name = name.with_name(f"{name.name}.wav")
        save(pieces, folder / name)


def _apart(sounds: Iterable[Sound]) -> Iterator[tuple[Sound, Iterator[Sound]]]:
    """Each sound, and its pieces, which follow one another (itself first)."""
    begun = [0]

    def number(sound: Sound) -> int:
        begun[0] += sound.begin == 0
        return begun[0]

    for _, pieces in itertools.groupby(sounds, number):
        first = next(pieces)
        yield first, itertools.chain([first], pieces)  # noqa: B031 - what is left of the group


def save(sounds: Iterable[Sound], path: Path) -> None:
    """Sounds to one file, one after another with a short pause, in the rate and channels of the first; pieces follow without a pause.

    A suffix that is not known, or channels that a format cannot hold, raise `BadOption`; a full disk raises `CannotWrite`.
    """
    suffix, left = path.suffix.lower(), iter(sounds)
    if suffix not in WRITTEN:
        raise BadOption(f"cannot write a sound to {path}: its name must end in one of {' '.join(WRITTEN)}")
    first = next(left, None)
    if first is None:
        raise BadData(f"no sounds to write to {path}")
    most = MOST_CHANNELS.get(suffix, 255)
    if first.channels > most:
        raise BadOption(f"cannot write {first.channels} channels to {path}: {suffix} holds {most} at most; .wav holds them")
    rate = _rate(first.rate, suffix)
    blocks = _blocks(itertools.chain([first], left), rate, first.channels)
    with atomic(path) as beside:
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix in FORMATS and _known(suffix):
            _write(beside, blocks, first, rate, path)
        else:
            _sound_av.write(beside, (np.clip(block, -1, 1) for block in blocks), rate, first.channels, first.metadata)


def _known(suffix: str) -> bool:
    """Can this soundfile write it? Old ones cannot write MP3."""
    import soundfile

    return bool(soundfile.check_format(FORMATS[suffix], LOSSY.get(suffix)))


def _rate(rate: int, suffix: str) -> int:
    """The rate itself, or where a format has none such the next higher one (else its highest)."""
    allowed = RATES.get(suffix, (rate,))
    return min((each for each in allowed if each >= rate), default=max(allowed))


def _blocks(sounds: Iterable[Sound], rate: int, channels: int) -> Iterator[Array]:
    """The samples (n, channels) of all sounds at one rate, with pauses between them."""
    for number, (first, pieces) in enumerate(_apart(sounds)):
        if number:
            yield np.zeros((round(PAUSE * rate), channels), dtype=np.float32)
        own = (_channelled(np.nan_to_num(sound.own), channels) for sound in pieces)
        yield from _sound_av.at_rate(own, first.rate, rate)


def _channelled(samples: Array, channels: int) -> Array:
    """Samples (n, K) in another number of channels: mixed down to one, else the last one repeated or left out."""
    if samples.shape[1] == channels:
        return samples
    if channels == 1:
        mixed: Array = samples.mean(axis=1, keepdims=True)
        return mixed
    return samples[:, np.minimum(np.arange(channels), samples.shape[1] - 1)]


def _subtype(first: Sound, suffix: str) -> str:
    """How values are kept: as they came, where the format can; else in 16 bits, or 24 for deeper ones."""
    import soundfile

    if suffix in LOSSY:
        return LOSSY[suffix]
    wanted = [first.subtype] if first.subtype not in LOSSY.values() else []
    wanted += ["PCM_24"] * (depth(first.subtype) > 16) + ["PCM_16"]
    return next(each for each in wanted if _possible(soundfile, FORMATS[suffix], each))


def _possible(soundfile: Any, form: str, subtype: str) -> bool:
    return subtype in soundfile.available_subtypes() and bool(soundfile.check_format(form, subtype))


def _write(target: Path, blocks: Iterable[Array], first: Sound, rate: int, path: Path) -> None:
    import soundfile

    suffix = path.suffix.lower()
    subtype = _subtype(first, suffix)
    beyond = total = 0
    try:
        with soundfile.SoundFile(str(target), "w", rate, first.channels, subtype, format=FORMATS[suffix]) as file:
            for key, value in first.metadata.items():
                with contextlib.suppress(soundfile.SoundFileError, AttributeError, TypeError):
                    setattr(file, key, value)
            for block in blocks:
                beyond, total = beyond + int((np.abs(block) > 1 + 2.0**-15).sum()), total + block.size
                for begin in range(0, len(block), 2**18):  # Vorbis takes its work memory from the stack: never much at once
                    file.write(_numbers(block[begin : begin + 2**18], subtype))
    except (soundfile.SoundFileError, OSError) as trouble:
        if getattr(trouble, "errno", None):
            raise
        raise CannotWrite(f"cannot write {path}: {getattr(trouble, 'error_string', trouble)}") from trouble
    if beyond > SEEN * total and subtype not in ("FLOAT", "DOUBLE"):
        warnings.warn(f"{path.name}: {beyond / total:.1%} of the samples are beyond full scale and are clipped", UserWarning, stacklevel=5)


def _numbers(samples: Array, subtype: str) -> Array:
    """Samples as a file takes them: whole numbers rounded and clipped by us, so that what is unchanged comes back to the bit."""
    if subtype in ("FLOAT", "DOUBLE"):
        return samples
    if subtype in LOSSY.values():
        return samples.clip(-1, 1)
    bits = {"PCM_S8": 8, "PCM_U8": 8, "PCM_24": 24, "PCM_32": 32}.get(subtype, 16)
    half = 2.0 ** (bits - 1)
    whole = np.rint(samples.astype(np.float64) * half).clip(-half, half - 1).astype(np.int64)
    return (whole << (16 - bits)).astype(np.int16) if bits <= 16 else (whole << (32 - bits)).astype(np.int32)


def is_folder(path: Any) -> bool:
    """Does a path mean a folder?"""
    return os.fspath(path).endswith(("/", os.sep)) or Path(path).is_dir()
