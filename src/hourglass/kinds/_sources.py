"""Where tables come from: files, folders, globs, arrays and frames become pieces."""

from __future__ import annotations

import glob
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from hourglass.errors import BadData, BadFile, BadOption, BadType, SchemaMismatch, did_you_mean
from hourglass.kinds import _csv
from hourglass.kinds._parquet import FIRST_ROW, ROWS, Portion, parquet, recut, unique
from hourglass.parts import Pieces

__all__ = ["FOLDER_SUFFIXES", "SUFFIXES", "array_table", "arrays", "as_table", "expand", "is_lazy", "joined", "pieces", "portion", "suffix"]

TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
FOLDER_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".pq")
SUFFIXES = (*TEXT, ".parquet", ".pq", ".npz", ".npy")
LABEL = b"hourglass.label"


def pieces(source: Any, named: bool, limit: int) -> Pieces:
    """`source` as pieces; see `table.read`. With `named` an array becomes a Table, so that columns can be told apart by name."""
    if isinstance(source, np.ndarray):
        return _array_pieces(source, named)
    if nw.dependencies.is_into_dataframe(source) or isinstance(source, pa.RecordBatch | nw.DataFrame | nw.LazyFrame) or is_lazy(source):
        table = as_table(source)
        return Pieces([table.num_rows], lambda _: table, "the data", table.num_rows * table.num_columns * 4)
    paths = expand(source)
    return joined([portion(path, limit) for path in paths], ", ".join(paths[:3]) + (", ..." if len(paths) > 3 else ""))


def suffix(path: Any) -> str:
    """The suffix in small letters, `.gz` with the one before it; the array's name behind `.npz:` is left out."""
    name = str(path).rsplit("/", 1)[-1].lower()
    name = name.split(".npz:")[0] + ".npz" if ".npz:" in name else name
    parts = Path(name).suffixes
    return "".join(parts[-2:]) if parts[-1:] == [".gz"] else "".join(parts[-1:])


def expand(source: Any) -> list[str]:
    """The files that a path, a folder, a glob or a list of these names; a missing one raises `BadFile`."""
    if isinstance(source, list | tuple):
        return [path for item in source for path in expand(item)]
    if not isinstance(source, str | Path):
        raise BadType(f"a table is a path, a 2-d array, or a pandas, polars or pyarrow frame; this is a {type(source).__name__}")
    text = str(source)
    path = Path(text)
    if path.is_dir():
        found = sorted(str(file) for file in path.rglob("*") if file.is_file() and suffix(file) in FOLDER_SUFFIXES)
        if not found:
            raise BadFile(f"the folder {text} holds no table; looked for {' '.join(FOLDER_SUFFIXES)}")
        return found
    if not path.exists() and any(sign in text for sign in "*?["):
        found = sorted(file for file in glob.glob(text, recursive=True) if Path(file).is_file())
        if not found:
            raise BadFile(f"no file fits {text!r}")
        return found
    bare = Path(text.rsplit(":", 1)[0]) if ".npz:" in text else path
    if not bare.is_file():
        raise BadFile(f"there is no file {str(bare)!r}")
    if suffix(text) not in SUFFIXES:
        raise BadFile(f"{text} is not known as a table; tables end in {' '.join(SUFFIXES)}")
    return [text]


@contextmanager
def naming(name: str) -> Iterator[None]:
    """What is wrong with data is told with the name of the file."""
    try:
        yield
    except (BadData, BadOption) as trouble:
        if name in str(trouble):
            raise
        raise type(trouble)(f"{name}: {trouble}") from trouble


def as_table(frame: Any) -> Any:
    """A frame of any library that narwhals knows as a pyarrow Table (without the index of pandas)."""
    if isinstance(frame, pa.RecordBatch):
        frame = pa.Table.from_batches([frame])
    if isinstance(frame, pa.Table):
        table = frame
    else:
        wrapped = frame if isinstance(frame, nw.DataFrame | nw.LazyFrame) else None
        if wrapped is None:
            unique([str(name) for name in frame.columns] if not is_lazy(frame) else [], "the frame")
            wrapped = nw.from_native(frame)
        eager = wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped
        table = pa.table([_column(series) for series in eager.iter_columns()], names=[str(name) for name in eager.columns])
    unique(table.column_names, "the frame")
    _filled(table.num_rows, table.num_columns)
    return table


def array_table(array: Any, names: list[str]) -> Any:
    """A 2-d array as a Table with these names; in object arrays each column finds its own type."""
    return pa.table([_column(array[:, i]) for i in range(array.shape[1])], names=names)


def _column(values: Any) -> Any:
    """Values as an Arrow array; numbers and words mixed become words. Other objects raise `BadType`."""
    try:
        return values.to_arrow() if isinstance(values, nw.Series) else pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        cells = list(values)
        odd = next((cell for cell in cells if not isinstance(cell, str | int | float | np.generic | None)), None)
        if odd is not None:
            raise BadType(f"the argument must be a string or a number in every cell; one is {odd!r} ({type(odd).__name__})") from None
        return pa.array([None if cell is None or cell != cell else str(cell) for cell in cells], pa.string())


def is_lazy(source: Any) -> bool:
    """Whether this is a polars LazyFrame."""
    return bool(nw.dependencies.is_polars_lazyframe(source))


def _filled(rows: int, columns: int) -> None:
    if not rows:
        raise BadData(f"Found array with 0 sample(s) (shape=({rows}, {columns})) while a minimum of 1 is required.")
    if not columns:
        raise BadData(f"0 feature(s) (shape=({rows}, 0)) while a minimum of 1 is required.")


def _array_pieces(array: Any, named: bool) -> Pieces:
    if array.ndim != 2:
        raise BadData(
            f"Expected 2D array, got {array.ndim}D array instead (shape {array.shape}): a table has rows and columns. "
            "Reshape your data with array.reshape(-1, 1) for one column or array.reshape(1, -1) for one row"
        )
    _filled(*array.shape)
    if array.dtype.kind == "c":
        raise BadData("Complex data not supported: take the real and the imaginary part as columns of their own")
    chunk = _plain(array)
    if named and isinstance(chunk, np.ndarray):
        chunk = array_table(chunk, [f"x{i}" for i in range(array.shape[1])])
    return Pieces([len(array)], lambda _: chunk, "the array", array.size * 4)


def _plain(array: Any) -> Any:
    """Numeric arrays as they are, object arrays as float64 where all cells are numbers, everything else as a Table."""
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind == "O":
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError):
            pass
    return array_table(array, [f"x{i}" for i in range(array.shape[1])])


def portion(path: str, limit: int) -> Portion:
    """One file; a text table of more than `limit` bytes as tensors is turned into a temporary Parquet file."""
    ending = suffix(path)
    if ending in (".parquet", ".pq"):
        return parquet(path)
    if ending in (".npz", ".npy"):
        return _whole(_numpy(path), path)
    rows, columns = _csv.estimated_rows(Path(path)), _csv.sniff(Path(path)).columns
    if rows * columns * 4 <= limit:
        return _whole(_csv.read_whole(Path(path)), path)
    folder = tempfile.mkdtemp(prefix="hourglass-")
    try:
        target = Path(folder) / "table.parquet"
        _csv.stream(Path(path), target, recut)
        portion = parquet(str(target), path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(portion.load, shutil.rmtree, folder, ignore_errors=True)
    return portion


def _whole(table: Any, name: str) -> Portion:
    starts = range(0, table.num_rows, ROWS)
    counts = [min(ROWS, table.num_rows - start) for start in starts]
    return Portion(table.schema, counts, lambda i: table.slice(i * ROWS, ROWS), name)


def _numpy(path: str) -> Any:
    """The 2-d array of a .npy or .npz file as a Table; the `y` of a .npz is its last column, marked as the label."""
    array, label = arrays(path)
    chunk = _array_pieces(array, True).load(0)
    if label is None or (label.shape[:1] != array.shape[:1] and ".npz:" in path):
        return chunk
    if label.shape[:1] != array.shape[:1] or label.ndim != 1:
        raise BadData(f"{path} has {len(array)} rows but labels 'y' of shape {label.shape}")
    return chunk.append_column("y", pa.array(label)).replace_schema_metadata({LABEL: b"y"})


def arrays(path: str) -> tuple[Any, Any]:
    """The array of a .npy or .npz file, and the labels `y` of a .npz or None."""
    file, _, name = path.rpartition(":") if ".npz:" in path else (path, "", "")
    try:
        opened = np.load(file, allow_pickle=False)
        found = {"X": opened} if isinstance(opened, np.ndarray) else {key: opened[key] for key in _wanted(opened.files, name, file)}
    except BadOption:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BadFile(f"{file} cannot be read as numpy arrays: {error}") from None
    values = list(found.values())
    return values[0], values[1] if len(values) > 1 else None


def holds_rows(path: str) -> bool:
    """Whether the array that a .npz or .npy file is read for has two axes; where none can be found, reading it says what is wrong."""
    file, _, name = path.rpartition(":") if ".npz:" in path else (path, "", "")
    try:
        opened = np.load(file, mmap_mode="r", allow_pickle=False)
        if isinstance(opened, np.ndarray):
            return opened.ndim == 2
        with opened:
            return bool(opened[_wanted(opened.files, name, file)[0]].ndim == 2)
    except (BadOption, ValueError, OSError, EOFError, zipfile.BadZipFile):
        return True


def _wanted(keys: list[str], name: str, file: str) -> list[str]:
    """The array asked for (else `X`, `x`, or the only one), then the label."""
    table = [key for key in ((name,) if name else ("X", "x", keys[0] if len(keys) == 1 else "X")) if key in keys][:1]
    if not table:
        raise BadOption(f"{file} has no array called {name or 'X'!r}: {did_you_mean(name or 'X', keys)}; write {file}:NAME to pick one")
    return table + (["y"] if "y" in keys and table != ["y"] else [])


def joined(portions: list[Portion], name: str) -> Pieces:
    """All files as one run of pieces with one schema; the order of the columns is the first file's."""
    first = portions[0]
    names = first.schema.names
    for other in portions[1:]:
        missing, extra = sorted(set(names) - set(other.schema.names)), sorted(set(other.schema.names) - set(names))
        if missing or extra:
            told = [f"{word} {', '.join(map(repr, columns))}" for word, columns in (("lacks", missing), ("adds", extra)) if columns]
            raise SchemaMismatch(f"{other.name} {' and '.join(told)} beside {first.name}; files of one table have the same columns")
    ordered = [pa.schema([portion.schema.field(column) for column in names]) for portion in portions]
    try:
        schema = pa.unify_schemas(ordered, promote_options="permissive").with_metadata(first.schema.metadata)
    except pa.ArrowTypeError as error:
        raise SchemaMismatch(f"the files of {name} have columns of different types: {error}") from None
    starts = list(accumulate((count for portion in portions for count in portion.counts), initial=0))
    where = [(portion, i) for portion in portions for i in range(len(portion.counts))]

    def load(index: int) -> Any:
        portion, i = where[index]
        table = portion.load(i)
        table = table if table.column_names == names else table.select(names)
        table = table if table.schema.equals(schema) else table.cast(schema)
        return table.replace_schema_metadata({**(schema.metadata or {}), FIRST_ROW: str(starts[index]).encode()})

    counts = [count for portion in portions for count in portion.counts]
    return Pieces(counts, load, name, sum(counts) * len(names) * 4)
