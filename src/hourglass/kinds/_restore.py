"""Results as the same sort of thing as what the user gave: the same library, columns, types and index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from hourglass.kinds import _sources
from hourglass.kinds._moments import Array
from hourglass.kinds._sources import array_table, as_table

__all__ = ["as_dtype", "as_rows", "restore"]


def restore(chunk: Any, source: Any) -> Any:
    """The chunk as the same sort of thing as `source`: an array, a frame of the same library, or (for paths) a pyarrow Table."""
    if isinstance(source, np.ndarray):
        array = chunk if isinstance(chunk, np.ndarray) else np.column_stack([np.asarray(column) for column in chunk.columns])
        return as_dtype(array, source.dtype)
    table = as_rows(chunk)
    if isinstance(source, str | Path | list | tuple | pa.Table):
        return table
    if isinstance(source, pa.RecordBatch):
        return table.combine_chunks().to_batches()[0]
    if not (nw.dependencies.is_into_dataframe(source) or _sources.is_lazy(source)):
        return table
    frame = nw.from_native(source)
    made = nw.from_arrow(table, backend=frame.implementation).to_native()
    return _like_pandas(made, source) if frame.implementation.is_pandas() else made


def as_rows(chunk: Any) -> Any:
    """An array or a frame as a pyarrow Table; a Table as it is."""
    if isinstance(chunk, np.ndarray):
        return array_table(chunk, [f"x{i}" for i in range(chunk.shape[1])])
    return as_table(chunk) if not isinstance(chunk, pa.Table) else chunk


def as_dtype(array: Array, dtype: Any) -> Array:
    """The array in another type, rounded and kept in range where that is whole; missing cells need a float."""
    if array.dtype == dtype or array.dtype.kind not in "fiub":
        return array.astype(dtype, copy=False)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        whole = np.clip(np.round(array), limits.min, np.nextafter(float(limits.max), 0) if limits.bits == 64 else limits.max)
        return whole if np.isnan(whole).any() else whole.astype(dtype)
    if dtype.kind == "b":
        return array >= 0.5
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def _like_pandas(made: Any, source: Any) -> Any:
    """Names, index and types of the source's columns, where they fit."""
    own = {str(name): name for name in source.columns}
    if not set(made.columns) <= set(own):  # scores and the like: nothing but the index is the source's
        return made.set_index(source.index) if len(made) == len(source) else made
    made.columns = [own[name] for name in made.columns]
    if len(made) == len(source):
        made.index = source.index
    for name in made.columns:
        if made[name].dtype != source[name].dtype:
            try:
                made[name] = made[name].astype(source[name].dtype)
            except (TypeError, ValueError):
                continue
    return made
