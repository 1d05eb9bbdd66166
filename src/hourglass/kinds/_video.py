"""One video, or a run of its frames: the record that passes between reading, clips and writing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourglass.errors import BadData, BadType

__all__ = ["RATE", "Video", "as_video", "bytewise", "merged", "runs", "videos"]

RATE = Fraction(25)  # frames per second of arrays, which do not tell theirs


@dataclass(frozen=True, eq=False)
class Video:
    """Frames that follow one another: `frames` (T, H, W, 1 or 3) uint8, grey or RGB, `rate` of them a second.

    `number` is the video's number among those read, `start` the number of the first frame here and `total` the frames of the whole video,
    of which this may be a part. `times` (T,) are the frames' seconds where they are uneven, else None. `sound` is the file whose sound
    goes with the frames, or None; `label` the label, when one was asked for.
    """

    frames: NDArray[np.uint8] = field(repr=False)
    rate: Fraction = RATE
    name: str = ""
    number: int = 0
    start: int = 0
    total: int = 0
    times: NDArray[np.float64] | None = field(default=None, repr=False)
    sound: Path | None = None
    label: Any = None

    @property
    def count(self) -> int:
        """Frames in this record."""
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.frames.shape[1], self.frames.shape[2]


def as_video(item: Any, number: int = 0) -> Video:
    """A whole Video of an array (T, H, W) or (T, H, W, C), uint8 or floats from 0 to 1, or of a part of a Video."""
    if isinstance(item, Video):
        return replace(item, number=number, start=0, total=item.count)
    frames = bytewise(np.asarray(item), f"video {number}")
    if frames.ndim not in (3, 4) or (frames.ndim == 4 and frames.shape[-1] not in (1, 3, 4)) or 0 in frames.shape:
        raise BadData(f"video {number} has shape {frames.shape}; a video is (frames, height, width) or (frames, height, width, 1 or 3)")
    frames = frames[..., None] if frames.ndim == 3 else frames
    return Video(frames[..., :3], number=number, total=len(frames))


def bytewise(frames: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Values as uint8: these as they are, truth values and floats from 0 to 1 scaled to 255; others raise `BadData`."""
    if frames.dtype == np.uint8:
        return frames
    if frames.dtype.kind not in "bf" or (frames.size and not (float(frames.min()) >= 0 and float(frames.max()) <= 1)):
        raise BadData(f"{name}: values of a video are uint8 (0 to 255) or floats from 0 to 1; these are {frames.dtype}{_limits(frames)}")
    return np.rint(frames * 255.0).astype(np.uint8)


def _limits(frames: NDArray[Any]) -> str:
    return f" from {frames.min():g} to {frames.max():g}" if frames.dtype.kind in "iuf" and frames.size else ""


def videos(chunk: Any) -> Sequence[Video]:
    """A chunk as Videos: a list of them, one, or an array (n, T, H, W, C)."""
    if isinstance(chunk, Video):
        return [chunk]
    if isinstance(chunk, list | tuple) and all(isinstance(item, Video) for item in chunk):
        return chunk
    if hasattr(chunk, "__array__") and np.ndim(chunk) in (4, 5):
        return [as_video(item, number) for number, item in enumerate(np.asarray(chunk))]
    raise BadType(
        f"a chunk of videos is a list of Video or an array (n, frames, height, width, channels); this is a {type(chunk).__name__}"
    )


def runs(parts: Iterable[Video]) -> Iterable[Iterable[Video]]:
    """Parts in order, those of one video together; nothing is read ahead."""
    seen, last = 0, None

    def which(part: Video) -> int:
        nonlocal seen, last
        seen += last is not None and (part.start == 0 or part.number != last)
        last = part.number
        return seen

    return (group for _, group in groupby(parts, which))


def merged(parts: Iterable[Video]) -> list[Video]:
    """One Video for each, of the parts of it that follow one another."""
    return [_one(list(group)) for group in runs(parts)]


def _one(parts: list[Video]) -> Video:
    if len(parts) == 1:
        return parts[0]
    times = [part.times for part in parts if part.times is not None]
    frames = np.concatenate([part.frames for part in parts])
    return replace(parts[0], frames=frames, times=np.concatenate(times) if len(times) == len(parts) else None)
