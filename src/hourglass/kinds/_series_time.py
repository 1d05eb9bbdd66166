"""The time of each row of a series: which column tells it, how it is written, and durations in words."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hourglass.errors import BadData, BadOption, SchemaMismatch, did_you_mean
from hourglass.kinds._columns import cleaned, sort, text
from hourglass.kinds._dates import FORMATS, Dates, microseconds, parse
from hourglass.kinds._moments import Array
from hourglass.kinds._tensors import date_back, number_matrix

__all__ = ["dated", "duration", "find_time", "moments", "spoken", "written"]

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "hour": 3600.0, "d": 86_400.0, "day": 86_400.0}
TELLING = ("time", "timestamp", "datetime", "date", "t", "ts", "seconds")  # numbers are only time if their column is called so
LARGE = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))  # numbers so large count nano-, micro- or milliseconds since 1970
HEAD = 2_000

Facts = dict[str, Any]


def duration(step: Any) -> float | None:
    """Seconds of a step such as 5, "5s", "1min", "100ms", "2 h"; None stays None."""
    if step is None:
        return None
    number, unit = step, "s"
    if isinstance(step, str) and (found := re.fullmatch(r"\s*([0-9.]*)\s*([a-zµ]*)\s*", step.lower())):
        number, unit = found[1] or 1, found[2].replace("µ", "u")
        unit = unit if unit in UNITS else unit.removesuffix("s")
    with contextlib.suppress(TypeError, ValueError, KeyError):
        seconds = float(number) * UNITS[unit or "s"]
        if not isinstance(step, bool) and 0 < seconds < np.inf:
            return seconds
    raise BadOption(f"step={step!r}: give seconds, or a duration such as '1min', '5s', '100ms', '1h' (units: {', '.join(UNITS)})")


def spoken(seconds: float) -> str:
    """A duration in the largest unit that leaves it a handy number: `5 min`, `1 s`, `20 ms`."""
    for unit in ("d", "h", "min", "s", "ms", "us"):
        if seconds >= UNITS[unit] * (1 - 1e-9):
            return f"{seconds / UNITS[unit]:.4g} {unit}"
    return f"{seconds:.4g} s"


def find_time(table: Any, wanted: str | None, left_out: Iterable[str], name: str) -> Facts | None:
    """Which column tells the time and how: `name`, `form` (None: dates; `number`; else how text is written), `unit`, `grain`.

    The column `wanted`, or the only one of dates, or one of growing numbers that is called time or the like; None where there is none.
    """
    if wanted is not None:
        if wanted not in table.column_names:
            raise BadOption(f"{name} has no column {wanted!r} to take the time from: {did_you_mean(wanted, table.column_names)}")
        return _how(table[wanted], wanted, name)
    names = [column for column in table.column_names if column not in set(left_out)]
    found = [column for column in names if dated(table[column])]
    if len(found) > 1:
        raise BadOption(
            f"{name} has several columns of dates: {', '.join(map(repr, found))}; say which is the time of a row, such as "
            f"time={found[0]!r} (--time {found[0]}), and leave the others out with ignore"
        )
    found = found or [column for column in names if column.lower() in TELLING and _grows(table[column])]
    return _how(table[found[0]], found[0], name) if found else None


def moments(table: Any, time: Facts, name: str, first: int) -> tuple[Array, float]:
    """Seconds (n,) since the first row, and when that was, in seconds since 1970 (numbers: since zero). `first`: its number in `name`."""
    column = table[time["name"]]
    if time["form"] == "number":
        values = number_matrix(table, [time["name"]], first)[:, 0].astype(np.float64)
        missing = ~np.isfinite(values)
        values = values * time["unit"]
    else:
        whole, missing = microseconds(_as_dates(column, time, name, first))
        values = (whole - whole[:1]) / 1e6
    if missing.any():
        row = int(missing.argmax()) + first
        raise BadData(
            f"{name}: row {row} (counting from 0) has no time in column {time['name']!r}, {int(missing.sum())} of {len(missing)} rows "
            "have none; fill the times in, or leave these rows out"
        )
    if time["form"] == "number":
        return values - values[:1], float(values[0])
    return values, float(whole[0]) / 1e6


def written(seconds: Array, time: Facts, type_: Any) -> Any:
    """Seconds (n,) as the column of time was written."""
    if time["form"] == "number":
        return pa.array(seconds / time["unit"]).cast(type_, safe=False)
    return date_back(seconds, np.zeros(len(seconds), dtype=bool), type_, {"format": time["form"], "grain": time["grain"]})


def dated(column: Any) -> bool:
    """Whether a column holds dates, or text of which nearly all reads as dates."""
    found = sort(column.type, "")
    if found != "text":
        return found == "date"
    head = pc.drop_null(cleaned(column.slice(0, HEAD)))
    if not len(head) or any(parse(head, form) is not None for form in FORMATS):
        return len(head) > 0
    some = [head[i : i + 1] for i in range(0, len(head), -(-len(head) // 20))]
    return any(sum(parse(cell, form) is not None for cell in some) >= 0.8 * len(some) for form in FORMATS)


def _how(column: Any, name: str, where: str) -> Facts:
    found = sort(column.type, name)
    if found == "number":
        largest = float(np.abs(np.nan_to_num(number_matrix(pa.table({"t": column}), ["t"]))).max(initial=0.0))
        unit = next((unit for least, unit in LARGE if largest >= least), 1.0)
        return {"name": name, "form": "number", "unit": unit, "grain": 1}
    form = None
    if found != "date":
        if found not in ("text", "category"):
            raise BadOption(f"column {name!r} of {where} holds {column.type}, which is no time; choose another with time=")
        neat = cleaned(column)
        form = next((each for each in FORMATS if parse(neat, each) is not None), None) or _likely(neat)
        if form is None:
            raise BadData(f"column {name!r} of {where} holds no times: {neat[0].as_py()!r}; write them as 2024-12-31 23:59:59")
    dates = Dates(name)
    dates.add(_as_dates(column, {"name": name, "form": form}, where, 0))
    return {"name": name, "form": form, "unit": 1.0, "grain": dates.facts["grain"]}


def _likely(neat: Any) -> str | None:
    """The format that the first cells are in, though not all are."""
    head = pc.drop_null(neat)[:1]
    return next((form for form in FORMATS if len(head) and parse(head, form) is not None), None)


def _as_dates(column: Any, time: Facts, name: str, first: int) -> Any:
    """The column as dates; text that is none raises `BadData` and names the first such row."""
    found = sort(column.type, time["name"])
    if found == "date":
        return column
    if found not in ("text", "category"):
        raise SchemaMismatch(f"column {time['name']!r} of {name} held dates in training, and {column.type} here")
    neat = cleaned(text(column))
    form = time["form"] or "iso"
    dates = parse(neat, form)
    if dates is not None:
        return dates
    low, high = 0, len(neat)  # the first `low` cells can be read, the first `high` not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if parse(neat[:middle], form) is not None else (low, middle)
    wanted = "2024-12-31 23:59:59" if form == "iso" else f"{form}, like the others"
    raise BadData(
        f"{name}: row {first + low} (counting from 0) has {neat[low].as_py()!r} in the column of time {time['name']!r}; "
        f"write it as {wanted}, or leave the row out"
    )


def _grows(column: Any) -> bool:
    if sort(column.type, "") != "number" or column.null_count:
        return False
    values = number_matrix(pa.table({"t": column}), ["t"])[:, 0]
    return len(values) > 1 and bool((np.diff(values) > 0).all())
