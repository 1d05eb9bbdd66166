"""Where texts come from: files, folders and globs, lists, arrays and columns of strings."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from hourglass.errors import BadData, BadFile, BadOption, BadType, did_you_mean
from hourglass.kinds._text_files import ROWS, refuse
from hourglass.kinds._text_rows import Texts, from_bytes
from hourglass.parts import Pieces

__all__ = ["SUFFIXES", "are_paths", "claims", "column", "gather", "is_path", "of_memory"]

PLAIN = (".txt", ".text", ".md", ".log", ".jsonl")
SUFFIXES = (*PLAIN, *(f"{suffix}.gz" for suffix in PLAIN))
LOOKED_AT = 1000  # items of a list that are tried as paths
NAMED = re.compile(  # as files are called; texts such as example.com are no paths
    r"\S+\.(txt|text|md|log|jsonl?|csv|tsv|parquet|pq|np[yz](:\w+)?|png|jpe?g|webp|bmp|gif|tiff?|pgm|ppm|avif"
    r"|wav|flac|ogg|opus|mp3|m4a|aac|aiff?|mp4|mkv|webm|y4m|mov|avi|hgz)(\.gz)?",
    re.IGNORECASE,
)


def is_path(source: object) -> bool:
    """Is it a path, or text that should be one?"""
    return isinstance(source, str | os.PathLike)


def _ends(path: Any) -> bool:
    return str(path).lower().endswith(SUFFIXES)


def are_paths(items: Any) -> bool:
    """Does a list name files (and not hold texts)? Text counts as a path where a file of this name is there, or it is named like one."""
    if not isinstance(items, list | tuple) or not items:
        return False
    return all(isinstance(item, os.PathLike) or (isinstance(item, str) and _is_name(item)) for item in items[:LOOKED_AT])


def _is_name(text: str) -> bool:
    if len(text) >= 4096 or "\n" in text or "\0" in text:
        return False
    return bool(NAMED.fullmatch(text)) or os.path.exists(text) or ("*" in text and next(glob.iglob(text), None) is not None)


def claims(source: Any) -> int:
    """Are these texts? 1 for a text file, a folder of which most files are such, and for strings in a list, an array or a column."""
    if is_path(source):
        path = Path(os.fspath(source))
        if os.path.isdir(path):
            counts = Counter(_ends(name) for name, _ in zip(_walk(path), range(10_000), strict=False))
            return int(counts[True] > counts[False])
        return int(_ends(path))
    if isinstance(source, list | tuple):
        if are_paths(source):
            return int(all(claims(item) for item in source[:LOOKED_AT]))
        return int(bool(source) and all(isinstance(item, str) for item in source[:LOOKED_AT]))
    return int(_is_strings(source))


def _is_strings(source: Any) -> bool:
    """Is it an array or a column of strings?"""
    if isinstance(source, np.ndarray):
        first = next((item for item in source[:LOOKED_AT].ravel() if item is not None), None) if source.dtype.kind == "O" else None
        return source.ndim == 1 and (source.dtype.kind in "UST" or isinstance(first, str))
    if isinstance(source, pa.Array | pa.ChunkedArray):
        sort = source.type.value_type if pa.types.is_dictionary(source.type) else source.type
        return bool(pa.types.is_string(sort) or pa.types.is_large_string(sort) or pa.types.is_string_view(sort))
    if not nw.dependencies.is_into_series(source):
        return False
    series = nw.from_native(source, series_only=True)
    if series.dtype == nw.Object:
        return _is_strings(np.asarray(series.head(LOOKED_AT).to_list(), dtype=object))
    return bool(series.dtype in (nw.String, nw.Categorical, nw.Enum))


def gather(source: Any) -> list[tuple[Path, str]]:
    """The text files behind a path, a folder (with all folders inside, sorted), a glob or a list of these, each with its short name."""
    items = [source] if is_path(source) else list(source)
    found = [pair for item in items for pair in _files(os.fspath(item))]
    names = Counter(short for _, short in found)
    return [(path, short if names[short] == 1 else str(path).lstrip("./")) for path, short in found]


def _files(text: str) -> list[tuple[Path, str]]:
    path = Path(text)
    if path.is_dir():
        return _inside(path)
    if path.exists():
        return [(path, path.name)]
    if any(sign in text for sign in "*?["):
        found = [Path(name) for name in sorted(glob.glob(text, recursive=True)) if os.path.isfile(name)]
        if found:
            above = Path(os.path.commonpath([each.parent.absolute() for each in found]))
            return [(each, each.absolute().relative_to(above).as_posix()) for each in found]
        raise BadFile(f"no file fits {text!r}")
    near = did_you_mean(path.name, os.listdir(path.parent)[:500] if path.parent.is_dir() else []).split(" (")[0]
    raise BadFile(f"there is no file or folder {text!r}{'; ' + near if near.startswith('did') else ''}")


def _walk(folder: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def _inside(folder: Path) -> list[tuple[Path, str]]:
    """The text files of a folder."""
    found = sorted(path for path in _walk(folder) if _ends(path))
    if found:
        return [(path, path.relative_to(folder).as_posix()) for path in found]
    counts = Counter(path.suffix.lower() or "without a suffix" for path, _ in zip(_walk(folder), range(10_000), strict=False))
    there = ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(8)) or "nothing: the folder is empty"
    raise BadFile(f"no text in the folder {folder}: text files end in {' '.join(SUFFIXES)}; found instead: {there}")


def column(frame: Any) -> Any:
    """The one column of strings that a frame has, as a narwhals series; `BadOption` where it has more columns."""
    wrapped = nw.from_native(frame, eager_only=True)
    if len(wrapped.columns) != 1:
        names = ", ".join(map(str, wrapped.columns[:8]))
        raise BadOption(
            f"texts are one column; this frame has {len(wrapped.columns)} ({names}): give the one, such as frame[{wrapped.columns[0]!r}]"
        )
    return wrapped[wrapped.columns[0]]


def of_memory(source: Any, strict: bool) -> Pieces:
    """Strings in a list, an array, a Series or a frame of one column, in pieces of 65,536."""
    items = _items(source)
    if not items:
        raise BadData("no texts: the list is empty; give at least one")
    starts = range(0, len(items), ROWS)

    def load(index: int) -> Texts:
        part = items[starts[index] : starts[index] + ROWS]
        rows = [_text(item, starts[index] + number) for number, item in enumerate(part)]
        texts = Texts([row or "" for row in rows], first=starts[index], missing=sum(row is None for row in rows))
        if strict:
            refuse(texts)
        return texts

    counts = [min(ROWS, len(items) - start) for start in starts]
    return Pieces(counts, load, "the texts", 9 * sum(len(item) for item in items if isinstance(item, str | bytes)))


def _items(source: Any) -> list[Any]:
    """What is in a list, an array or a column, as a list."""
    if isinstance(source, np.ndarray):
        if source.ndim != 1 and source.size != len(source):
            raise BadData(f"texts are a list or one column; this array has shape {source.shape}: give one column of it")
        return source.ravel().tolist()
    if isinstance(source, pa.Array | pa.ChunkedArray):
        return source.to_pylist()  # type: ignore[no-any-return]
    if nw.dependencies.is_into_series(source):
        return nw.from_native(source, series_only=True).to_list()  # type: ignore[no-any-return]
    if nw.dependencies.is_into_dataframe(source):
        return column(source).to_list()  # type: ignore[no-any-return]
    if not isinstance(source, list | tuple):
        raise BadType(f"texts are a path, or strings in a list, an array or a column; this is a {type(source).__name__}")
    return list(source)


def _text(item: Any, row: int) -> str | None:
    """One text; None where it is missing."""
    if isinstance(item, str):
        return str(item)
    if isinstance(item, bytes):
        return from_bytes(item)
    if item is None or item != item:
        return None
    raise BadType(f"texts are strings; number {row:,} (counted from 0) is {item!r} ({type(item).__name__})")
