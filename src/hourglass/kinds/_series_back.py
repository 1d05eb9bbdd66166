"""Windows of a series back to rows: numbers in the user's units and types, times of the grid, files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from hourglass.errors import DamagedFile
from hourglass.kinds._layout import schema_of
from hourglass.kinds._moments import Array
from hourglass.kinds._restore import as_dtype, as_rows
from hourglass.kinds._series_grid import from_runs
from hourglass.kinds._series_time import written
from hourglass.kinds._series_windows import windows
from hourglass.kinds._tensors import column_values, numbers_back
from hourglass.kinds._write import write_tables
from hourglass.writing import atomic

__all__ = ["alone", "counted", "flat", "laid", "sensor_columns", "unscaled", "write"]

Facts = dict[str, Any]


def flat(facts: Facts) -> Facts:
    """The facts of single steps, as those of an array of numbers."""
    channels = len(facts["names"])
    return {**facts, "source": "array", "shape": [channels], "presence": torch.zeros(0, dtype=torch.int64), "presence_start": channels}


def unscaled(steps: Array, facts: Facts) -> tuple[Array, Array]:
    """Standardised steps (n, C) in the user's units, and which are missing."""
    missing = np.isnan(steps)
    return numbers_back(np.where(missing, 0.0, steps), flat(facts))[0], missing


def sensor_columns(numbers: Array, missing: Array, facts: Facts, schema: Any) -> dict[str, Any]:
    """The sensors as Arrow columns of their own types."""
    columns = {}
    for i, name in enumerate(facts["names"]):
        type_ = schema.field(name).type
        if pa.types.is_boolean(type_):
            columns[name] = pa.array(numbers[:, i] >= 0.5, mask=missing[:, i])
        else:
            columns[name] = column_values(numbers[:, i], missing[:, i], type_, {})
    return columns


def alone(numbers: Array, missing: Array, facts: Facts, layout: dict[str, Any], lengths: Array, place: Array) -> Any:
    """Rows without the chunk they came from: an array, or a Table with the times of the grid and the names of the machines."""
    if facts["source"] == "array":
        shape = (len(lengths), -1, len(facts["names"])) if facts["axes"] == 3 else numbers.shape
        return as_dtype(np.where(missing, np.nan, numbers).reshape(shape), np.dtype(facts["dtype"]))
    schema = schema_of(facts)
    columns: dict[str, Any] = {}
    segment = np.searchsorted(np.cumsum(lengths), place, side="right")
    if facts["group"] and len(layout.get("groups", ())) == len(lengths):
        columns[facts["group"]] = pa.array([layout["groups"][i] for i in segment])
    if facts["time"] and len(layout.get("begins", ())) == len(lengths):
        seconds = np.array(layout["begins"], dtype=np.float64)[segment] + (place - (np.cumsum(lengths) - lengths)[segment]) * facts["step"]
        columns[facts["time"]["name"]] = written(seconds, facts["time"], schema.field(facts["time"]["name"]).type)
    return pa.table({**columns, **sensor_columns(numbers, missing, facts, schema)})


def counted(lengths: Array) -> list[int]:
    """Lengths as length, times, length, times, ..."""
    breaks = np.concatenate([[0], np.flatnonzero(np.diff(lengths)) + 1]) if len(lengths) else np.empty(0, np.int64)
    flat: list[int] = np.stack([lengths[breaks], np.diff([*breaks, len(lengths)])], 1).ravel().tolist()
    return flat


def laid(layout: Any, facts: Facts, count: int) -> tuple[Array, Array]:
    """The lengths of segments and the place of each row, from a layout that must fit `count` windows; else `DamagedFile`."""
    try:
        lengths, times = np.array(layout["lengths"], dtype=np.int64).reshape(-1, 2).T
        fits = bool(
            (lengths > 0).all() and (times > 0).all() and times.sum() <= count and lengths.max(initial=0) <= 2 * count * facts["window"]
        )
        lengths = np.repeat(lengths, times) if fits else lengths[:0]
        fits = fits and len(windows(lengths, facts["window"])[0]) == count
        starts, counts = np.array(layout["places"], dtype=np.int64).reshape(-1, 2).T
        total = int(lengths.sum())
        if fits and bool((starts >= 0).all() and (counts > 0).all() and (counts <= total).all() and (starts + counts <= total).all()):
            return lengths, from_runs(layout["places"])
    except (TypeError, ValueError, KeyError, OverflowError):
        pass
    raise DamagedFile("these windows do not lie as they should: what says so does not fit their number")


def write(chunks: Iterable[Any], path: str | Path, facts: Facts) -> None:
    """Chunks to one .csv, .csv.gz, .parquet, .npz, .npy or .json file. An unfinished file is never left behind."""
    target = Path(path)
    if target.suffix.lower() in (".npz", ".npy"):
        chunks = list(chunks)
        if chunks and all(isinstance(chunk, np.ndarray) and chunk.ndim == 3 for chunk in chunks):
            _write_cube(np.concatenate(chunks), target)
            return
    write_tables(_tables(chunks), target, facts.get("label"))


def _tables(chunks: Iterable[Any]) -> Iterator[Any]:
    """Chunks as Tables; samples (n, T, C) as rows with `sample` and `step` before them."""
    seen = 0
    for chunk in chunks:
        if isinstance(chunk, np.ndarray) and chunk.ndim == 3:
            count, width, channels = chunk.shape
            columns = {"sample": np.repeat(np.arange(seen, seen + count), width), "step": np.tile(np.arange(width), count)}
            yield pa.table({**columns, **{f"x{i}": chunk[..., i].ravel() for i in range(channels)}})
            seen += count
        else:
            yield as_rows(chunk)


def _write_cube(cube: Array, path: Path) -> None:
    """Samples (n, T, C) as they are."""
    with atomic(path) as beside, beside.open("wb") as file:
        if path.suffix.lower() == ".npz":
            np.savez(file, X=cube)
        else:
            np.save(file, cube, allow_pickle=False)
