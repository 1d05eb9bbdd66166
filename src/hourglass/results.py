"""From pieces of the user's data to samples, and from what a use made of the samples back to the user's rows.

For most kinds a row is a sample. Where samples are parts of something larger (tiles, windows, chunks, clips), `facts["cut"]` is true: the
kind cuts its chunks, a layout tells how the parts lie, and the kind puts them together again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hourglass.errors import DamagedFile
from hourglass.parts import Batch, Pieces, concatenate
from hourglass.reading import chunks, joined, single

__all__ = ["everything", "in_rows", "laid_out", "merged", "put_back", "put_together", "samples"]

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
