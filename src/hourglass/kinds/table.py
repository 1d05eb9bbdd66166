"""The kind `table`: rows and columns of numbers, categories, booleans and dates, any of them missing.

A sample is one row, (F,): standardised numbers first, then flags, then one-hot categories; see `_layout`.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import torch

from hourglass.errors import BadFile, BadOption, SchemaMismatch, did_you_mean
from hourglass.kinds import _csv, _renamed, _sources
from hourglass.kinds._columns import Columns
from hourglass.kinds._layout import array_facts, cells, element_names, frame_facts
from hourglass.kinds._moments import Array, Numbers
from hourglass.kinds._restore import as_dtype, as_rows, restore
from hourglass.kinds._sources import SUFFIXES, array_table, naming, suffix
from hourglass.kinds._tensors import array_batch, frame_batch, frame_columns, number_matrix, numbers_back
from hourglass.kinds._write import write_tables
from hourglass.parts import Batch, Pieces

__all__ = [
    "SUFFIXES",
    "cells",
    "claims",
    "describe",
    "element_names",
    "from_tensor",
    "labels",
    "learn",
    "read",
    "restore",
    "to_tensor",
    "write",
]

Facts = dict[str, Any]

TOLD = 100  # names in a message, at most
SAMPLE = 10_000  # rows of an array in memory that serve for the smallest step


def claims(source: Any) -> int:
    """Whether `source` looks like a table: a 2-d array (or a file of one), a frame, or a path, folder, glob or list with such a suffix.

    A `.txt` is one for certain (2) where its lines are rows of cells, and else none.
    """
    if isinstance(source, np.ndarray):
        return int(source.ndim == 2)
    if isinstance(source, list | tuple):
        return min((claims(item) if isinstance(item, str | Path) else 0 for item in source), default=0)
    if not isinstance(source, str | Path):
        return int(isinstance(source, pa.RecordBatch) or nw.dependencies.is_into_dataframe(source) or _sources.is_lazy(source))
    path = Path(source)
    if os.path.isdir(path):  # pathlib's own question raises for texts that are too long for a name
        files = [suffix(file) for file in path.rglob("*") if file.is_file()]
        return int(sum(ending in _sources.FOLDER_SUFFIXES for ending in files) > len(files) / 2)
    if suffix(path) in (".txt", ".txt.gz"):
        return 2 * _is_cells(path if os.path.isfile(path) else Path(next(iter(sorted(glob.glob(str(path)))), path)))
    if suffix(path) in (".npz", ".npy"):
        return int(_sources.holds_rows(str(path)))
    return int(suffix(path) in SUFFIXES)


def _is_cells(path: Path) -> bool:
    """Whether the lines of a file are rows of cells, not prose: cut evenly, and by more than the commas between words."""
    try:
        dialect = _csv.sniff(path)
        prose = dialect.separator == "," and dialect.columns > 1 and not re.search(rb"\d|\S,\S", _csv._head(path))
    except BadFile:  # whoever reads it says what is wrong
        return False
    return dialect.share >= 0.9 and not prose


def read(source: Any, *, label: str | None = None, ignore: Iterable[str] = (), limit: int = 2**31) -> Pieces:
    """A table as pieces of about 65,536 rows: paths give pyarrow Tables, a numeric array stays an array, in one piece.

    A text table whose rows would take more than `limit` bytes as tensors is turned once into a temporary Parquet file.
    """
    return _sources.pieces(source, bool(label or _names(ignore)), limit)


def learn(pieces: Pieces, *, label: str | None = None, ignore: Iterable[str] = ()) -> Facts:
    """What the network must know of the columns, in one pass: types, scales, vocabularies, and where each stands in a sample."""
    if not pieces.counts:
        raise BadOption(f"{pieces.name} holds no rows")
    first = pieces.load(0)
    left = _names(ignore)
    if isinstance(first, np.ndarray) and not (label or left):
        return _learn_array(pieces, first)
    first = as_rows(first)
    label = label or _own_label(first)
    for name in [*left, *([label] if label else [])]:
        if name not in first.column_names:
            raise BadOption(f"{pieces.name} has no column {name!r}: {did_you_mean(name, first.column_names)}")
    chosen = [name for name in first.column_names if name != label and name not in left]
    if not chosen:
        raise BadOption(f"no column of {pieces.name} is left to learn from; ignore fewer")
    learner = Columns(pa.schema([first.schema.field(name) for name in chosen]))
    with naming(pieces.name):
        for index in range(len(pieces.counts)):
            learner.add(as_rows(pieces.load(index) if index else first))
    columns, summary = learner.finish()
    if _nameless(columns):
        facts = array_facts(summary, learner.rows, str(first.schema.field(chosen[0]).type.to_pandas_dtype().__name__))
        return facts | {"label": label, "ignored": left}
    if all(column["type"] == "identifier" for column in columns):
        raise BadOption(f"every column of {pieces.name} is an identifier (nearly all values differ): there is nothing to learn from")
    return frame_facts(columns, summary, learner.schema, label, left, first.column_names)


def to_tensor(chunk: Any, facts: Facts) -> Batch:
    """Rows as a batch (B, F): float64 for a float64 array, else float32. Columns that do not fit raise `SchemaMismatch`."""
    if facts["source"] == "array":
        array = chunk if isinstance(chunk, np.ndarray) else _array(chunk, facts)
        width = len(facts["mean"])
        if array.shape[1] != width:
            raise SchemaMismatch(f"X has {array.shape[1]} features, but Autoencoder is expecting {width} features as input")
        double = isinstance(chunk, np.ndarray) and array.dtype == np.float64
        return array_batch(array, facts, torch.float64 if double else torch.float32)
    return frame_batch(_fitted(chunk, facts), facts)


def from_tensor(values: torch.Tensor, facts: Facts, like: Any = None) -> Any:
    """Samples (B, F) as rows of the user's columns and types: an array for arrays, else a Table.

    Cells of columns that were never part of the tensor (label, ignored, identifiers) are taken from `like`, rows in the same order.
    """
    samples = values.detach().cpu().numpy()
    if facts["source"] == "array":
        array = _array_back(samples, facts)
        if not isinstance(like, pa.Table):
            return array if not isinstance(like, np.ndarray) else as_dtype(array, like.dtype)
        others = {*facts["ignored"], facts["label"]}
        names = [name for name in like.column_names if name not in others]
        columns = {
            name: pa.array(array[:, i], from_pandas=True).cast(like.schema.field(name).type, safe=False) for i, name in enumerate(names)
        }
    else:
        columns = frame_columns(samples, facts)
        if isinstance(like, np.ndarray):
            return np.column_stack([np.asarray(column) for column in columns.values()])
    if isinstance(like, pa.Table):
        return pa.table({name: columns.get(name, like[name]) for name in like.column_names})
    return pa.table(columns)


def write(chunks: Iterable[Any], path: str | Path, facts: Facts) -> None:
    """Chunks to one .csv, .csv.gz, .parquet, .npz, .npy or .json file (records). An unfinished file is never left behind."""
    write_tables((as_rows(chunk) for chunk in chunks), Path(path), facts.get("label"))


def labels(chunk: Any, facts: Facts) -> Array | None:
    """The label of each row (n,), or None where the chunk has none."""
    name = facts["label"] or (_own_label(chunk) if isinstance(chunk, pa.Table) else None)
    if not isinstance(chunk, pa.Table) or name is None or name not in chunk.column_names:
        return None
    return np.asarray(chunk[name])


def describe(facts: Facts) -> list[tuple[str, str]]:
    """What was learned, in words: one pair for each column, then the label, what is left out, and the notes."""
    if facts["source"] == "array":
        width = len(facts["mean"])
        missing = int((facts["missing"] > 0).sum())
        lines = [("columns", f"{width} numbers ({facts['dtype']})" + (f", {missing} of them with missing values" if missing else ""))]
    else:
        counts = facts["missing"].tolist()
        lines = [(column["name"], _told(column, facts, counts[i])) for i, column in enumerate(facts["columns"])]
    lines += [("label", facts["label"])] if facts["label"] else []
    lines += [("left out", ", ".join(facts["ignored"]))] if facts["ignored"] else []
    return lines + [("note", note) for note in facts["notes"]]


def _told(column: dict[str, Any], facts: Facts, missing: int) -> str:
    start, sort = column["start"], column["type"]
    gone = f", missing in {missing} of {column['rows']} rows" if missing else ""
    if sort == "number":
        return f"number ({column['dtype']}), mean {facts['mean'][start]:.4g}, spread {facts['scale'][start]:.4g}{gone}"
    if sort == "date":
        middle = np.datetime64(int(facts["mean"][start]), "s")
        return f"date, around {middle}{', with ' + ' and '.join(column['cycles']) + ' cycles' if column['cycles'] else ''}{gone}"
    if sort == "boolean":
        return f"true or false{gone}"
    words = ", ".join(column["vocabulary"][:5]) + (", ..." if len(column["vocabulary"]) > 5 else "")
    return f"category of {len(column['vocabulary'])} values ({words}){gone}"


def _names(ignore: Iterable[str]) -> list[str]:
    return [ignore] if isinstance(ignore, str) else list(ignore or ())


def _learn_array(pieces: Pieces, first: Array) -> Facts:
    width = first.shape[1]
    numbers = Numbers(width, lambda i: f"x{i}", SAMPLE if len(pieces.counts) == 1 else 10 * SAMPLE)
    with naming(pieces.name):
        for index in range(len(pieces.counts)):
            numbers.add(pieces.load(index) if index else first)
    return array_facts(numbers.summary(), pieces.count, str(first.dtype))


def _own_label(table: Any) -> str | None:
    """The label that the file itself names, as the `y` of a .npz."""
    found = (table.schema.metadata or {}).get(_sources.LABEL)
    return found.decode() if found else None


def _nameless(columns: list[dict[str, Any]]) -> bool:
    """True if the columns are x0, x1, ... of one type of number: such a table is an array."""
    types = {column["dtype"] for column in columns}
    plain = types <= {"float", "double"} or types <= {"int64", "int32", "int16", "int8", "uint8"}
    return plain and len(types) == 1 and all(column["name"] == f"x{i}" for i, column in enumerate(columns))


def _array(chunk: Any, facts: Facts) -> Array:
    """A Table as the array that was learned from: its columns by place, without label and ignored ones."""
    others = {*facts["ignored"], facts["label"] or _own_label(chunk)}
    names = [name for name in chunk.column_names if name not in others]
    if len(names) != len(facts["mean"]):
        raise SchemaMismatch(f"X has {len(names)} features, but Autoencoder is expecting {len(facts['mean'])} features as input")
    return number_matrix(chunk, names)


def _fitted(chunk: Any, facts: Facts) -> Any:
    """The learned columns of a chunk, in order; the message names every column that is missing or unknown."""
    learned = [column["name"] for column in facts["columns"]]
    if isinstance(chunk, np.ndarray):
        for names in (learned, facts["order"]):
            if chunk.shape[1] == len(names):
                return array_table(chunk, names).select(learned)
        raise SchemaMismatch(f"X has {chunk.shape[1]} features, but Autoencoder is expecting {len(learned)} features as input")
    table = as_rows(chunk)
    here = set(table.column_names)
    missing = [name for name in learned if name not in here]
    known = {*learned, *facts["ignored"], facts["label"] or _own_label(table)}
    extra = [name for name in table.column_names if name not in known]
    if missing or extra:
        told = [
            f"{word}: {_some(list(map(repr, names)))}"
            for word, names in (("missing columns", missing), ("unknown columns", extra))
            if names
        ]
        hint = _renamed.hints(missing[:TOLD], extra[:TOLD], table, facts)
        raise SchemaMismatch(
            f"the table does not have the columns of the training data; {'; '.join(told)} (expected: {_some(learned)})"
            + (f"; {hint}" if hint else "")
        )
    return table.select(learned)


def _some(names: list[str]) -> str:
    """The first of very many names."""
    return ", ".join(names[:TOLD]) + (f" and {len(names) - TOLD:,} more" if len(names) > TOLD else "")


def _array_back(samples: Array, facts: Facts) -> Array:
    numbers, missing = numbers_back(samples, facts)
    if missing.any():
        numbers[missing] = np.nan
    return as_dtype(numbers, np.dtype(facts["dtype"]))
