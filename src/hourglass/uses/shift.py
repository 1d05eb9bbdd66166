"""Whether new data as a whole are unlike the training data, and by what: other units, other values, more gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hourglass.model import Model
from hourglass.parts import Batch, find
from hourglass.uses import lasting

__all__ = ["by_what", "told"]

MANY, LEAN, LEAST = 1 / 3, 0.7, 30  # share of anomalies; share of p-values on one side of a half; rows to judge by
FAR, WIDE = 1.0, 3.0  # spreads that a middle moves, and times that a spread grows or shrinks
UNKNOWN, GAPS = 0.2, 0.2  # share of values never seen; more missing cells than in training
TAIL = 20  # a part of the values at either end that tells of no shift
NAMED, SEEN = 3, 10_000  # columns named; samples looked at
UNITS = (10, 100, 1000, 1e6, 60, 3600, 24, 2.54, 25.4, 1.609, 2.205, 3.281, 3.785, 4.187)  # what units commonly differ by
DEGREES = (
    ("degrees Celsius in Fahrenheit", 1.8, 32.0),
    ("degrees Fahrenheit in Celsius", 1 / 1.8, -32 / 1.8),
    ("degrees Celsius in kelvin", 1.0, 273.15),
    ("kelvin in degrees Celsius", 1.0, -273.15),
)
CLOSE, FACTOR = 0.08, 8.0  # to one of these; times that no usual drift comes to
Array = NDArray[np.float64]


class Column(NamedTuple):
    """Numbers of one column or sensor as they are now, in the user's units, and their mean and spread in training."""

    name: str
    values: Array
    mean: float
    spread: float
    constant: bool  # always the same in training


def told(anomalies: int, tenths: Sequence[int]) -> str:
    """What the scores of all rows together say, in words; empty where nothing is wrong.

    `tenths` counts p-values from 0 to 1; of usual rows each tenth holds as many.

    >>> told(2, [10, 11, 9, 10, 10, 10, 10, 10, 10, 10])
    ''
    """
    rows = sum(tenths)
    if rows and anomalies > MANY * rows and anomalies > 1:
        return f"{anomalies:,} of {rows:,} rows are anomalies: the data as a whole look unlike the training data, rather than single rows"
    slack = 1.5 / max(rows, 1) ** 0.5
    low = sum(tenths[:5]) / max(rows, 1)
    if rows >= LEAST and low > LEAN + slack:
        return f"{low:.0%} of the rows are more unusual than half of the known normal ones are: the data as a whole look shifted"
    if rows >= LEAST and 1 - low > LEAN + slack:
        alike = "perhaps they were trained on, or are all alike"
        return f"{1 - low:.0%} of the rows are more usual than half of the known normal ones are: {alike}"
    return ""


def by_what(model: Model, batch: Batch, chunk: Any) -> list[str]:
    """Of samples and the chunk they are from: the columns or sensors that moved most, in words, the worst first."""
    some = batch[:SEEN]
    found = [each for column in _columns(model, some) if (each := _moved(column)) is not None]
    found += [*_unknown(model, some, chunk), *_gaps(model, some)]
    return [text for _, text in sorted(found, reverse=True)[:NAMED]]


def _columns(model: Model, batch: Batch) -> Iterator[Column]:
    """The numbers of tables and series."""
    facts = model.facts
    if not {"mean", "scale"} <= set(facts) or not batch.x.is_floating_point():
        return
    mean, spread = np.asarray(facts["mean"], float), np.asarray(facts["scale"], float)
    still = np.asarray(facts["resolution"], float).reshape(-1) == 0
    if len(model.shape) == 2 and "names" in facts:  # windows (B, C, T)
        real = np.ones(batch.x.shape, bool) if batch.mask is None else batch.mask.numpy()
        for i, name in enumerate(facts["names"]):
            true = lasting.units(model)(batch.x[:, i].double()).numpy()  # the network sees what is far out drawn in
            yield Column(str(name), true[real[:, i]] * spread[i] + mean[i], mean[i], spread[i], bool(still[i]))
    if len(model.shape) != 1 or "source" not in facts:
        return
    back = find("kinds", model.kind).from_tensor(batch.x, facts)
    array = facts["source"] == "array"
    here = (
        [(i, f"x{i}") for i in range(len(mean))] if array else [(c["start"], c["name"]) for c in facts["columns"] if c["type"] == "number"]
    )
    for at, name in here:
        values = np.asarray(back[:, at] if array else back[name].to_numpy(), float)
        real = np.isfinite(values) if batch.mask is None else np.isfinite(values) & batch.mask[:, at].numpy()
        yield Column(name, values[real], mean[at], spread[at], bool(still[at]))


def _moved(column: Column) -> tuple[float, str] | None:
    """How far a column moved, in spreads, and the words for it; None where it hardly did."""
    if len(column.values) < 2 or not column.spread > 0:
        return None
    out = len(column.values) // TAIL  # one that is far out is an anomaly and no shift
    core = np.sort(column.values)[out : len(column.values) - out]
    mean, width = float(core.mean()), float(column.values.std())
    width = width if width > 1e-9 * abs(mean) else 0.0  # of equal numbers the spread is rounding
    if column.constant:
        changed = float((np.abs(column.values - column.mean) > 1e-6 * max(1.0, abs(column.mean))).mean())
        words = f"{column.name} is not {column.mean:.6g} in {changed:.0%} of the rows, as always in training"
        return (10 * changed, words) if changed > UNKNOWN else None
    moved = max(abs(float(middle) - column.mean) / column.spread for middle in (np.median(column.values), mean))
    if moved > FAR:
        units = _degrees(mean, float(core.std()), column) or _times((mean, float(column.values.mean())), column.mean)
        return moved, f"{column.name} is around {mean:,.4g} here, {column.mean:,.4g} in training{units}"
    grown = max(width / column.spread, 1e-6)
    grown = max(float(core.std()) / column.spread, 1.0) if grown > 1 else grown
    if grown > WIDE or grown < 1 / WIDE:
        words = "varies more" if grown > WIDE else "hardly varies"
        return max(grown, 1 / grown) / WIDE, f"{column.name} {words} (spread {width:,.3g} here, {column.spread:,.3g} in training)"
    return None


def _degrees(now: float, width: float, column: Column) -> str:
    """A guess at temperatures in other degrees, from the middle and the spread."""
    for words, slope, offset in DEGREES:
        there = slope * column.mean + offset
        far = abs(there - column.mean) > 3 * column.spread
        if far and abs(now - there) < slope * column.spread and 1 / WIDE < width / (slope * column.spread) < WIDE:
            return f" (as {words} would be: other units?)"
    return ""


def _times(middles: tuple[float, float], then: float) -> str:
    """A guess at other units, from the ratio of the middles: of amounts of which a few are large, only the mean of all is a whole ratio."""
    now = middles[0]
    if not (now and then) or now * then < 0:
        return ""
    ratios = [max(middle / then, then / middle) for middle in middles if middle * then > 0]
    ratio, unit = min(((ratio, unit) for ratio in ratios for unit in UNITS), key=lambda pair: abs(pair[0] / pair[1] - 1))
    ratio = ratio if abs(ratio / unit - 1) < CLOSE else ratios[0]
    if abs(ratio / unit - 1) >= CLOSE and ratio < FACTOR:
        return ""
    share = f"{unit if abs(ratio / unit - 1) < CLOSE else ratio:,.4g}"
    return f" (about {share} times as much: other units?)" if now > then else f" (about 1/{share} of it: other units?)"


def _unknown(model: Model, batch: Batch, chunk: Any) -> Iterator[tuple[float, str]]:
    """Categories of which many values were never seen."""
    for column in model.facts.get("columns") or [] if len(model.shape) == 1 else []:
        if column["type"] != "category":
            continue
        share = float(batch.x[:, column["start"] + column["width"] - 1].mean())
        if share > UNKNOWN:
            cells = chunk[column["name"]].slice(0, SEEN).to_pylist() if hasattr(chunk, "column_names") else []
            known = set(column["vocabulary"])
            odd = next((f", such as {cell!r}" for cell in cells if cell is not None and str(cell) not in known), "")
            yield 10 * share, f"{column['name']} holds values that training never saw in {share:.0%} of the rows{odd}"


def _gaps(model: Model, batch: Batch) -> Iterator[tuple[float, str]]:
    """Columns that are missing more often than in training."""
    if len(model.shape) != 1 or batch.mask is None or "missing" not in model.facts:
        return
    columns = model.facts["columns"]
    names = [column["name"] for column in columns]
    for i, before in enumerate(np.asarray(model.facts["missing"], float).tolist()):
        column = columns[0] if model.facts["source"] == "array" else columns[i]
        at = i if model.facts["source"] == "array" else column["start"]
        share, was = 1 - float(batch.mask[:, at].double().mean()), before / max(1, column["rows"])
        if share > was + GAPS:
            name = f"x{i}" if model.facts["source"] == "array" else names[i]
            yield 10 * (share - was), f"{name} is missing in {share:.0%} of the rows, {was:.0%} in training"
