"""From what a user names (files, folders, globs, arrays) to sounds, a piece at a time."""

from __future__ import annotations

import glob
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hourglass.errors import BadData, BadFile, BadOption, BadType, HourglassError, did_you_mean
from hourglass.kinds._sound import Header, Sound, Span, as_sound, load, peek
from hourglass.parts import Pieces

__all__ = ["SUFFIXES", "claims", "gather", "is_path", "numbers", "of_files", "of_memory", "usable"]

PLAIN = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64")
SUFFIXES = (*PLAIN, ".m4a", ".aac", ".wma", ".mka", ".ac3", ".amr")
BESIDE = (".txt", ".md", ".json", ".csv", ".tsv", ".xml", ".pdf", ".lab", ".cue", ".m3u", "")  # licences, words, lists: no data
PIECE, PIECE_FILES = 2**22, 256  # values and files in a piece
MARGIN = 3  # seconds of its neighbours that a piece of a long sound brings along; longer windows ask for more


class Found(NamedTuple):
    """A file of sound and its name: the path relative to what the user gave."""

    path: Path
    name: str


def is_path(source: object) -> bool:
    """Is it a path, or text that should be one?"""
    return isinstance(source, str | os.PathLike)


def claims(source: object) -> int:
    """Are these sounds? 2 by suffix, or where a folder holds them and papers about them alone; 1 where most of its files are sounds."""
    if isinstance(source, list | tuple):
        return min((claims(item) for item in source[:20]), default=0)
    if not is_path(source):
        return 2 * isinstance(source, Sound)
    path = Path(os.fspath(source))  # type: ignore[call-overload]
    if not os.path.isdir(path):  # pathlib's own question raises for texts that are too long for a name
        return 2 * (path.suffix.lower() in SUFFIXES)
    counts = Counter(file.suffix.lower() for file, _ in zip(_within(path), range(10_000), strict=False))
    sounds, papers = (sum(counts[suffix] for suffix in group) for group in (SUFFIXES, BESIDE))
    others = counts.total() - sounds - papers
    if sounds <= others or sounds * 4 < papers:
        return 0
    return 1 if others else 2


def _within(folder: Path) -> Iterator[Path]:
    """All files of a folder and the folders inside, in order, without hidden ones."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _within(entry)
        else:
            yield entry


def gather(source: Any) -> list[Found]:
    """The files behind a path, a folder (with all inside), a glob, or a list of these."""
    items = [source] if is_path(source) else list(source)
    if not items:
        raise BadData("an empty list of sounds; name at least one file or folder")
    if wrong := [item for item in items if not is_path(item)]:
        raise BadType(f"sounds are paths, arrays or Sound, all of one sort; this list has a {type(wrong[0]).__name__}")
    groups = [_named(os.fspath(item)) for item in items]
    files = [file for _, found in groups for file in found]
    folders = {root.absolute() for root, _ in groups} | (set() if len(groups) == 1 else {file.parent.absolute() for file in files})
    root = os.path.commonpath(folders)
    return [Found(file, Path(os.path.relpath(file.absolute(), root)).as_posix()) for file in files]


def _named(text: str) -> tuple[Path, list[Path]]:
    """The folder to name files by, and the files."""
    path = Path(text)
    if os.path.isdir(text):
        if found := [file for file in _within(path) if file.suffix.lower() in SUFFIXES]:
            return path, found
        there = Counter(file.suffix.lower() or "without a suffix" for file, _ in zip(_within(path), range(10_000), strict=False))
        told = ", ".join(f"{count} {suffix}" for suffix, count in there.most_common(8)) or "nothing: it is empty"
        raise BadData(f"the folder {text} holds no sounds, which end in {' '.join(SUFFIXES)}; found instead: {told}")
    if os.path.exists(text):
        return path.parent, [path]
    if set("*?[") & set(text):
        if matching := sorted(file for file in map(Path, glob.glob(text, recursive=True)) if file.suffix.lower() in SUFFIXES):
            return Path(os.path.commonpath({file.parent.absolute() for file in matching})), matching
        raise BadFile(f"no sound matches {text!r}; sounds end in {' '.join(SUFFIXES)}")
    beside = os.listdir(path.parent)[:200] if os.path.isdir(path.parent) else []
    hint = did_you_mean(path.name, beside)
    raise BadFile(f"there is no file or folder {text!r}" + (f"; {hint.split(' (')[0]}" if hint.startswith("did") else ""))


def usable(found: list[Found], strict: bool) -> tuple[list[Found], list[Header]]:
    """The files that can be used, with what they say of themselves; others are named in a warning, or raise with `strict`."""
    good: list[tuple[Found, Header]] = []
    wrong: list[str] = []
    for file in found:
        try:
            good.append((file, peek(file.path)))
        except HourglassError as trouble:
            if strict or len(found) == 1:
                raise
            wrong.append(str(trouble))
    told = "; ".join(wrong[:50]) + (f"; and {len(wrong) - 50} more" if len(wrong) > 50 else "")
    if not good:
        raise BadData(f"none of the {len(found)} sounds can be used: {told}")
    if wrong:
        warnings.warn(f"{len(wrong)} of {len(found)} sounds cannot be used and are left out: {told}", UserWarning, stacklevel=4)
    return [file for file, _ in good], [header for _, header in good]


def of_files(files: list[Found], headers: list[Header], window: float | None, rate: int | None, name: str) -> Pieces:
    """Pieces of files: many short ones in each, or a part of a long one, of which the first counts a row and the others none."""
    pieces: list[list[tuple[int, Span]]] = []
    held = PIECE
    for number, header in enumerate(headers):
        spans = _spans(header, window, rate)
        size = header.frames * header.channels
        if len(spans) > 1 or held + size > PIECE or len(pieces[-1]) >= PIECE_FILES:
            pieces += [[(number, span)] for span in spans]
            held = PIECE if len(spans) > 1 else size
        else:
            pieces[-1].append((number, spans[0]))
            held += size

    def piece(index: int) -> list[Sound]:
        return [load(files[number].path, headers[number], span, files[number].name, number) for number, span in pieces[index]]

    counts = [sum(span.begin == 0 for _, span in parts) for parts in pieces]
    memory = sum(round(header.frames * (rate or header.rate) / header.rate) * header.channels * 4 for header in headers)
    return Pieces(counts, piece, name, memory)


def _spans(header: Header, window: float | None, rate: int | None) -> list[Span]:
    """A file in one piece, or a long one in several of the same length, whole seconds each: at these all sampling rates meet."""
    seconds = -(-header.frames // header.rate)
    most = max(1, PIECE // (header.rate * header.channels))
    if seconds <= most * 1.5:
        return [Span(0, header.frames)]
    each = -(-seconds // -(-seconds // most)) * header.rate
    asked = 0.0 if window is None else window if window <= 16 else window / min(rate or header.rate, header.rate)
    margin = (MARGIN + int(asked)) * header.rate
    begins = range(0, header.frames, each)
    return [
        Span(begin, min(begin + each, header.frames), min(margin, begin), max(0, min(margin, header.frames - begin - each)))
        for begin in begins
    ]


def of_memory(items: Sequence[Any], rate: int) -> Pieces:
    """Pieces of arrays (T,) or (T, channels), or of Sounds."""
    sounds = [replace(as_sound(item, number, rate), recording=number) for number, item in enumerate(items)]
    each = max(1, min(PIECE_FILES, PIECE // max(sound.samples.size for sound in sounds)))
    pieces = [sounds[begin : begin + each] for begin in range(0, len(sounds), each)]
    counts = [sum(sound.begin == 0 for sound in piece) for piece in pieces]
    return Pieces(counts, lambda index: pieces[index], "the sounds", sum(sound.samples.size * 4 for sound in sounds))


def numbers(rate: Any, window: Any) -> None:
    """Refuse a rate or a window that is none."""
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | np.integer) or not 100 <= rate <= 768_000):
        raise BadOption(f"rate={rate!r}: the sampling rate is a whole number of samples in a second, such as 16000")
    right = isinstance(window, int | float | np.number) and not isinstance(window, bool) and 0 < float(window) <= 2**20
    if window is not None and not right:
        raise BadOption(
            f"window={window!r}: the length of a window is a number of samples, such as 2048, or of seconds (up to 16), such as 0.5"
        )
