"""What is said of unusual rows of a series: when they were, which sensors do not fit, and what was expected of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.kinds._moments import Array
from hourglass.kinds._series_back import laid
from hourglass.kinds._series_grid import values_of
from hourglass.kinds._series_source import Stretch, stretch
from hourglass.kinds._series_windows import averaged
from hourglass.kinds._spoken import spoken

__all__ = ["because", "history", "places"]

NAMED = 3  # sensors named at most
WORTH = 0.2  # a sensor with less than this share of the residual is not named

Facts = dict[str, Any]


def places(chunk: Any, facts: Facts) -> dict[str, Any]:
    """Where each row is: its file, where there are several, its machine and its time."""
    part = stretch(chunk)
    found: dict[str, Any] = {"file": [part.name] * len(part)} if part.several else {}
    if not isinstance(part.rows, np.ndarray):
        found |= {word: part.rows[name] for word, name in (("group", facts["group"]), ("time", (facts["time"] or {}).get("name"))) if name}
    return found


def because(residuals: Tensor, expected: Any, chunk: Any, facts: Facts, layout: dict[str, Any], rows: Sequence[int]) -> list[str]:
    """Of each of `rows` the sensors with most of the residual (P, C, T) of the windows over it, their values and those expected.

    Where a row is unusual because of others beside it, the value that is furthest off is told, and when it was; of samples (n, T, C) too.
    """
    lengths, place = laid(layout, facts, len(residuals))
    part, there = stretch(chunk), np.array(rows, dtype=np.int64)
    values = [values_of(each, facts) for each in (part, Stretch(expected))]
    errors = np.stack([averaged(channel, lengths, facts["window"])[place] for channel in residuals.transpose(0, 1).numpy()], 1)
    if not part.cube:
        windows = residuals.mean(2).numpy()
        around = np.stack([averaged(channel, lengths, facts["window"])[place][there] for channel in windows.T], 1)
        at = _furthest(errors, place, np.repeat(np.arange(len(lengths)), lengths), there, facts["window"])
        when = _when(part, facts)
        return _told(around, at, values, facts, lambda i, c: "" if at[i, c] == there[i] else when(int(at[i, c])))
    steps = errors.reshape(len(part), -1, errors.shape[1])[there]
    worst = steps.argmax(1)
    at = there[:, None] * steps.shape[1] + worst
    return _told(steps.mean(1), at, values, facts, lambda i, c: f"at step {worst[i, c]} ")


def _furthest(errors: Array, place: Array, segment: Array, rows: Array, window: int) -> Array:
    """Of each of `rows` and each sensor the row (n, C) within a window of it that is furthest off; itself where it is half as far off."""
    order = np.argsort(place, kind="stable")
    where, sorted_ = place[order], errors[order]
    segment = segment[where]
    found = np.empty((len(rows), errors.shape[1]), dtype=np.int64)
    begins = np.searchsorted(where, place[rows] - window + 1)
    ends = np.searchsorted(where, place[rows] + window)
    own = np.searchsorted(where, place[rows])
    for i, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        near = np.where((segment[begin:end] == segment[own[i]])[:, None], sorted_[begin:end], -1.0)
        best = near.argmax(0)
        found[i] = np.where(errors[rows[i]] >= near.max(0) / 2, rows[i], order[begin + best])
    return found


def _when(part: Stretch, facts: Facts) -> Callable[[int], str]:
    """How a row is named: by its time, or by its number."""
    if facts["time"] is None or isinstance(part.rows, np.ndarray):
        return lambda row: f"in row {row + part.first} "
    times = part.rows[facts["time"]["name"]]
    return lambda row: f"at {times[row].as_py()} "


def _told(shares: Array, at: Array, values: list[Array], facts: Facts, where: Callable[[int, int], str]) -> list[str]:
    """Sentences: `shares` (n, C) of the residual, `at` (n, C) the rows whose values are told."""
    order = np.argsort(-shares, axis=1)[:, :NAMED]
    whole = np.maximum(shares.sum(1, keepdims=True), 1e-30)
    texts = []
    for i, best in enumerate(order.tolist()):
        worth = [c for c in best if shares[i, c] >= WORTH * whole[i, 0]] or best[:1]
        texts.append("; ".join(_reason(facts["names"][c], where(i, c), [each[at[i, c], c] for each in values]) for c in worth))
    return texts


def _reason(name: str, place: str, values: list[Any]) -> str:
    given, usual = ("missing" if np.isnan(value) else spoken(value) for value in values)
    return f"{name} {place}{given}, expected {usual}" if given != usual else f"{name} {place}{given} does not fit the windows around it"


def history(residuals: Tensor, chunk: Any, facts: Facts, layout: dict[str, Any]) -> tuple[Array, Array, Array, list[str], Facts]:
    """For events: the rows' order in time, in that order each one's segment and the sensors' squared residuals; the sensors' names; where
    the rows are. Of samples (n, T, C), which do not follow one another, `BadOption`."""
    lengths, place = laid(layout, facts, len(residuals))
    part = stretch(chunk)
    if part.cube:
        raise BadOption("events are of recordings over time; of samples (n, T, C) each has one score: leave events out")
    order = np.argsort(place, kind="stable")
    segment = np.searchsorted(np.cumsum(lengths), place[order], side="right")
    odd = np.stack([averaged(channel, lengths, facts["window"])[place[order]] for channel in residuals.transpose(0, 1).numpy()], 1)
    return order, segment, odd, list(facts["names"]), places(part, facts)
