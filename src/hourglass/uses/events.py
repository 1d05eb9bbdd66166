"""Events: unusual rows that follow one another, as one line: begin, end, peak, the sensors that stand out, and the sort of thing it was.

An event is where the score, averaged over four windows, passes a threshold for such means, and on both sides as far as it stays above
a lower one: what lasts is told from what flickers. Within that it is narrowed to the steps whose own residuals stand out. What is less
than a window apart is one event. Where no sensor says anything for a while, that is an event of its own: silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hourglass.errors import BadOption
from hourglass.model import Model
from hourglass.parts import Batch, find
from hourglass.uses import detect, lasting
from hourglass.uses.rowwise import rated

__all__ = ["History", "able", "happened", "levels", "narrowed", "numbered", "silences", "sort_of", "spans"]

LOW = 5.0  # times as many false alarms are allowed where an event goes on than where it begins
BURST = 0.6  # share of what is odd about an event, above which the steps that hold it are a spike
SHORT = 8  # a spike takes at most this part of a window
STANDS_OUT, OF_PEAK = 4.0, 0.05  # times the usual residual, and share of the event's largest, from which a step belongs to it
USUAL = 1.0  # score of a row
SLOW = 0.2  # of an event, at least: what comes slowly takes so long from two fifths of its size to three quarters
NAMED, WORTH = 3, 0.2  # sensors named at most, and the least share of the residual of one that is

Array = NDArray[Any]


class History(NamedTuple):
    """What a kind tells of the rows of a chunk: their `order` in time (n,), in that order the `segment` (n,) of each, squared residuals
    `odd` (n, C), 1 being usual; the `names` of sensors; `places`, columns that tell where a row is."""

    order: Array
    segment: Array
    odd: Array
    names: list[str]
    places: dict[str, Any]


def able(model: Model) -> bool:
    """Whether the model is one of recordings over time, in which there can be events."""
    return hasattr(find("kinds", model.kind), "history") and model.facts.get("axes") != 3


def levels(model: Model, false_alarms: float) -> tuple[float, float]:
    """The scores above which an event begins, and above which it goes on."""
    if "detect.lasting" not in model.arrays:
        return (detect.threshold(model, false_alarms), detect.threshold(model, min(0.5, LOW * false_alarms)))
    return lasting.threshold(model, false_alarms), lasting.threshold(model, min(0.5, LOW * false_alarms))


def happened(thresholds: tuple[float, float], model: Model, batch: Batch, chunk: Any, layout: Any) -> Any:
    """A pyarrow Table of the events in a chunk; `thresholds`: of beginning, and of going on. Rows are numbered within the chunk."""
    kind = find("kinds", model.kind)
    if not hasattr(kind, "history"):
        raise BadOption(f"events are of series, whose rows follow one another; this model is of kind {model.kind!r}: leave events out")
    residuals = detect.residuals(model, batch)
    history: History = History(*kind.history(residuals, chunk, model.facts, layout))
    rows = rated(model, batch, layout)
    window, empty = int(model.facts["window"]), rows.empty[history.order]
    ordered = np.where(empty, USUAL, rows.scores[history.order])
    wide = spans(_lasting(ordered, history.segment, lasting.steps(model)), thresholds, window, history.segment)
    odd = np.nan_to_num(history.odd).mean(1)
    found = [part for each in wide for part in _worth(narrowed(odd, each, window), ordered, thresholds[0])]
    lines = [(span, _line(history, ordered, span, window, model)) for span in found if not empty[slice(*span)].all()]
    if float(model.arrays["detect.empty"]) > thresholds[0]:  # training had hardly any
        lines += [(span, _silence(history, span, model)) for span in silences(empty, max(2, window // SHORT), history.segment)]
    return _table([line for _, line in sorted(lines, key=lambda each: each[0])], history, model)


def spans(scores: Array, thresholds: tuple[float, float], gap: int, segment: Array) -> list[tuple[int, int]]:
    """Begins and ends of events (end not included) in scores (n,) over time; none reaches from one segment into another.

    >>> spans(np.array([0, 2, 5, 2, 0, 0, 0, 2]), (4, 1), 2, np.zeros(8))
    [(1, 4)]
    """
    high, low = thresholds
    borders = np.flatnonzero(np.diff(segment)) + 1
    found: list[tuple[int, int]] = []
    for first, last in zip([0, *borders], [*borders, len(scores)], strict=True):
        part = scores[first:last]
        steps = np.diff(np.concatenate([[0], part > min(high, low), [0]]).astype(int))
        mine: list[tuple[int, int]] = []
        for begin, end in zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True):
            if part[begin:end].max() <= high:
                continue
            if mine and begin - mine[-1][1] < gap:
                mine[-1] = (mine[-1][0], end)
            else:
                mine.append((begin, end))
        found += [(first + begin, first + end) for begin, end in mine]
    return found


def silences(empty: Array, least: int, segment: Array) -> list[tuple[int, int]]:
    """Begins and ends of at least so many rows (n,) in a row without any value.

    >>> silences(np.array([1, 0, 1, 1, 1, 0], bool), 2, np.zeros(6))
    [(2, 5)]
    """
    return [(begin, end) for begin, end in spans(empty.astype(float), (0.5, 0.5), 1, segment) if end - begin >= least]


def _lasting(scores: Array, segment: Array, width: int) -> Array:
    """Means over `width` steps around each, within its segment."""
    borders = np.flatnonzero(np.diff(segment)) + 1
    return np.concatenate([_moving(part, max(1, width)) for part in np.split(scores, borders)])


def _worth(parts: list[tuple[int, int]], scores: Array, least: float) -> list[tuple[int, int]]:
    """The parts of a span whose own scores are high enough; the highest where none are."""
    highest = [float(scores[begin:end].max()) for begin, end in parts]
    limit = min(least, max(highest))
    return [part for part, score in zip(parts, highest, strict=True) if score >= limit]


def narrowed(odd: Array, span: tuple[int, int], gap: int) -> list[tuple[int, int]]:
    """The parts of a span in which steps stand out by themselves, by their residuals (n,), where 1 is usual; the span where none does.

    >>> narrowed(np.array([1, 1, 9, 8, 1, 1, 1]), (0, 7), 2)
    [(2, 4)]
    """
    begin, end = span
    part = odd[begin:end]
    hot = np.flatnonzero(part >= max(STANDS_OUT, OF_PEAK * part.max()))
    if not len(hot):
        return [span]
    runs = np.split(hot, np.flatnonzero(np.diff(hot) > max(gap, 1)) + 1)
    return [(begin + int(run[0]), begin + int(run[-1]) + 1) for run in runs]


def sort_of(odd: Array, begin: int, end: int, window: int) -> str:
    """`spike`, `level shift` or `drift`: how the residuals (n,) of the sensor that stands out came and stayed between `begin` and `end`.

    A spike is over at once, a shift comes at once and stays, drift comes slowly; a sensor that swings more than before is told like one
    whose level moves.

    >>> sort_of(np.array([1, 1, 1, 100, 1, 1, 1, 1.0]), 3, 4, 16)
    'spike'
    """
    few = max(2, window // SHORT)
    size = np.sqrt(np.nan_to_num(odd[begin:end]))  # in usual deviations
    if len(size) <= few:
        return "spike"
    energy = np.maximum(size - size.min(), 0) ** 2
    if len(size) > 2 * few and _moving(energy, few).max() * few >= BURST * energy.sum() > 0:
        return "spike"
    smooth = _moving(size, few)
    top = smooth.max()
    there = int((smooth >= 0.75 * top).argmax())  # when it had come for the most part
    low = np.flatnonzero(smooth[: there + 1] <= 0.4 * top)
    since = there - int(low[-1]) if len(low) else 0
    return "drift" if since > max(few, SLOW * len(size)) else "level shift"


def _moving(values: Array, width: int) -> Array:
    """Means over `width` neighbours, as many as there were values."""
    width = min(width, len(values))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    whole = (sums[width:] - sums[:-width]) / width
    left = (len(values) - len(whole)) // 2
    return np.pad(whole, (left, len(values) - len(whole) - left), mode="edge")


def _line(history: History, scores: Array, span: tuple[int, int], window: int, model: Model) -> dict[str, Any]:
    """What is told of one event."""
    begin, end = span
    odd = np.nan_to_num(history.odd[begin:end]).sum(0)
    order = np.argsort(-odd)[:NAMED]
    named = [int(c) for c in order if odd[c] >= WORTH * odd.sum()] or [int(order[0])]
    peak = begin + int(np.nan_to_num(history.odd[begin:end]).mean(1).argmax())
    score = float(scores[begin:end].max())
    same = np.flatnonzero(history.segment == history.segment[begin])
    first = int(same[0])
    kind = sort_of(history.odd[first : same[-1] + 1, named[0]], begin - first, end - first, window)
    at = {"begin": history.order[begin], "end": history.order[end - 1], "peak": history.order[peak]}
    names = ", ".join(history.names[c] for c in named)
    return {**at, "rows": end - begin, "score": score, "p_value": _p(model, score), "sort": kind, "sensors": names}


def _silence(history: History, span: tuple[int, int], model: Model) -> dict[str, Any]:
    """What is told where no sensor says anything."""
    begin, end = span
    at = {"begin": history.order[begin], "end": history.order[end - 1], "peak": history.order[begin]}
    score = float(model.arrays["detect.empty"])
    return {**at, "rows": end - begin, "score": score, "p_value": _p(model, score), "sort": "silence", "sensors": "all"}


def _p(model: Model, score: float) -> float:
    import torch

    return float(detect.p_values(model, torch.tensor([score]))[0])


def _table(lines: list[dict[str, Any]], history: History, model: Model) -> Any:
    """Lines as a Table: where and when first."""
    import pyarrow as pa

    at = {name: np.array([line[name] for line in lines], dtype=np.int64) for name in ("begin", "end", "peak")}
    columns: dict[str, Any] = {"first_row": at["begin"], "last_row": at["end"], "peak_row": at["peak"]}
    for name, column in history.places.items():
        cells = column if isinstance(column, pa.Array | pa.ChunkedArray) else pa.array(column)
        if name == "time":
            columns |= {word: cells.take(pa.array(at[which])) for word, which in (("start", "begin"), ("end", "end"), ("peak", "peak"))}
        else:
            columns[name] = cells.take(pa.array(at["begin"]))
    for name, type_ in (("rows", pa.int64()), ("score", pa.float64()), ("p_value", pa.float64())):
        columns[name] = pa.array([line[name] for line in lines], type_)
    columns["kind"] = pa.array([line["sort"] for line in lines], pa.string())
    columns["sensors"] = pa.array([line["sensors"] for line in lines], pa.string())
    return pa.table(columns)


def numbered(tables: Iterable[Any], counts: Sequence[int]) -> Iterator[Any]:
    """The events of pieces, with rows counted through all of them."""
    row = 0
    for table, count in zip(tables, counts, strict=True):
        for name in ("first_row", "last_row", "peak_row"):
            table = table.set_column(table.column_names.index(name), name, [table[name].to_numpy() + row])
        row += count
        yield table
