"""From pieces of the user's data to samples, and from what a use made of the samples back to the user's rows.

For most kinds a row is a sample. Where samples are parts of something larger (tiles, windows, chunks, clips), `facts["cut"]` is true: the
kind cuts its chunks, a layout tells how the parts lie, and the kind puts them together again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from torch import Tensor

from hourglass.errors import DamagedFile
from hourglass.kinds._columns import cleaned
from hourglass.parts import Batch, Pieces, concatenate
from hourglass.reading import chunks, joined, single

__all__ = ["completed", "everything", "filled_in", "in_rows", "laid_out", "merged", "put_back", "put_together", "samples"]

Facts = dict[str, Any]
MOST = 64  # times as many numbers as were compressed is what a layout may ask for


def samples(module: Any, chunk: Any, facts: Facts) -> tuple[Batch, Any]:
    """The samples of a chunk, and their layout (None where each row is one)."""
    return module.cut(chunk, facts) if facts.get("cut") else (module.to_tensor(chunk, facts), None)


def everything(module: Any, pieces: Pieces, facts: Facts) -> Batch:
    """All samples of all pieces, in single precision."""
    return single(concatenate([samples(module, chunk, facts)[0] for chunk in chunks(pieces)]))


def put_back(module: Any, values: Tensor, facts: Facts, layout: Any, chunk: Any) -> Any:
    """Samples as a chunk like the one they came from."""
    return module.from_tensor(values, facts, like=chunk) if layout is None else module.join(values, facts, layout, like=chunk)


def filled_in(module: Any, values: Tensor, facts: Facts, layout: Any, chunk: Any) -> Any:
    """The chunk with its missing cells, and no others, taken from the samples."""
    rows = getattr(chunk, "rows", chunk)
    like = chunk if rows is chunk else replace(chunk, rows=completed(rows, _zeros(rows)))  # series would keep their holes
    return completed(rows, put_back(module, values, facts, layout, like))


def _zeros(rows: Any) -> Any:
    """Rows without any value of their own, but for texts and times."""
    if isinstance(rows, np.ndarray):
        return np.zeros_like(rows)
    plain = [pa.types.is_integer(each.type) or pa.types.is_floating(each.type) or pa.types.is_boolean(each.type) for each in rows.schema]
    zeros = pa.array(np.zeros(len(rows), np.int8))
    return pa.table({each.name: zeros.cast(each.type) if zero else rows[each.name] for each, zero in zip(rows.schema, plain, strict=True)})


def completed(chunk: Any, back: Any) -> Any:
    """The rows of a chunk with its missing cells taken from `back`, which has the same rows and columns; all others are as they were."""
    if isinstance(chunk, np.ndarray):
        return np.where(np.isnan(chunk), back, chunk).astype(back.dtype) if chunk.dtype.kind == "f" else chunk
    columns = {}
    for name in chunk.column_names:
        column = chunk[name]
        text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        gone = pc.is_null(cleaned(column) if text else column, nan_is_null=pa.types.is_floating(column.type))
        columns[name] = pc.if_else(gone, back[name].cast(column.type), column) if pc.any(gone).as_py() else column
    return pa.table(columns).replace_schema_metadata(chunk.schema.metadata)


def in_rows(module: Any, values: Tensor, facts: Facts, layout: Any) -> NDArray[Any]:
    """One value per sample as one value per row of the user's data."""
    if layout is None or not hasattr(module, "spread"):
        return values.numpy()
    spread: NDArray[Any] = module.spread(values, facts, layout)
    return spread


def merged(results: Iterable[NDArray[Any]], counts: Sequence[int]) -> list[NDArray[Any]]:
    """Values per row of each piece; a piece that counts no row goes on with the last row of the one before, whose value is the mean."""
    found: list[NDArray[Any]] = []
    last: list[float] = []
    for values, count in zip(results, counts, strict=True):
        if count == 0 and found:
            last += values.tolist()
            found[-1][-1] = np.mean(last)
        else:
            found.append(values)
            last = values[-1:].tolist()
    return found


def laid_out(module: Any, pieces: Pieces, facts: Facts) -> tuple[Batch, Any]:
    """All samples of all pieces, and for each piece the number of its samples and their layout (None where each row is one sample)."""
    found = [samples(module, chunk, facts) for chunk in chunks(pieces)]
    layout = [[batch.count, told] for batch, told in found] if facts.get("cut") else None
    return concatenate([batch for batch, _ in found]), layout


def put_together(module: Any, values: Tensor, facts: Facts, layout: Any) -> Any:
    """Undo `laid_out`, with nothing but the samples and the layout; one that does not fit raises `DamagedFile`."""
    if layout is None:
        return module.from_tensor(values, facts)
    try:
        counts = [int(count) for count, _ in layout]
        if min(counts, default=0) < 0 or sum(counts) != len(values) or _largest(layout) > MOST * max(values.numel(), 1 << 20):
            raise ValueError("the numbers do not add up")
        parts = values.split(counts)
        return joined([module.join(part, facts, told) for part, (_, told) in zip(parts, layout, strict=True)])
    except (ValueError, TypeError, IndexError, KeyError, RuntimeError) as trouble:
        raise DamagedFile(f"what this file says of how its parts lie together does not fit what it holds: {trouble}") from trouble


def _largest(layout: Any) -> float:
    """The largest number anywhere in a layout."""
    if isinstance(layout, dict):
        layout = list(layout.values())
    if isinstance(layout, list | tuple):
        return max((_largest(item) for item in layout), default=0)
    return abs(layout) if isinstance(layout, int | float) and not isinstance(layout, bool) else 0
