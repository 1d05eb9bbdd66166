"""Tables to files: written beside, then renamed, so that nothing half-written is left."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from hourglass.errors import BadData, BadOption, did_you_mean
from hourglass.writing import atomic

__all__ = ["write_tables"]


def write_tables(tables: Iterable[Any], path: Path, label: str | None) -> None:
    """An iterable of Tables to one file; the suffix chooses the format."""
    suffixes = [name for name in WRITERS if path.name.lower().endswith(name)]
    if not suffixes:
        raise BadOption(f"a table cannot be written as {path.name!r}: {did_you_mean(path.suffix, WRITERS)}")
    with atomic(path) as beside, beside.open("wb") as file:
        WRITERS[suffixes[0]](iter(tables), file, label)


def _first(tables: Iterator[Any]) -> tuple[Any, Iterator[Any]]:
    first = next(tables, None)
    if first is None:
        raise BadData("there are no rows to write")
    return first, tables


def _csv(tables: Iterator[Any], file: Any, label: str | None) -> None:
    first, rest = _first(tables)
    with pacsv.CSVWriter(file, _plain(first).schema) as writer:
        writer.write_table(_plain(first))
        for table in rest:
            writer.write_table(_plain(table))


def _csv_gz(tables: Iterator[Any], file: Any, label: str | None) -> None:
    with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0, compresslevel=6) as zipped:
        _csv(tables, zipped, label)


def _plain(table: Any) -> Any:
    """Categories as text, durations as whole numbers and NaN as empty cells, which is how CSV holds them."""
    for i, field in enumerate(table.schema):
        column, type_ = table[field.name], field.type
        if pa.types.is_dictionary(type_):
            column = column.cast(type_.value_type)
        elif pa.types.is_floating(type_):
            column = pa.chunked_array([pa.array(np.asarray(column, np.float64), from_pandas=True).cast(_float(type_))])
        elif pa.types.is_duration(type_):
            column = column.cast(pa.int64())
        elif pa.types.is_null(type_) or pa.types.is_string_view(type_):
            column = column.cast(pa.string())
        table = table.set_column(i, field.name, column)
    return table


def _float(type_: Any) -> Any:
    return type_ if pa.types.is_float32(type_) else pa.float64()


def _parquet(tables: Iterator[Any], file: Any, label: str | None) -> None:
    first, rest = _first(tables)
    with pq.ParquetWriter(file, first.schema) as writer:
        writer.write_table(first)
        for table in rest:
            writer.write_table(table)


def _arrays(tables: Iterator[Any], label: str | None) -> tuple[Any, Any]:
    first, rest = _first(tables)
    table = pa.concat_tables([first, *rest])
    names = [name for name in table.column_names if name != label]
    wrong = [name for name in names if not (pa.types.is_floating(kind := table.schema.field(name).type) or pa.types.is_integer(kind))]
    if wrong:
        raise BadData(
            f"column {wrong[0]!r} holds {table.schema.field(wrong[0]).type}, and .npz and .npy hold numbers: write .csv or .parquet"
        )
    labels = None if label not in table.column_names else np.asarray(table[label])
    return np.column_stack([np.asarray(table[name]) for name in names]), labels


def _npz(tables: Iterator[Any], file: Any, label: str | None) -> None:
    X, y = _arrays(tables, label)
    if y is not None and y.dtype.kind == "O":
        y = y.astype(str)
    np.savez(file, **({"X": X} if y is None else {"X": X, "y": y}))


def _npy(tables: Iterator[Any], file: Any, label: str | None) -> None:
    np.save(file, _arrays(tables, None)[0], allow_pickle=False)


def _records(table: Any) -> Iterator[str]:
    """Each row as JSON; what is no number is null."""
    for record in table.to_pylist():
        cells = {name: None if isinstance(cell, float) and not math.isfinite(cell) else cell for name, cell in record.items()}
        yield json.dumps(cells, default=str, ensure_ascii=False)


def _lines(tables: Iterator[Any], file: Any, label: str | None) -> None:
    for table in tables:
        file.writelines(f"{record}\n".encode() for record in _records(table))


def _json(tables: Iterator[Any], file: Any, label: str | None) -> None:
    before = "["
    for table in tables:
        for record in _records(table):
            file.write(f"{before}\n{record}".encode())
            before = ","
    file.write(b"[]\n" if before == "[" else b"\n]\n")


WRITERS: dict[str, Callable[[Iterator[Any], Any, str | None], None]] = {
    ".csv": _csv,
    ".csv.gz": _csv_gz,
    ".parquet": _parquet,
    ".npz": _npz,
    ".npy": _npy,
    ".json": _json,
    ".jsonl": _lines,
}
