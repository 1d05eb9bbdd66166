"""A video file read as a stream: what it holds, and any run of its frames without decoding what lies before.

peek (packets, nothing decoded; first and last frames tried) -> Film -> Projector.frames (from the keyframe before, then onwards)
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourglass.errors import BadData, BadFile, HourglassError

__all__ = ["Decoder", "Film", "Projector", "av_error", "said", "turned"]

HIGH = 720  # lines from which on colours follow BT.709 where a file does not say
Frames = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Film:
    """What a file holds: upright `size` (H, W), frames a second, `stamps` (count,) of its frames in units of `base` seconds.

    `keys` are the numbers of frames that decoding can begin at and `marks` their decoding times. `counted`: stamps cannot be trusted,
    frames are told by their order alone. `troubles` are sentences about what is wrong or lost.
    """

    path: Path
    stamps: NDArray[np.int64]
    keys: NDArray[np.int64]
    marks: NDArray[np.int64]
    base: Fraction
    rate: Fraction
    size: tuple[int, int] = (0, 0)
    counted: bool = False
    sound: bool = False
    missing: str = ""
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Frames."""
        return len(self.stamps)

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of each frame, the first at 0."""
        if self.counted:
            return np.arange(self.count) / float(self.rate)
        seconds: NDArray[np.float64] = (self.stamps - self.stamps[0]) * float(self.base)
        return seconds

    @property
    def steady(self) -> bool:
        """Do the frames follow at even steps (to a few clicks of the file's own clock)?"""
        slack = max(2.5 * float(self.base), 0.05 / float(self.rate))
        return self.counted or bool(np.abs(self.times - np.arange(self.count) / float(self.rate)).max() <= slack)


class Decoder:
    """One open file, read forwards; `flow` yields the number and the frame of each that comes."""

    def __init__(self, film: Film) -> None:
        self.film, self.why, self.next = film, "", 0
        self.container: Any = None
        self.flow: Iterator[tuple[int, Any]] = iter(())
        self._open()

    def close(self) -> None:
        """Close the file."""
        if self.container is not None:
            self.container.close()

    def _open(self) -> None:
        import av

        self.close()
        self.container = av.open(str(self.film.path), metadata_errors="ignore")
        self.stream = self.container.streams.video[0]
        self.stream.thread_type = "SLICE"  # threads by frame lose good frames beside a broken one
        self.flow, self.next = self._decoded(), 0

    def _decoded(self) -> Iterator[tuple[int, Any]]:
        """Frames from here on. What a broken packet raises is kept in `why`, and the next one tried."""
        count = 0
        packets = self.container.demux(self.stream)
        while True:
            packet = None
            try:
                packet = next(packets, None)
                frames = [] if packet is None else packet.decode()
            except EOFError:
                return
            except av_error() as trouble:
                self.why = f" ({getattr(trouble, 'strerror', None) or type(trouble).__name__})"
                if packet is None:
                    return
                continue
            if packet is None:
                return
            for frame in frames:
                number = count if self.film.counted else self._number(frame)
                count += 1
                if number is not None:
                    self.next = number + 1
                    yield number, frame

    def _number(self, frame: Any) -> int | None:
        """Which frame this is, by its stamp; None where the file's list has none with it."""
        if frame.pts is None:
            return self.next
        at = int(np.searchsorted(self.film.stamps, frame.pts))
        return at if at < self.film.count and self.film.stamps[at] == frame.pts else None

    def go(self, first: int) -> None:
        """Get ready to read frame `first`: read on where that is nearest, else begin at the keyframe before."""
        key = int(np.searchsorted(self.film.keys, first, side="right")) - 1
        if self.next <= first and (key < 0 or self.film.keys[key] <= self.next):
            return
        if key <= 0 or self.film.counted:
            if self.next > first:
                self._open()
            return
        for mark in (self.film.stamps[self.film.keys[key]], self.film.marks[key]):  # containers seek by one or by the other
            self._seek(key, int(mark))
            if (head := next(self.flow, None)) is not None and head[0] <= first:
                self.flow = itertools.chain([head], self.flow)
                return
        self._open()  # a file whose index misleads: from the start

    def _seek(self, key: int, mark: int) -> None:
        with contextlib.suppress(av_error()):
            self.container.seek(mark, stream=self.stream, backward=True)
        self.flow, self.next = self._decoded(), int(self.film.keys[key])

    def between(self, first: int, stop: int) -> Iterator[tuple[int, Any]]:
        """The frames from `first` on and before `stop`."""
        if stop <= first:
            return
        self.go(first)
        for number, frame in self.flow:
            if first <= number < stop:
                yield number, frame
            if number >= stop - 1:
                return


class Projector:
    """Gives runs of frames of several files; the file read last stays open, so that reading on costs nothing again."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.decoder: Decoder | None = None

    def frames(self, film: Film, numbers: Sequence[int]) -> tuple[Frames, list[int], str]:
        """The frames `numbers` (ascending) that can be decoded (T, H, W, 3), which they are, and what went wrong."""
        with self.lock, said(film.path):
            if self.decoder is None or self.decoder.film is not film:
                self._put(Decoder(film))
            assert self.decoder is not None
            return self._filled(self.decoder, set(numbers), range(numbers[0], numbers[-1] + 1))

    def _filled(self, decoder: Decoder, wanted: set[int], span: range) -> tuple[Frames, list[int], str]:
        height, width = decoder.film.size
        pixels, got = np.empty((len(wanted), height, width, 3), np.uint8), list[int]()
        decoder.why = ""
        for number, frame in decoder.between(span.start, span.stop):
            if number not in wanted or number <= (got or [-1])[-1]:
                continue
            upright = turned(frame)
            if upright.shape == pixels.shape[1:]:
                pixels[len(got)] = upright
                got.append(number)
            else:
                decoder.why = f" (it has {upright.shape[1]} x {upright.shape[0]} pixels, the first ones {width} x {height})"
        return pixels[: len(got)], got, decoder.why

    def _put(self, decoder: Decoder) -> None:
        if self.decoder is not None:
            self.decoder.close()
        self.decoder = decoder


def turned(frame: Any) -> Frames:
    """A frame as upright RGB (H, W, 3). Small ones with colours interpolated: 13 dB nearer on smooth colours, 20 times the time."""
    from av.video.reformatter import Colorspace, Interpolation

    high, unsaid = frame.height >= HIGH, int(frame.colorspace) == 2  # the number of "unspecified"
    fine = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
    source = Colorspace.ITU709 if unsaid and high else None
    pixels = frame.reformat(format="rgb24", src_colorspace=source, interpolation=None if high else fine).to_ndarray()
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters else pixels


def av_error() -> type[Exception]:
    """What FFmpeg raises."""
    import av

    return av.error.FFmpegError


@contextlib.contextmanager
def said(path: Path) -> Iterator[None]:
    """Turn what a decoder raises into an error that names the file."""
    try:
        yield
    except HourglassError:
        raise
    except PermissionError as error:
        raise BadFile(f"{path}: no permission to read it") from error
    except FileNotFoundError as error:
        raise BadFile(f"{path}: there is no such file") from error
    except MemoryError as error:
        raise BadData(f"{path}: does not fit in memory") from error
    except (av_error(), OSError, ValueError) as error:
        empty = path.is_file() and path.stat().st_size == 0
        why = "it is empty (0 bytes)" if empty else "its format is not known, or its beginning or index is missing or damaged"
        raise BadData(f"{path}: not a video that can be read: {why}") from error
