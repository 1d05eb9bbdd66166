"""Guesses at what a table's columns are when they do not fit those of the training data: renamed ones, by their names and their values."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hourglass.errors import BadData
from hourglass.kinds._columns import sort, text

__all__ = ["hints"]

ROWS = 2000  # looked at
ALIKE, SURE = 0.75, 0.8  # names whose values are alike or unknown, and whose values are not alike
NEAR, SAME, KNOWN = 0.5, 2.0, 0.8  # spreads between middles; times between spreads; share of values known

Facts = dict[str, Any]


def hints(missing: Sequence[str], extra: Sequence[str], table: Any, facts: Facts) -> str:
    """The end of an error text: which unknown column may be which missing one, or what to do with those left over.

    `extra` are columns of the `table`; `missing` ones were learned and are not there.
    """
    some = table.slice(0, ROWS)
    learned = {column["name"]: column for column in facts["columns"]}
    scored = [(*_likeness(name, learned[lost], some, facts), lost, name) for lost in missing for name in extra]
    told: list[str] = []
    left_missing, left_extra = list(missing), list(extra)
    for worth, why, lost, name in sorted(scored, reverse=True):
        if worth >= ALIKE and lost in left_missing and name in left_extra:
            told.append(f"is {name!r} what was {lost!r} in training ({why})? Then rename it")
            left_missing.remove(lost)
            left_extra.remove(name)
    if left_extra and not left_missing:
        told.append(f"take {left_extra[0]!r} out, or if it is a label, say --label {left_extra[0]}")
    if left_missing:
        told.append("a column whose values are not known may be there with empty cells")
    return "; ".join(told)


def _likeness(name: str, column: dict[str, Any], table: Any, facts: Facts) -> tuple[float, str]:
    """How much a column of the table is like one that was learned, 0 to 2, and by what."""
    near = difflib.SequenceMatcher(None, _plain(name), _plain(column["name"])).ratio()
    values = _alike(table[name], column, facts)
    if values is None:
        return near if near >= ALIKE else 0.0, "a similar name"
    if not values:
        return (near, "a similar name, but other values") if near >= SURE else (0.0, "")
    return 1 + near, "its values are alike" if near < ALIKE else "a similar name, and its values are alike"


def _plain(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _alike(cells: Any, column: dict[str, Any], facts: Facts) -> bool | None:
    """Whether values are distributed like those learned; None where they cannot be compared."""
    try:
        found = sort(cells.type, column["name"])
    except BadData:
        return False
    if column["type"] == "category":
        given = pc.drop_null(text(cells)) if found in ("text", "category") else pa.array([], pa.string())
        known = pc.sum(pc.is_in(given, pa.array(column["vocabulary"], pa.string()))).as_py() or 0
        return bool(len(given)) and known >= KNOWN * len(given)
    if column["type"] != "number":
        return None if {"boolean": "boolean", "date": "date"}[column["type"]] == found else False
    if found != "number":
        return False
    numbers = np.asarray(pc.cast(pc.drop_null(cells), pa.float64(), safe=False))
    mean, spread = float(facts["mean"][column["start"]]), float(facts["scale"][column["start"]])
    if len(numbers) < 5 or not spread > 0:
        return None
    apart, wide = abs(float(numbers.mean()) - mean) / spread, max(float(numbers.std()), 1e-12) / spread
    return apart < NEAR and 1 / SAME < wide < SAME
