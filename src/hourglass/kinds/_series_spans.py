"""Which rows each window of a series is, in columns beside the codes, and from these columns back to how windows lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from hourglass.kinds._layout import schema_of
from hourglass.kinds._moments import Array
from hourglass.kinds._series_back import counted, laid
from hourglass.kinds._series_source import stretch
from hourglass.kinds._series_time import moments, written
from hourglass.kinds._series_windows import windows

__all__ = ["lies", "spans"]

Facts = dict[str, Any]


def spans(chunk: Any, facts: Facts, layout: dict[str, Any], count: int) -> dict[str, Any]:
    """Of every window its file, where there are several, its machine, and the time (else the row, from 0) of its first and last step."""
    part, (lengths, _) = stretch(chunk), laid(layout, facts, count)
    begins, ends, segment = windows(lengths, facts["window"])
    first, last = begins, np.minimum(begins + facts["window"], ends) - 1
    found: dict[str, Any] = {"file": [part.name] * count} if part.several else {}
    if facts["group"]:
        found["group"] = [layout["groups"][each] for each in segment]
    if not facts["time"]:
        offset = part.first * (lengths[0] if facts["axes"] == 3 and len(lengths) else 1)
        return {**found, "begin": first + offset, "end": last + offset}
    type_ = schema_of(facts).field(facts["time"]["name"]).type if facts["time"]["form"] != "number" else pa.float64()
    starts = np.array(layout["begins"], dtype=np.float64)[segment]
    before = (np.cumsum(lengths) - lengths)[segment]
    seconds = (starts + (each - before) * facts["step"] for each in (first, last))
    return {**found, **{name: written(each, facts["time"], type_) for name, each in zip(("begin", "end"), seconds, strict=True)}}


def lies(beside: Any, facts: Facts) -> tuple[Array, dict[str, Any]] | None:
    """The rows of `spans`, in order, and the layout of segments; None where windows are missing."""
    first, last, base = _steps(beside, facts)
    keys = [beside[name].to_pylist() for name in ("file", "group") if name in beside.column_names]
    told = list(zip(*keys, strict=True)) if keys else [()] * len(first)
    other = np.array([a != b for a, b in zip(told[1:], told[:-1], strict=True)], dtype=bool)
    begun = np.flatnonzero(np.concatenate([[True], other | (first[1:] > last[:-1]) | (first[1:] <= first[:-1])]))
    ended = np.append(begun[1:], len(first)) - 1
    lengths = last[ended] - first[begun] + 1
    if (lengths <= 0).any():
        return None
    begins, _, segment = windows(lengths, facts["window"])
    fits = len(begins) == len(first) and bool((begins - (np.cumsum(lengths) - lengths)[segment] == first - first[begun][segment]).all())
    if not fits:
        return None
    layout: dict[str, Any] = {"lengths": counted(lengths), "places": [0, int(lengths.sum())]}
    if facts["time"]:
        layout["begins"] = [str(base + facts["step"] * step) for step in first[begun].tolist()]
    if facts["group"] and "group" in beside.column_names:
        layout["groups"] = [beside["group"][int(row)].as_py() for row in begun]
    return np.arange(len(first)), layout


def _steps(beside: Any, facts: Facts) -> tuple[Array, Array, float]:
    """The first and the last step of each window, counted from the first row's, and when that was in seconds."""
    if not facts["time"]:
        first, last = (np.asarray(beside[name]).astype(np.int64) for name in ("begin", "end"))
        return first, last, 0.0
    (begins, base), (ends, later) = (moments(beside, {**facts["time"], "name": name}, "the codes", 0) for name in ("begin", "end"))
    steps = (np.rint(each / facts["step"]).astype(np.int64) for each in (begins, ends + (later - base)))
    return (*steps, base)
