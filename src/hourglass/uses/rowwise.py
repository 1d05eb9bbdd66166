"""One score for each row of the user's data: of a step of a series what the windows over it say, of others the score of the sample."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hourglass import results
from hourglass.model import Model
from hourglass.parts import Batch, find
from hourglass.uses import lasting, maps
from hourglass.uses.empty import empty

__all__ = ["Rows", "rated"]

# Power of the share of its steps that are there, by which a window counts. M: with half of its steps gone a window scores up to twice as
# high, with three quarters gone up to 14 times (8 series); the rows before a gap lie in a fuller window too
FULL = 4


class Rows(NamedTuple):
    """The score of each row (n,), and which rows have no value at all (n,)."""

    scores: NDArray[Any]
    empty: NDArray[np.bool_]


def rated(model: Model, batch: Batch, layout: Any = None) -> Rows:
    """How unusual each row is: 1 is usual, more is more unusual. `layout` is that of samples that are parts of something larger.

    Windows that are mostly holes count little. A row without any value is more unusual than any other, unless training had such rows.
    """
    scored, kind = maps.scores(model, batch, layout), find("kinds", model.kind)
    if layout is None:
        return Rows(scored.numpy(), empty(model, batch).numpy())
    if batch.mask is None or not lasting.steps(model):
        rows = results.in_rows(kind, scored, model.facts, layout)
        return Rows(rows, np.zeros(len(rows), dtype=bool))
    there = batch.mask.any(1).double()  # (P, T)
    full = there.mean(1) ** FULL
    nothing = results.in_rows(kind, there, model.facts, layout) == 0
    sums, counted = (results.in_rows(kind, each, model.facts, layout) for each in (scored * full, full))
    rows = np.where(nothing, float(model.arrays["detect.empty"]), sums / np.where(nothing, 1, counted))
    return Rows(rows.astype(scored.numpy().dtype), nothing)
