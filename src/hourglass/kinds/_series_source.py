"""Where series come from: files (each a recording of its own), frames, arrays (T, C) and (n, T, C); and what claims to be one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hourglass.errors import BadData, HourglassError, SchemaMismatch
from hourglass.kinds import _csv, _sources
from hourglass.kinds._columns import cleaned, sort
from hourglass.kinds._moments import Array
from hourglass.kinds._series_time import dated, find_time, moments
from hourglass.parts import Pieces

__all__ = ["Lies", "Stretch", "claims", "first_word", "group_values", "moved_index", "pieces", "stretch"]

LIMIT = 2**31  # bytes as tensors above which a text file is turned into a temporary Parquet file
VALUES = 2**24  # numbers of an array or frame in memory in a piece
LOOKED = 2_000  # rows that are looked at to tell a series from a table
FEWEST = 32


class Lies(NamedTuple):
    """Which recording rows are of, by its number, how many of its rows lie before them, and how many it has in all."""

    source: int
    before: int
    total: int


@dataclass(frozen=True, eq=False)
class Stretch:
    """A chunk: rows of one file or array, or samples (n, T, C). `lies` says for each machine (None: there is one) which part of which
    recording these rows are; `first` is the number of the first row in `name`; `label` the labels of samples."""

    rows: Any
    name: str = "the data"
    first: int = 0
    lies: dict[Any, Lies] = field(default_factory=dict)
    label: Any = None
    several: bool = False  # whether there are other files beside this one

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def cube(self) -> bool:
        """Are these samples (n, T, C)?"""
        return isinstance(self.rows, np.ndarray) and self.rows.ndim == 3


def stretch(chunk: Any) -> Stretch:
    """A chunk as it is; a frame or array alone as one whole recording."""
    if isinstance(chunk, Stretch):
        return chunk
    rows = chunk if isinstance(chunk, np.ndarray | pa.Table) else _sources.as_table(chunk)
    return Stretch(rows)


def pieces(source: Any, named: bool, group: str | None) -> Pieces:
    """`source` as pieces of `Stretch`; with `named` an array becomes a Table, so that columns can be told apart by name."""
    cube = _cube(source)
    if cube is not None:
        return _cube_pieces(*cube)
    portions, name = _portions(source, named)
    found = _grouped(portions, group) if group is not None else _plain(portions)
    memory = sum(sum(counts) for counts, *_ in portions) * 4
    return Pieces([count for counts, *_ in portions for count in counts], lambda i: found[i](), name, memory)


Portions = list[tuple[list[int], Any, str]]  # of each file: rows in its pieces, how to load piece i, its name


def _portions(source: Any, named: bool) -> tuple[Portions, str]:
    """The files of a source, or the one frame or array it is, cut where that is very large."""
    if not isinstance(source, str | Path | list | tuple):
        whole = _sources.pieces(_with_index(source), named, LIMIT)
        rows = whole.load(0)
        size = max(1, VALUES // max(1, rows.shape[1] if isinstance(rows, np.ndarray) else rows.num_columns))
        counts = [min(size, len(rows) - start) for start in range(0, len(rows), size)]
        return [(counts, lambda i: rows[i * size : (i + 1) * size], whole.name)], whole.name
    files = [_sources.portion(path, LIMIT) for path in _sources.expand(source)]
    joined = _alike(files)
    portions, seen = Portions(), 0
    for file in files:
        portions.append((file.counts, lambda i, seen=seen: joined.load(seen + i), file.name))
        seen += len(file.counts)
    return portions, joined.name


def _alike(files: list[Any]) -> Pieces:
    """All files under one schema; where a column holds words in one file alone, that file and row are told."""
    try:
        return _sources.joined(files, files[0].name + (f" and {len(files) - 1} more" if len(files) > 1 else ""))
    except SchemaMismatch as trouble:
        for file, mine in ((each, column) for each in files[1:] for column in each.schema):
            place = files[0].schema.get_field_index(mine.name)
            usual = "" if place < 0 else sort(files[0].schema.field(place).type, mine.name)
            if usual and usual != (found := sort(mine.type, mine.name)):
                told = first_word(file.load(0)[mine.name], 0) if (usual, found) == ("number", "text") else None
                what = f"{mine.type}" if told is None else f"words: {told}"
                raise SchemaMismatch(f"column {mine.name!r} of {file.name} holds {what}; in {files[0].name} it is {usual}") from trouble
        raise


def first_word(column: Any, first: int) -> str | None:
    """The first cell of a text column that is no number, in words; `first` is the number of the first row."""
    neat = cleaned(column)
    looks = pc.match_substring_regex(neat, r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$")
    bad = np.asarray(pc.invert(pc.fill_null(looks, True)))
    row = int(bad.argmax()) if len(bad) else 0
    return f"row {row + first} (counting from 0) has {neat[row].as_py()!r}" if bad.any() else None


def moved_index(source: Any) -> str | None:
    """The name under which the index of a pandas frame becomes a column, where it holds times and no column does."""
    if not nw.dependencies.is_pandas_dataframe(source) or not str(source.index.dtype).startswith("datetime64"):
        return None
    name = str(source.index.name or "time")
    times = any(str(dtype).startswith("datetime64") for dtype in source.dtypes)
    return None if times or name in source.columns else name


def _with_index(source: Any) -> Any:
    name = moved_index(source)
    return source if name is None else source.rename_axis(name).reset_index()


def _plain(portions: Portions) -> list[Any]:
    """Loaders of the pieces where every file is one recording."""
    found: list[Any] = []
    for source, (counts, load, name) in enumerate(portions):
        begins = np.cumsum([0, *counts]).tolist()
        for i in range(len(counts)):
            lies = {None: Lies(source, begins[i], begins[-1])}
            found.append(
                lambda i=i, load=load, name=name, first=begins[i], lies=lies: Stretch(load(i), name, first, lies, several=len(portions) > 1)
            )
    return found


def _loader(load: Any, i: int, about: Stretch) -> Any:
    return lambda: replace(about, rows=load(i))


def _grouped(portions: Portions, group: str) -> list[Any]:
    """Loaders of the pieces where every value of the column `group` is a recording in its file; the column is read once beforehand."""
    found: list[Any] = []
    source = 0
    for counts, load, name in portions:
        pieces, totals = [], dict[Any, int]()
        for i in range(len(counts)):
            values = group_values(load(i), group, name, sum(counts[:i]))
            counted = pc.value_counts(values)
            pieces.append({value: totals.get(value, 0) for value in counted.field(0).to_pylist()})
            for value, times in zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True):
                totals[value] = totals.get(value, 0) + times
        numbers = {value: source + number for number, value in enumerate(totals)}
        source += len(numbers)
        first = 0
        for i, befores in enumerate(pieces):
            lies = {value: Lies(numbers[value], before, totals[value]) for value, before in befores.items()}
            found.append(
                lambda i=i, load=load, name=name, first=first, lies=lies: Stretch(load(i), name, first, lies, several=len(portions) > 1)
            )
            first += counts[i]
    return found


def group_values(rows: Any, group: str, name: str, first: int) -> Any:
    """The column that tells the machines apart, as text."""
    if group not in rows.column_names:
        raise SchemaMismatch(f"{name} has no column {group!r} to tell the recordings apart by; it has {', '.join(rows.column_names)}")
    values = pc.cast(rows[group], pa.string())
    if values.null_count:
        row = int(np.asarray(pc.is_null(values)).argmax()) + first
        raise BadData(f"{name}: row {row} (counting from 0) has nothing in {group!r}, so it belongs to no recording; fill it in")
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


# ---------------------------------------------------------------- arrays (n, T, C)


def _cube(source: Any) -> tuple[Array, Any, str] | None:
    """The samples (n, T, C), their labels or None, and their name, where a source is that."""
    if hasattr(source, "shape") and len(source.shape) == 3:
        return np.asarray(source), None, "the array"
    paths = source if isinstance(source, list | tuple) else [source]
    if not paths or not all(isinstance(path, str | Path) and _sources.suffix(path) in (".npz", ".npy") for path in paths):
        return None
    found = [_sources.arrays(str(path)) for path in paths if Path(str(path).rsplit(":", 1)[0] if ".npz:" in str(path) else path).is_file()]
    if len(found) != len(paths) or any(array.ndim != 3 for array, _ in found):
        return None
    if len({array.shape[1:] for array, _ in found}) > 1:
        raise SchemaMismatch(f"the arrays in {', '.join(map(str, paths[:3]))} differ in shape: {[array.shape for array, _ in found][:3]}")
    labels = [label for _, label in found]
    name = str(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
    return np.concatenate([array for array, _ in found]), None if any(each is None for each in labels) else np.concatenate(labels), name


def _cube_pieces(cube: Array, label: Any, name: str) -> Pieces:
    if not cube.size:
        raise BadData(f"{name} has shape {cube.shape}: there is nothing in it; samples are (n, T, C)")
    if cube.dtype.kind not in "biuf":
        raise BadData(f"{name} holds {cube.dtype}; series are numbers")
    if label is not None and label.shape[:1] != cube.shape[:1]:
        raise BadData(f"{name} has {len(cube)} samples but {len(label)} labels 'y'")
    size = max(1, VALUES // (cube.shape[1] * cube.shape[2]))
    starts = range(0, len(cube), size)

    def load(i: int) -> Stretch:
        rows = slice(i * size, (i + 1) * size)
        return Stretch(cube[rows], name, i * size, {None: Lies(i * size, 0, 1)}, None if label is None else label[rows])

    return Pieces([min(size, len(cube) - start) for start in starts], load, name, cube.size * 4)


# ---------------------------------------------------------------- claims


def claims(source: Any) -> int:
    """Whether `source` is a series: 2 for a file or frame of numbers with one column of time that grows evenly, 1 for floats (n, T, C)."""
    shape, dtype = getattr(source, "shape", None), getattr(source, "dtype", None)
    if shape is not None and len(shape) == 3:
        return int(np.dtype(str(dtype).removeprefix("torch.")).kind == "f")
    try:
        table = next(_heads(source), None)
        return 0 if table is None else int(table) if isinstance(table, bool) else 2 * _even(table)
    except (HourglassError, pa.ArrowInvalid, OSError, ValueError, KeyError, RuntimeError):
        return 0  # whoever reads it says what is wrong


def _heads(source: Any) -> Iterator[Any]:
    """The first rows of a frame or of the first file, or whether an array file holds samples (n, T, C) of floats."""
    if isinstance(source, str | Path | list | tuple):
        if isinstance(source, list | tuple) and not all(isinstance(item, str | Path) for item in source):
            return
        if isinstance(source, str | Path) and Path(source).is_dir():
            every = [_sources.suffix(file) for file in Path(source).rglob("*") if file.is_file()]
            if sum(ending in _sources.FOLDER_SUFFIXES for ending in every) * 2 <= len(every):
                return
        path = _sources.expand(source)[0]
        if _sources.suffix(path) in (".npz", ".npy"):
            array, _ = _sources.arrays(path)
            yield array.ndim == 3 and array.dtype.kind == "f"
        elif _sources.suffix(path) in (".parquet", ".pq"):
            with pq.ParquetFile(path) as file:
                yield pa.Table.from_batches([next(file.iter_batches(LOOKED))])
        else:
            yield _csv.first_rows(Path(path), LOOKED)
    elif isinstance(source, pa.Table | pa.RecordBatch):
        yield _sources.as_table(source.slice(0, LOOKED))
    elif nw.dependencies.is_into_dataframe(source):
        yield _sources.as_table(_with_index(nw.from_native(source).head(LOOKED).to_native()))


def _even(table: Any) -> bool:
    """Exactly one column of dates, that grows in even steps, beside nothing but numbers."""
    dates = [name for name in table.column_names if dated(table[name])]
    others = [name for name in table.column_names if name not in dates]
    if len(dates) != 1 or not others or table.num_rows < FEWEST:
        return False
    if any(sort(table.schema.field(name).type, name) not in ("number", "boolean") for name in others):
        return False
    time = find_time(table, dates[0], (), "")
    steps = np.diff(moments(table, time, "", 0)[0]) if time else np.zeros(1)
    return bool((steps >= 0).all() and (np.abs(steps - np.median(steps)) <= 0.01 * np.median(steps)).mean() >= 0.9)
