"""From what a user names (files, folders, globs, arrays) to videos a piece at a time."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hourglass.errors import BadData, BadFile, BadOption, BadType, HourglassError, did_you_mean
from hourglass.kinds._picture_source import ARRAYS, Found, array_file, is_path
from hourglass.kinds._video import Video, as_video, bytewise
from hourglass.kinds._video_decoder import Film, Projector
from hourglass.kinds._video_film import peek
from hourglass.parts import Pieces

__all__ = ["SUFFIXES", "Reel", "checked", "claims", "gather", "of_arrays", "of_files", "sharp"]

SUFFIXES = (".mp4", ".mkv", ".webm", ".y4m", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".ts", ".ogv", ".wmv", ".flv", ".3gp", ".gif")
PIECE, PIECE_BYTES = 64, 2**26  # frames, and bytes of them, that are in memory at once


class Head(NamedTuple):
    """What is known of a video before its frames are loaded."""

    name: str
    frames: int
    size: tuple[int, int]
    rate: Fraction


class Span(NamedTuple):
    """Frames `start` to `stop` of video `number`."""

    number: int
    start: int
    stop: int


@dataclass(frozen=True)
class Reel(Pieces):
    """Pieces of videos, and what is known of each video before it is loaded."""

    heads: tuple[Head, ...] = ()
    file: bool = True
    notes: tuple[str, ...] = ()


def claims(source: object) -> int:
    """Are these videos? 2 for an array with five axes and for Videos, 1 by suffix, or by what most files of a folder are; else 0."""
    if isinstance(source, list | tuple):
        return claims(source[0]) if source else 0
    if not is_path(source):
        return 2 if isinstance(source, Video) or getattr(source, "ndim", None) == 5 else 0
    path = Path(os.fspath(source))  # type: ignore[call-overload]
    if path.is_dir():
        names = [file.suffix.lower() for file, _ in zip(_walk(path), range(10_000), strict=False)]
        return int(sum(name in SUFFIXES[:-1] for name in names) * 2 > len(names))  # a folder of GIFs is one of pictures
    if path.name.lower().endswith(ARRAYS) or ".npz:" in path.name:
        try:
            return claims(array_file(path)[0])
        except HourglassError:
            return 0
    return int(path.suffix.lower() in SUFFIXES[:-1])


def gather(source: Any) -> list[Found]:
    """The video files behind a path, a folder (recursively, sorted), a glob, or a list of these."""
    items = [source] if is_path(source) else list(source)
    if not items or not all(is_path(item) for item in items):
        raise BadType("videos are paths, a folder, a list of paths, or arrays (n, frames, height, width, channels) of uint8")
    paths = [path for item in items for path in _files(os.fspath(item))]
    alone = Path(os.fspath(items[0])) if len(items) == 1 else None
    root = alone if alone is not None and alone.is_dir() else Path(os.path.commonpath([path.parent.absolute() for path in paths]))
    return [Found(path, Path(os.path.relpath(path.absolute(), root.absolute())).as_posix()) for path in paths]


def _files(text: str) -> list[Path]:
    path = Path(text)
    if path.is_dir():
        found = sorted(file for file in _walk(path) if file.suffix.lower() in SUFFIXES)
        if not found:
            raise BadData(f"no videos in the folder {text}: videos end in {' '.join(SUFFIXES)}")
        return found
    if path.exists():
        return [path]
    matching = [Path(name) for name in sorted(glob.glob(text, recursive=True)) if name.lower().endswith(SUFFIXES)]
    if matching:
        return matching
    if any(sign in text for sign in "*?["):
        raise BadFile(f"no video matches {text!r}; videos end in {' '.join(SUFFIXES)}")
    near = did_you_mean(path.name, os.listdir(path.parent)[:200] if path.parent.is_dir() else []).split(" (")[0]
    raise BadFile(f"there is no file or folder {text!r}{'; ' + near if near.startswith('did') else ''}")


def _walk(folder: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def sharp(found: Sequence[Found], *, strict: bool) -> tuple[list[Found], list[Film]]:
    """The files that can be read, and what they hold. Broken ones are named in a warning, or raise with `strict`."""
    good, films, broken, short = [], [], [], []
    for file in found:
        try:
            film = peek(file.path)
            if film.missing and strict:
                raise BadData(f"{file.path}: its end is missing: {film.missing}")
        except HourglassError as error:
            if strict or len(found) == 1:
                raise
            broken.append(str(error))
            continue
        good.append(file)
        films.append(film)
        short += [f"{file.name}: {film.missing}"] if film.missing else []
    if not good:
        raise BadData(f"none of the {len(found)} videos can be read: {'; '.join(broken[:50])}")
    if broken:
        _tell(f"{len(broken)} of {len(found)} videos cannot be read and are left out: {'; '.join(broken[:50])}")
    if short:
        _tell(f"the end is missing of {len(short)} of {len(found)} videos, read up to there: {'; '.join(short[:50])}")
    return good, films


def _tell(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=5)


def of_files(good: Sequence[Found], films: Sequence[Film], *, clip: int, rate: float | None, strict: bool, label: bool) -> Reel:
    """Pieces of video files."""
    picked = [_picked(film, rate) for film in films]
    heads = [
        Head(file.name, len(numbers), film.size, film.rate if len(numbers) == film.count else Fraction(rate or 0).limit_denominator(1001))
        for file, film, numbers in zip(good, films, picked, strict=True)
    ]
    projector, told = Projector(), set[int]()

    def load(span: Span) -> Video:
        film, head = films[span.number], heads[span.number]
        numbers = picked[span.number][span.start : span.stop]
        frames, got, why = projector.frames(film, numbers.tolist())
        if why and len(got) < len(numbers):
            lost = next(number for number in numbers.tolist() if number not in got)
            _broken(f"{film.path}: frame {lost} cannot be decoded{why}", strict, span.number in told)
            told.add(span.number)
        times = None if film.steady else film.times[np.array(got, dtype=np.int64)]
        folder = good[span.number].path.absolute().parent.name if label else None
        sound = film.path if film.sound else None
        return Video(frames, head.rate, head.name, span.number, span.start, head.frames, times, sound, folder)

    notes = tuple(f"{file.name}: {note}" for file, film in zip(good, films, strict=True) for note in film.notes)
    return _reel(heads, load, clip, notes=notes[:20])


def _broken(text: str, strict: bool, told: bool) -> None:
    if strict:
        raise BadData(f"{text}; without strict it is left out")
    if not told:
        _tell(f"{text}; it is left out")


def _picked(film: Film, rate: float | None) -> NDArray[np.int64]:
    """The numbers of the frames to read: all, or those nearest behind each tick of a slower `rate`."""
    if rate is None or rate >= float(film.rate):
        return np.arange(film.count)
    times = film.times
    ticks = np.arange(0, times[-1] + 1e-9, 1 / rate)
    return np.unique(np.searchsorted(times, ticks - 0.25 / float(film.rate)).clip(0, film.count - 1))


def of_arrays(items: Iterable[Any], name: str, *, clip: int, labels: Sequence[Any] | None = None) -> Reel:
    """Pieces of arrays: (n, T, H, W, C) or (n, T, H, W), one video (T, H, W, C), or a list of videos."""
    found = _several(items)
    if labels is not None and len(labels) != len(found):
        raise BadData(f"{name}: {len(found)} videos and {len(labels)} labels; there must be one for each")
    films = [as_video(item, number) for number, item in enumerate(found)]
    heads = [Head(film.name or name, film.count, film.size, film.rate) for film in films]

    def load(span: Span) -> Video:
        whole = films[span.number]
        part = slice(span.start, span.stop)
        times = None if whole.times is None else whole.times[part]
        label = whole.label if labels is None else labels[span.number]
        return replace(whole, frames=whole.frames[part], start=span.start, times=times, label=label)

    return _reel(heads, load, clip, name=name, file=all(isinstance(item, Video) for item in found))


def _several(items: Any) -> Sequence[Any]:
    """The videos of an array, a Video or a list."""
    if isinstance(items, Video):
        return [items]
    if isinstance(items, list | tuple):
        return items
    array = np.asarray(items)
    if array.ndim == 5 and array.shape[-1] not in (1, 3, 4):
        hint = "; channels stand second: use X.transpose(0, 2, 3, 4, 1)" if array.shape[1] in (1, 3) else ""
        raise BadData(f"the array has shape {array.shape}; videos are (n, frames, height, width, 1 or 3 channels){hint}")
    if array.ndim not in (3, 4, 5) or 0 in array.shape:
        raise BadData(f"the array has shape {array.shape}; videos are (n, frames, height, width, channels)")
    array = bytewise(array, "the array")
    alone = array.ndim == 3 or (array.ndim == 4 and array.shape[-1] in (1, 3, 4))
    return [array] if alone else list(array)


def _reel(
    heads: Sequence[Head], load: Callable[[Span], Video], clip: int, *, name: str = "", file: bool = True, notes: tuple[str, ...] = ()
) -> Reel:
    pieces = _pieces(heads, clip)
    counts = [sum(span.start == 0 for span in piece) for piece in pieces]
    told = name or ", ".join(head.name for head in heads[:3]) + (", ..." if len(heads) > 3 else "")
    memory = sum(head.frames for head in heads) * 2 * 3 * 64 * 64 * 4
    return Reel(counts, lambda index: [load(span) for span in pieces[index]], told, memory, tuple(heads), file, notes)


def _pieces(heads: Sequence[Head], clip: int) -> list[list[Span]]:
    """Spans of frames to load together: whole clips of one long video, or several short videos."""
    pieces: list[list[Span]] = []
    held = PIECE
    for number, (_, count, (height, width), _) in enumerate(heads):
        most = max(1, min(PIECE, PIECE_BYTES // max(1, height * width * 3)) // clip) * clip
        starts = [start for start in range(0, count, most) if start == 0 or count - start >= clip]
        spans = [Span(number, start, stop) for start, stop in zip(starts, [*starts[1:], count], strict=True)]
        # a short video goes into the piece of the one before, where both are small
        if pieces and len(spans) == 1 and held + count <= most:
            pieces[-1] += spans
            held += count
        else:
            pieces += [[span] for span in spans]
            held = count if len(spans) == 1 else PIECE
    return pieces


def checked(rate: Any, frames: Any) -> None:
    """Refuse options that cannot be meant."""
    if isinstance(frames, bool) or not isinstance(frames, int | np.integer) or not 1 <= frames <= 256:
        raise BadOption(f"frames={frames!r}: the length of a clip is a whole number of frames from 1 to 256, such as 8")
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float | np.number) or not 0 < rate <= 1000):
        raise BadOption(f"rate={rate!r}: frames per second to learn at are a number above 0, such as 10")
