"""Rows as they come, one at a time: each is scored at once, of a series by the window of rows that ends with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hourglass import results
from hourglass.model import Model
from hourglass.parts import Batch, find
from hourglass.uses.empty import TOLD
from hourglass.uses.explain import findings

__all__ = ["Stream"]


class Stream:
    """Scores rows in the order in which they come. `take` gives what `explain` says of the row, as a dictionary.

    Of a series it keeps the last window of rows of each machine, so that a row is judged by the past alone; in a file the windows that
    begin there count too, for which a stream would have to wait.
    """

    def __init__(self, model: Model, threshold: Callable[[], float]) -> None:
        self.model, self.threshold = model, threshold
        self.kind = find("kinds", model.kind)
        self.window = int(model.facts["window"]) if model.facts.get("cut") else 0
        self.kept: dict[Any, Any] = {}
        self.row = 0

    def take(self, row: Any) -> tuple[dict[str, Any], Batch]:
        """What is found about one row (a Table or an array of one row), and the sample by which it was judged."""
        chunk = self._with_past(row) if self.window else row
        batch, layout = results.samples(self.kind, chunk, self.model.facts)
        found = self._last(findings(self.model, batch, chunk, self.threshold(), layout)) | {"row": self.row}
        self.row += 1
        had = self.window if layout is None else layout["lengths"][-2]  # steps of the last segment
        if had < self.window and found["because"] != TOLD:
            found |= {"p_value": 1.0, "anomaly": False, "because": f"not judged yet: {had} of the {self.window} rows of a window are there"}
        return found, batch[-1:]

    def _last(self, told: Any) -> dict[str, Any]:
        found: dict[str, Any] = told.slice(told.num_rows - 1).to_pylist()[0]
        return found

    def _with_past(self, row: Any) -> Any:
        """The last window of rows of the row's machine, this row included."""
        group = self.model.facts["group"]
        key = None if group is None or isinstance(row, np.ndarray) else row[group][0].as_py()
        past = self.kept.get(key)
        self.kept[key] = chunk = row if past is None else _behind(past, row, self.window)
        return chunk


def _behind(past: Any, row: Any, most: int) -> Any:
    """The row behind those before it, of which the last ones are kept."""
    first = max(0, len(past) + 1 - most)
    if isinstance(row, np.ndarray):
        return np.concatenate([past[first:], row])
    import pyarrow as pa

    return pa.concat_tables([past.slice(first), row.select(past.column_names)]).combine_chunks()
