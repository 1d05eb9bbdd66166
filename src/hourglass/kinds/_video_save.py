"""Videos to files, frame by frame as they arrive: containers and codecs, sound taken over, and arrays."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hourglass.errors import BadData, BadOption, CannotWrite
from hourglass.kinds._picture_source import ARRAYS
from hourglass.kinds._video import Video, merged, runs, videos
from hourglass.writing import atomic

__all__ = ["WRITTEN", "write"]

H264 = ("libx264", {"crf": "17", "preset": "veryfast"})
MPEG4 = ("mpeg4", {"b": "20000000", "qmin": "2", "qmax": "4"})
CODECS: Mapping[str, tuple[tuple[str, dict[str, str]], ...]] = {  # the first that this build of FFmpeg has
    ".mp4": (H264, MPEG4),
    ".mov": (H264, MPEG4),
    ".mkv": (H264, MPEG4),
    ".webm": (("libvpx-vp9", {"crf": "18", "b": "0", "cpu-used": "5", "row-mt": "1"}), ("libvpx", {"crf": "8", "b": "20000000"})),
    ".avi": (MPEG4,),
    ".y4m": (("rawvideo", {}),),
    ".gif": (("gif", {}),),
}
WRITTEN = (*CODECS, *ARRAYS)
EVEN_ONLY = (".avi", ".y4m", ".gif")  # formats whose frames follow at even steps (GIF: in hundredths of a second)
CLOCK = 90_000  # clicks a second for frames that do not
HIGH = 720


def write(chunks: Iterable[Any], path: Any, facts: Mapping[str, Any]) -> None:
    """Write videos as they come: to one file (several one behind another, at the size of the first), or into a folder (`DIR/`) one each.

    The suffix chooses container and codec. Files of a folder have their names, or 00001.mp4 and on. `.npy` and `.npz` take arrays of
    videos of one size. Files appear complete or not at all. A suffix that is not known raises `BadOption`, a full disk `CannotWrite`.
    """
    text, target = os.fspath(path), Path(path)
    parts = (video for chunk in chunks for video in videos(chunk))
    if text.endswith(("/", os.sep)) or target.is_dir():
        for number, group in enumerate(runs(parts), start=1):
            first = next(group := iter(group))
            _save(chain([first], group), _placed(target, first.name, number))
    elif target.suffix.lower() in ARRAYS:
        _write_array([video.frames for video in merged(parts)], target)
    else:
        _save(parts, target)


def _placed(folder: Path, name: str, number: int) -> Path:
    """Where a video of a folder goes; a name never leads out of it."""
    inside = PurePosixPath(name or f"{number:05d}.mp4")
    if inside.is_absolute() or ".." in inside.parts:
        inside = PurePosixPath(inside.name)
    return folder / (inside if inside.suffix.lower() in CODECS else inside.with_name(f"{inside.name}.mp4"))


def _write_array(found: list[NDArray[np.uint8]], path: Path) -> None:
    if len({frames.shape for frames in found}) != 1:
        raise BadData(f"videos of several lengths or sizes do not fit in one array {path}; write them to a folder: {path.stem}/")
    stacked = np.stack(found)
    with atomic(path) as beside, beside.open("wb") as file:
        if path.suffix.lower() == ".npy":
            np.save(file, stacked, allow_pickle=False)
        else:
            np.savez_compressed(file, X=stacked)


def _save(parts: Iterable[Video], path: Path) -> None:
    """One file, of parts in order."""
    import av

    suffix = path.suffix.lower()
    if suffix not in CODECS:
        raise BadOption(f"cannot write a video to {path}: its name must end in one of {' '.join(WRITTEN)}")
    with atomic(path) as beside:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with contextlib.closing(Recorder(beside, suffix)) as recorder:
                for group in runs(parts):
                    recorder.add(group)
                if not recorder.count:
                    raise BadData(f"no frames to write to {path}")
                recorder.finish()
        except av.error.FFmpegError as trouble:
            raise CannotWrite(f"cannot write {path}: {trouble}") from trouble


class Recorder:
    """An open file that takes videos one behind another."""

    def __init__(self, path: Path, suffix: str) -> None:
        self.path, self.suffix, self.count, self.begun, self.end = path, suffix, 0, 0.0, Fraction(0)
        self.container: Any = None
        self.sound: Sound | None = None

    def add(self, parts: Iterable[Video]) -> None:
        """All parts of one video."""
        self.begun = float(self.end)
        for part in parts:
            if self.container is None and part.count:
                self._open(part)
            if part.times is not None and self.suffix in EVEN_ONLY and part.start == 0:
                _tell(f"{part.name or self.path.name}: {self.suffix} has no room for the uneven times of its frames; .mkv and .mp4 have")
            for index, frame in enumerate(part.frames):
                self._take(frame, part, index)

    def _open(self, first: Video) -> None:
        import av

        self.size, self.steady = first.size, first.times is None or self.suffix in EVEN_ONLY
        self.rate = first.rate.limit_denominator(1001) or Fraction(1, 1001)
        name, options = _codec(self.suffix)
        form = {".y4m": "yuv4mpegpipe"}.get(self.suffix)
        self.container = av.open(str(self.path), "w", format=form)
        self.stream = self.container.add_stream(name, rate=self.rate, options=dict(options))
        self.stream.height, self.stream.width = self.size
        self.stream.pix_fmt = self._pixels(name, first.frames.shape[-1])
        self.step = 1 / self.rate if self.steady else Fraction(1, CLOCK)
        self.stream.codec_context.time_base = self.step
        self.high = self.size[0] >= HIGH
        if self.stream.pix_fmt.startswith("yuv"):  # as numbered in ITU-T H.273: BT.709, BT.601
            self.stream.codec_context.colorspace = 1 if self.high else 6
        self.sound = Sound.beside(self.container, first, self.suffix)

    def _pixels(self, codec: str, channels: int) -> str:
        """How pixels are kept: halved colours play everywhere; H.264 has them for even sides only."""
        if codec == "gif":
            return "pal8"
        if codec == "rawvideo" and channels == 1:
            return "gray"
        odd = self.size[0] % 2 or self.size[1] % 2
        return "yuv444p" if odd and codec == "libx264" else "yuv420p"

    def _take(self, pixels: NDArray[np.uint8], part: Video, index: int) -> None:
        frame = self._frame(pixels)
        seconds = self.begun + (float(part.times[index]) if part.times is not None else (part.start + index) / float(part.rate))
        stamp = self.count if self.steady else max(round(seconds * CLOCK), round(self.end * CLOCK))
        frame.pts, frame.time_base = stamp, self.step
        self.count += 1
        self.end = max(self.end, (stamp + 1) * self.step if self.steady else Fraction(stamp + 1, CLOCK))
        self.container.mux(self.stream.encode(frame))
        if self.sound is not None:
            self.sound.until(seconds)

    def _frame(self, pixels: NDArray[np.uint8]) -> Any:
        import av
        from av.video.reformatter import Interpolation

        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        if image.size != self.size[::-1]:
            image = image.resize(self.size[::-1], Image.Resampling.BICUBIC)
        if self.stream.pix_fmt == "pal8":
            return _paletted(image)
        if self.stream.pix_fmt == "gray":
            return av.VideoFrame.from_ndarray(np.asarray(image.convert("L")), format="gray")
        frame = av.VideoFrame.from_ndarray(np.asarray(image.convert("RGB")), format="rgb24")
        fine, space = Interpolation.BICUBIC | Interpolation.ACCURATE_RND, "ITU709" if self.high else "ITU601"
        return frame.reformat(format=self.stream.pix_fmt, dst_colorspace=space, interpolation=fine)

    def finish(self) -> None:
        """The last packets."""
        self.container.mux(self.stream.encode())
        if self.sound is not None:
            self.sound.until(float(self.end))

    def close(self) -> None:
        """Close the files."""
        if self.sound is not None:
            self.sound.source.close()
        if self.container is not None:
            self.container.close()


class Sound:
    """The sound of another file, its packets copied as they are while the frames are written."""

    def __init__(self, container: Any, source: Any) -> None:
        self.container, self.source = container, source
        self.stream = container.add_stream_from_template(source.streams.audio[0])
        self.packets: Iterator[Any] = (packet for packet in source.demux(source.streams.audio[0]) if packet.size and packet.dts is not None)
        self.waiting: Any = None

    @classmethod
    def beside(cls, container: Any, video: Video, suffix: str) -> Sound | None:
        """The sound of a video, where it has one that this container can hold; what cannot is told."""
        import av

        if video.sound is None or suffix in EVEN_ONLY:
            return None
        try:
            source = av.open(str(video.sound), metadata_errors="ignore")
            codec = source.streams.audio[0].codec_context.name
        except (av.error.FFmpegError, OSError, IndexError):
            return None
        if codec in container.supported_codecs:
            return cls(container, source)
        source.close()
        _tell(f"{video.name}: its sound ({codec}) does not go into {suffix} and is left out; .mkv takes any")
        return None

    def until(self, seconds: float) -> None:
        """Copy what sounds up to there."""
        import av

        with contextlib.suppress(av.error.InvalidDataError):  # sound that breaks off
            while (packet := self.waiting or next(self.packets, None)) is not None:
                self.waiting = None
                if float(packet.dts * packet.time_base) > seconds:
                    self.waiting = packet
                    return
                packet.stream = self.stream
                self.container.mux(packet)


def _codec(suffix: str) -> tuple[str, dict[str, str]]:
    import av

    for name, options in CODECS[suffix]:
        with contextlib.suppress(av.codec.codec.UnknownCodecError):
            av.codec.Codec(name, "w")
            return name, options
    raise CannotWrite(f"this build of FFmpeg has no codec for {suffix} ({', '.join(name for name, _ in CODECS[suffix])}); write .y4m")


def _paletted(image: Image.Image) -> Any:
    """A frame with a palette of its own."""
    import av

    few = image.convert("RGB").quantize(256)
    palette = np.full((256, 4), 255, np.uint8)
    colours = np.array(few.getpalette("RGB"), np.uint8).reshape(-1, 3)[:256]
    palette[: len(colours), 1:] = colours
    return av.VideoFrame.from_ndarray((np.asarray(few), palette), format="pal8")  # type: ignore[arg-type]


def _tell(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=6)
