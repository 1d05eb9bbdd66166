"""One sound, and how it is read from a file: what the file says of itself, and any stretch of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hourglass.errors import BadData, BadFile, BadType, DamagedFile
from hourglass.kinds import _sound_av

__all__ = ["ARRAY", "RATE", "Header", "Sound", "Span", "as_sound", "as_sounds", "depth", "finite", "load", "peek", "rows_of", "told"]

Header = _sound_av.Header
ARRAY = "array"  # the format of what does not come from a file
FLOATS = ("FLOAT", "DOUBLE")
RATE = 16_000  # of arrays, where nothing is said
DEPTHS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_24": 24, "PCM_32": 24, "FLOAT": 24, "DOUBLE": 24}  # bits that float32 holds; else 16
SHORTENED = re.compile(r"^ *(?:data|SSND|Data Size|riff) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
OPEN_END = 2**31 - 2**16  # sizes from here on are those of files that were written to a pipe: they do not know their own


class Span(NamedTuple):
    """A stretch of a recording, in frames: its `begin` and `end`, and how many frames `ahead` of it and `behind` it are read too."""

    begin: int
    end: int
    ahead: int = 0
    behind: int = 0


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound, or a piece of a long one: `samples` (n, channels) with full scale at -1 and 1, `rate` of them in a second, and its name.

    `format` and `subtype` (as soundfile calls them) and `metadata` (title, artist, ...) are what a file is written with. A piece tells
    the number of its `recording`, at which frame of it it begins, and how many frames that has in `total`; of its samples the first
    `ahead` and the last `behind` belong to its neighbours.
    """

    samples: NDArray[Any]
    rate: int
    name: str = ""
    format: str = "WAV"
    subtype: str = "PCM_16"
    recording: int = 0
    begin: int = 0
    total: int = 0
    ahead: int = 0
    behind: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.samples.ndim == 1:
            object.__setattr__(self, "samples", self.samples[:, None])
        if not self.total:
            object.__setattr__(self, "total", self.begin + len(self.own))

    @property
    def own(self) -> NDArray[Any]:
        """The samples without those of the neighbours."""
        return self.samples[self.ahead : len(self.samples) - self.behind]

    @property
    def end(self) -> int:
        """The frame of the recording at which its own samples end."""
        return self.begin + len(self.own)

    @property
    def channels(self) -> int:
        """1 is mono, 2 is stereo."""
        return int(self.samples.shape[1])


def as_sound(item: Any, number: int, rate: int) -> Sound:
    """A Sound as it is, or an array (T,) or (T, channels) as one; whole numbers run over their full range."""
    if isinstance(item, Sound):
        return item
    array = np.asarray(item)
    if array.ndim not in (1, 2) or array.dtype.kind not in "iuf" or not array.size:
        raise BadData(f"sound {number} has shape {array.shape} of {array.dtype}: a sound is numbers, (T,) or (T, channels), at least one")
    subtype = "FLOAT"
    if array.dtype.kind in "iu":
        half = 2.0 ** (8 * array.dtype.itemsize - 1)
        array = ((array.astype(np.float64) - (half if array.dtype.kind == "u" else 0)) / half).astype(np.float32)
        subtype = {1: "PCM_U8", 2: "PCM_16"}.get(np.asarray(item).dtype.itemsize, "PCM_32")
    elif array.dtype != np.float64:
        array = array.astype(np.float32, copy=False)
    finite(array, f"sound {number}", rate)
    return Sound(array, rate, format=ARRAY, subtype=subtype, recording=number)


def rows_of(array: NDArray[Any]) -> list[NDArray[Any]]:
    """The sounds of an array."""
    if array.ndim not in (1, 2, 3) or not array.size:
        raise BadData(f"an array of shape {array.shape} holds no sounds; they are (n, T) or (n, T, channels)")
    return list(array if array.ndim > 1 else array[None])


def as_sounds(chunk: Any) -> list[Sound]:
    """A chunk as Sounds."""
    if hasattr(chunk, "__array__"):
        return [as_sound(row, number, RATE) for number, row in enumerate(rows_of(np.asarray(chunk)))]
    if not isinstance(chunk, list | tuple) or not all(isinstance(sound, Sound) for sound in chunk):
        raise BadType(f"a chunk of sounds is a list of Sound; this is a {type(chunk).__name__}")
    return list(chunk)


def depth(subtype: str) -> int:
    """How many bits a value has; what is not kept in whole numbers (MP3, Vorbis) is taken for 16 bits, as players give it out."""
    return DEPTHS.get(subtype, 16)


def finite(samples: NDArray[Any], name: str, rate: int, begin: int = 0) -> None:
    """Refuse values that are not finite."""
    if not np.isfinite(samples).all():
        wrong = np.flatnonzero(~np.isfinite(samples.reshape(len(samples), -1)).all(axis=1))
        where = f"the first at sample {begin + wrong[0]:,} ({(begin + wrong[0]) / rate:.2f} s)"
        raise BadData(f"{name}: {len(wrong):,} samples are not finite (NaN or infinite), {where}; replace them first")


def peek(path: Path) -> Header:
    """What a file says of its sound, and whether it is all there; a file that cannot be used raises, with its name in the message."""
    import soundfile

    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as trouble:
        raise BadFile(f"cannot read {path}: {trouble.strerror or trouble}") from trouble
    if empty:
        raise BadFile(f"{path} is empty (0 bytes); leave it out, or get it again")
    try:
        with soundfile.SoundFile(str(path)) as file:
            header = Header(file.samplerate, file.channels, file.frames, file.format, file.subtype)
            _whole(file, path)
    except (soundfile.LibsndfileError, RuntimeError) as trouble:
        header = _sound_av.peek(path, _reason(trouble))
    if header.frames < 1:
        raise BadData(f"{path}: there is no sound in it (no samples); leave it out")
    return header


def _reason(trouble: BaseException) -> str:
    """What soundfile says, without the name of the file."""
    return str(getattr(trouble, "error_string", trouble)).rstrip(". ")


def _whole(file: Any, path: Path) -> None:
    """Is the end of the file there? `file` is an open SoundFile; values that are not finite are found too, in files that can hold them."""
    import soundfile

    for said, there in SHORTENED.findall(file.extra_info):
        if int(there) < int(said) < OPEN_END:
            raise DamagedFile(f"{path} is cut off: it says it holds {int(said):,} bytes of sound and has {int(there):,}; get it again")
    if not file.frames:
        return
    try:
        file.seek(max(0, file.frames - (file.samplerate if file.format == "MP3" else 1)))  # MP3 often knows its length roughly only
        complete = len(file.read(1)) == 1
    except (soundfile.LibsndfileError, RuntimeError):
        complete = False
    if not complete:
        raise DamagedFile(
            f"{path} is cut off or damaged: it says it holds {file.frames:,} samples, and the last cannot be read; get it again"
        )
    if file.subtype in FLOATS:
        file.seek(0)
        for number, block in enumerate(file.blocks(2**18, dtype="float32")):
            finite(block, str(path), file.samplerate, number * 2**18)


def load(path: Path, header: Header, span: Span, name: str, recording: int) -> Sound:
    """A stretch of a file, in float32; a file whose samples cannot be read raises `DamagedFile`."""
    begin, end = max(0, span.begin - span.ahead), min(header.frames, span.end + span.behind)
    if header.by == "av":
        samples, metadata = _sound_av.load(path, header, begin, end), dict(header.metadata)
    else:
        samples, metadata = _read(path, header, begin, end)
    finite(samples, str(path), header.rate, begin)
    ahead, behind = span.begin - begin, end - span.end
    place = (recording, span.begin, header.frames, ahead, behind)
    return Sound(samples, header.rate, name, header.format, header.subtype, *place, metadata=metadata)


def _read(path: Path, header: Header, begin: int, end: int) -> tuple[NDArray[np.float32], dict[str, str]]:
    """The samples (end - begin, channels), and the title and its like."""
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            if begin:
                file.seek(begin)
            samples = file.read(end - begin, dtype="float32", always_2d=True)
            metadata = file.copy_metadata()
    except (soundfile.LibsndfileError, RuntimeError) as trouble:
        raise DamagedFile(
            f"{path} is damaged between {begin / header.rate:.1f} s and {end / header.rate:.1f} s: {_reason(trouble)}"
        ) from trouble
    missing = end - begin - len(samples)
    if missing > header.rate or not len(samples):
        raise DamagedFile(f"{path} is cut off: {missing:,} of its samples cannot be read; get it again")
    return (np.pad(samples, ((0, missing), (0, 0))) if missing else samples), metadata


def told(sound: Sound) -> dict[str, Any]:
    """Where a sound lies in its recording and what its file is, as JSON: all that is needed to put it together again."""
    place = {"recording": sound.recording, "begin": sound.begin, "end": sound.end, "total": sound.total, "channels": sound.channels}
    return {**place, "rate": sound.rate, "name": sound.name, "format": sound.format, "subtype": sound.subtype}
