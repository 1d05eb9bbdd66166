"""Sounds that soundfile does not know (m4a, aac, wma, ...), read and written with PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hourglass.errors import BadFile, CannotWrite, DamagedFile

__all__ = ["CODECS", "Header", "at_rate", "load", "peek", "write"]

CODECS = {".m4a": "aac", ".aac": "aac", ".mp3": "libmp3lame"}
SEEKING = ("mov", "mp4", "m4a", "matroska", "webm", "asf")  # containers with an index; others are decoded from the start
KEPT = ("title", "artist", "album", "comment", "date", "genre", "track", "copyright")
EARLIER = 0.25  # seconds: codecs need what was before to decode what comes
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
Array = NDArray[np.float32]


class Header(NamedTuple):
    """What a file says of its sound: `frames` samples in each of its channels, `by` which library it is read."""

    rate: int
    channels: int
    frames: int
    format: str
    subtype: str
    by: str = "soundfile"
    origin: float = 0.0  # the time stamp of the first sample, in seconds
    metadata: Mapping[str, str] = {}


def peek(path: Path, why: str) -> Header:
    """What is in a file that soundfile could not read, because of `why`; one without sound raises `BadFile`."""
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise BadFile(f"{path}: no sound in it; name files of sound, or leave it out")
            stream = container.streams.audio[0]
            frame = next(iter(container.decode(stream)), None)
            if frame is None or frame.pts is None:
                raise BadFile(f"{path}: no sound in it that can be decoded; leave it out")
            origin = _when(frame)
            head = (frame.sample_rate, frame.layout.nb_channels)
            named = (container.format.name.split(",")[0].upper(), stream.codec_context.name.upper())
            metadata = {key: container.metadata[key] for key in KEPT if container.metadata.get(key)}
        frames = round((_end(path) - Fraction(origin)) * head[0])
    except (av.error.FFmpegError, OSError) as trouble:
        if isinstance(trouble, BadFile):
            raise
        raise BadFile(
            f"{path} is not a sound that can be read ({why[:1].lower() + why[1:]}); leave it out, or turn it into .wav"
        ) from trouble
    return Header(*head, max(frames, 0), *named, "av", origin, metadata)


def _end(path: Path) -> Fraction:
    """When the last packet ends, in seconds; nothing is decoded."""
    import av

    with av.open(str(path)) as container:
        ends = [
            (packet.pts + (packet.duration or 0)) * Fraction(packet.time_base or 1)
            for packet in container.demux(container.streams.audio[0])
            if packet.pts is not None
        ]
    return max(ends, default=Fraction(0))


def _when(frame: Any) -> float:
    """When a frame begins, in seconds."""
    return float(frame.pts * frame.time_base)


def load(path: Path, header: Header, begin: int, end: int) -> Array:
    """Samples (end - begin, channels); each decoded frame lies where its time stamp says, and what is missing between them is silent."""
    import av

    samples = np.zeros((end - begin, header.channels), dtype=np.float32)
    found = 0
    try:
        for at, block in _decoded(path, header, begin):
            if at >= end:
                break
            first, last = max(at, begin), min(at + len(block), end)
            if first < last:
                samples[first - begin : last - begin] = block[first - at : last - at]
                found += last - first
    except av.error.FFmpegError as trouble:
        raise DamagedFile(
            f"{path} is damaged between {begin / header.rate:.1f} s and {end / header.rate:.1f} s: {trouble.strerror}"
        ) from trouble
    if end - begin - found > header.rate:
        raise DamagedFile(f"{path} is cut off or damaged: {end - begin - found:,} of its samples cannot be decoded; get it again")
    return samples


def _decoded(path: Path, header: Header, begin: int) -> Iterator[tuple[int, Array]]:
    """Blocks (n, channels) and the frames at which they begin, from a little before `begin` on."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        start = begin / header.rate + header.origin - EARLIER
        if start > 0 and container.format.name.split(",")[0] in SEEKING:
            container.seek(int(start / (stream.time_base or 1)), stream=stream)
        for frame in container.decode(stream):
            at = round((_when(frame) - header.origin) * header.rate)
            yield at, _block(frame, header.channels)


def _block(frame: Any, channels: int) -> Array:
    """A frame as (n, channels) with full scale at 1."""
    array = frame.to_ndarray()
    array = array.T if frame.format.is_planar else array.reshape(-1, frame.layout.nb_channels)
    if array.dtype.kind in "iu":
        half = 2.0 ** (8 * array.dtype.itemsize - 1)
        array = (array.astype(np.float64) - (half if array.dtype.kind == "u" else 0)) / half
    if array.shape[1] < channels:
        array = np.repeat(array[:, :1], channels, axis=1)
    return np.ascontiguousarray(array[:, :channels], dtype=np.float32)


def at_rate(blocks: Iterable[Array], before: int, after: int) -> Iterator[Array]:
    """Blocks (n, channels) that follow one another, brought to another sampling rate without seams between them."""
    import av

    if before == after:
        yield from blocks
        return
    resampler = None
    for block in blocks:
        if len(block):
            frame = _frame(block, before)
            resampler = resampler or av.AudioResampler(format="fltp", layout=frame.layout, rate=after)
            yield from map(_planes, resampler.resample(frame))
    if resampler is not None:
        yield from map(_planes, resampler.resample(None))


def _planes(frame: Any) -> Array:
    made: Array = frame.to_ndarray().T
    return made


def _frame(block: Array, rate: int) -> Any:
    import av

    planes = np.ascontiguousarray(block.T, dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=LAYOUTS[len(planes)])
    frame.sample_rate = rate
    return frame


def write(path: Path, blocks: Iterable[Array], rate: int, channels: int, metadata: Mapping[str, str]) -> None:
    """Blocks (n, channels) of one rate to a file; its suffix chooses the codec."""
    import av

    try:
        with av.open(str(path), "w") as container:
            container.metadata.update({key: value for key, value in metadata.items() if value})
            stream: Any = container.add_stream(CODECS[path.suffix.lower()], rate=rate, layout=LAYOUTS[channels])
            stream.bit_rate = 96_000 * channels
            begin = 0
            for block in (block for block in blocks if len(block)):
                frame = _frame(block, rate)
                frame.pts, frame.time_base = begin, Fraction(1, rate)
                begin += len(block)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except (av.error.FFmpegError, ValueError) as trouble:
        raise CannotWrite(f"cannot write {path}: {trouble}") from trouble
