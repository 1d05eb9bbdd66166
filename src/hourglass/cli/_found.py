"""What `detect` found: counted and ranked in one pass over the scores, told to people as a table, written as they ask."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hourglass.cli import _places
from hourglass.cli._voice import show

__all__ = ["Found", "rank", "show_top", "tables", "write"]

NUMBERS = {"score": "{:.4g}", "p_value": "{:.2g}", "q_value": "{:.2g}"}


class Found(NamedTuple):
    """All rows counted, the anomalies among them and their least score, p-values in tenths, and the most unusual rows."""

    rows: int
    anomalies: int
    least: float
    tenths: list[int]
    top: list[dict[str, Any]]


def tables(made: Path) -> Iterator[Any]:
    """The scores in a file, some thousand rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(made) as file:
        if not file.metadata.num_rows:  # a series without events has a table all the same
            yield file.schema_arrow.empty_table()
        for batch in file.iter_batches():
            yield pa.Table.from_batches([batch])


def write(made: Path, target: Path) -> None:
    """The scores once more, in the format that the user wants."""
    from hourglass.parts import find

    find("kinds", "table").write(tables(made), target, {})
    _places.finish(target)


def rank(parts: Iterator[Any], most: int) -> Found:
    """Count, and keep the highest scores, in one pass."""
    import numpy as np

    rows, anomalies, least = 0, 0, math.inf
    tenths = np.zeros(10, dtype=int)
    top: list[tuple[float, int, dict[str, Any]]] = []
    for table in parts:
        odd, scores = table["anomaly"].to_numpy(), table["score"].to_numpy()
        anomalies, least = anomalies + int(odd.sum()), min(least, float(scores[odd].min(initial=math.inf)))
        tenths += np.histogram(table["p_value"].to_numpy(), 10, (0, 1))[0]
        order = (-np.nan_to_num(scores, nan=-np.inf)).argsort(kind="stable")[:most]
        kept = table.take(order).to_pylist()
        entries = ((row["score"], -rows - int(at), row) for at, row in zip(order, kept, strict=True))
        top = heapq.nlargest(most, itertools.chain(top, entries), key=lambda entry: entry[:2])
        rows += table.num_rows
    return Found(rows, anomalies, least, tenths.tolist(), [row for _, _, row in top])


def show_top(found: Found) -> None:
    """The most unusual rows as a table for people; columns that tell nothing here are left out."""
    if not found.top:
        return
    columns = [name for name in found.top[0] if name != "because" or any(row["because"] for row in found.top)]
    shown = [[_cell(name, row[name]) for name in columns] for row in found.top]
    title = f"The {len(shown)} most unusual" if len(shown) > 1 else "The most unusual"
    show(title, columns, shown, right=("row", *NUMBERS))


def _cell(name: str, value: Any) -> Any:
    if name == "anomaly":
        return "yes" if value else ""
    return NUMBERS[name].format(value) if name in NUMBERS else "" if value is None else value
