"""The way back of texts: to what the user gave, and to files."""

from __future__ import annotations

import gzip
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from hourglass.errors import BadData, BadOption, BadType, did_you_mean
from hourglass.kinds._text_rows import Texts, readable
from hourglass.kinds._text_source import SUFFIXES, column
from hourglass.kinds._write import write_tables
from hourglass.writing import atomic

__all__ = ["WRITTEN", "restore", "write"]

Facts = dict[str, Any]
TABLES = (".csv", ".csv.gz", ".parquet", ".json")
WRITTEN = (*SUFFIXES, *TABLES)


def restore(chunk: Iterable[str], source: Any) -> Any:
    """The chunk as the same sort of thing as `source`: an array, a Series or a frame of its library; a list of str for paths and lists."""
    rows = [readable(row) for row in chunk]
    if isinstance(source, np.ndarray):
        array = np.array(rows, dtype=source.dtype if source.dtype.kind in "OT" else str)
        return array.reshape(source.shape) if array.size == source.size else array
    if isinstance(source, pa.Array | pa.ChunkedArray):
        sort = pa.string() if pa.types.is_dictionary(source.type) else source.type
        return pa.array(rows, sort) if isinstance(source, pa.Array) else pa.chunked_array([rows], sort)
    if nw.dependencies.is_into_series(source):
        return _series(rows, nw.from_native(source, series_only=True)).to_native()
    if nw.dependencies.is_into_dataframe(source):
        made = _series(rows, column(source))
        frame = nw.from_native(source, eager_only=True)
        return frame.with_columns(made).to_native() if len(frame) == len(rows) else made.to_frame().to_native()
    return rows


def _series(rows: list[str], like: Any) -> Any:
    """Rows as a series of the same name and library, with the index of a pandas one."""
    made = nw.new_series(like.name, rows, nw.String, backend=like.implementation)
    if not like.implementation.is_pandas():
        return made
    before, after = like.to_native(), made.to_native()
    after = after.astype(before.dtype) if like.dtype in (nw.String, nw.Object) else after
    after.index = before.index if len(before) == len(after) else after.index
    return nw.from_native(after, series_only=True)


def write(chunks: Iterable[Any], path: Any, facts: Facts) -> None:
    """Texts to one file, its suffix choosing the format: one a line (`.txt` and its like), or a table with a column `text`.

    A folder (`DIR/`) takes one file each, under its own name where it has one. Files appear whole or not at all.
    """
    text, target = os.fspath(path), Path(path)
    if text.endswith(("/", os.sep)) or target.is_dir():
        _write_folder(chunks, target)
    elif text.lower().endswith(TABLES):
        write_tables((pa.table({"text": pa.array([readable(row) for row in chunk], pa.string())}) for chunk in chunks), target, None)
    elif text.lower().endswith(SUFFIXES):
        _write_lines(chunks, target, facts)
    else:
        raise BadOption(f"texts cannot be written as {target.name!r}: {did_you_mean(target.suffix, WRITTEN)}")


def _write_lines(chunks: Iterable[Any], target: Path, facts: Facts) -> None:
    """One text after the other; files as they are, paragraphs with an empty line between them."""
    parts = _separated(chunks, facts)
    first = next(parts, None)
    if first is None:
        raise BadData(f"no texts to write to {target}")
    with atomic(target) as beside, beside.open("wb") as file:
        whole: Any = gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) if target.suffix.lower() == ".gz" else file
        for part in itertools.chain([first], parts):
            whole.write(part)
        if whole is not file:
            whole.close()


def _separated(chunks: Iterable[Any], facts: Facts) -> Iterator[bytes]:
    """Texts with what separates them. Of files, nothing but a missing end of the last line; a long one's parts follow each other."""
    before, open_line = None, False
    for chunk in chunks:
        origin = chunk if isinstance(chunk, Texts) and chunk.stretches else Texts(unit=facts["unit"], newline=facts["newline"])
        for name, row in _named(chunk):
            if origin.unit != "files":
                yield (
                    f"{row}{2 * origin.newline}" if origin.unit == "paragraphs" else f"{row.replace(chr(10), ' ')}{origin.newline}"
                ).encode()
                continue
            yield (origin.newline if open_line and (not name or name != before) else "").encode() + row.encode()
            before, open_line = name, (not row.endswith("\n") if row else open_line)


def _named(chunk: Any) -> Iterator[tuple[str | None, str]]:
    """Each text, in letters that can be written, with the name of its file where it was one."""
    if isinstance(chunk, str):
        raise BadType("a chunk of texts is a list of str; this is one str")
    return itertools.zip_longest(getattr(chunk, "names", []), map(readable, chunk))


def _write_folder(chunks: Iterable[Any], folder: Path) -> None:
    """A file for each text; neighbours of one name are the parts of one long file."""
    numbers = itertools.count(1)
    named = ((name or f"{next(numbers):05d}.txt", row) for chunk in chunks for name, row in _named(chunk))
    for name, group in itertools.groupby(named, lambda pair: pair[0]):
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts:  # a name never leads out of the folder
            inside = PurePosixPath(inside.name)
        target = folder / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_lines(([row] for _, row in group), target, {"unit": "files", "newline": ""})
