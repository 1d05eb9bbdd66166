"""Rows of a series on a regular grid of time: each at the nearest step, holes left open, long gaps between segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np

from hourglass.errors import BadData, SchemaMismatch
from hourglass.kinds._moments import Array
from hourglass.kinds._series_source import Lies, Stretch, group_values
from hourglass.kinds._series_time import moments
from hourglass.kinds._tensors import number_matrix

__all__ = ["Grid", "Order", "from_runs", "lay", "on_grid", "orders", "remarks", "runs", "shortened", "values_of"]

MOSTLY = 0.9  # share of steps back in time from which a recording is read from its end
FEW, FEW_SAME = 0.01, 0.05  # shares of steps back in time, and of rows at the time of the one before, that are mended without asking

Facts = dict[str, Any]


class Order(NamedTuple):
    """One recording in a chunk: which of its rows, in the order of time, and their seconds since the first (None: every row a step)."""

    key: Any
    lies: Lies
    rows: Array
    seconds: Array | None
    origin: float


class Grid(NamedTuple):
    """Where rows lie. All segments stand in a row, segment s `lengths[s]` steps long and of the recording `lies[s]`, its first step at
    `begins[s]` seconds since 1970; `place` (n,) is the step of each row of the chunk, `skipped[s]` the first step of the recording."""

    place: Array
    lengths: Array
    lies: list[Lies]
    begins: Array
    skipped: Array
    keys: list[Any]


def _renamed(lacking: Sequence[str], here: Sequence[str], facts: Facts) -> str:
    """Which unknown column may be the missing sensor, by its name."""
    extra = {name.lower(): name for name in here if name not in (*facts["order"], *facts["ignored"], facts["label"])}
    for name in lacking:
        if near := get_close_matches(name.lower(), list(extra), 1):
            return f"; is {extra[near[0]]!r} what was {name!r} in training? Then rename it"
    return f"; unknown columns: {', '.join(map(repr, list(extra.values())[:8]))}" if extra else ""


def values_of(stretch: Stretch, facts: Facts) -> Array:
    """The sensors (n, C) as numbers, NaN where missing. Columns that do not fit raise `SchemaMismatch`, infinities `BadData`."""
    names, rows = facts["names"], stretch.rows
    if isinstance(rows, np.ndarray):
        if rows.shape[-1] != len(names):
            raise SchemaMismatch(f"X has {rows.shape[-1]} features, but Autoencoder is expecting {len(names)} features as input")
        values = rows.reshape(-1, rows.shape[-1])
        values = values if values.dtype.kind == "f" and values.dtype.itemsize in (4, 8) else values.astype(np.float64)
    else:
        lacking = [name for name in names if name not in rows.column_names]
        if lacking:
            told = f"{stretch.name} lacks the sensors {', '.join(map(repr, lacking))} (expected: {', '.join(names)})"
            raise SchemaMismatch(f"{told}{_renamed(lacking, rows.column_names, facts)}")
        try:
            values = number_matrix(rows, names, stretch.first)
        except SchemaMismatch as trouble:
            raise SchemaMismatch(f"{stretch.name}: {trouble}") from None
    if np.isinf(values).any():
        row, column = (int(found[0]) for found in np.nonzero(np.isinf(values)))
        place = f"row {row + stretch.first}"
        if isinstance(rows, np.ndarray) and rows.ndim == 3:
            place = f"sample {row // rows.shape[1] + stretch.first}, step {row % rows.shape[1]}"
        raise BadData(
            f"{stretch.name}: {place} (counting from 0) has infinity for {names[column]!r}; only finite numbers and "
            "missing values can be used: replace it, or leave the column out with ignore"
        )
    return values


def orders(stretch: Stretch, facts: Facts) -> list[Order]:
    """The recordings in a chunk, each with its rows in the order of time; one that is written from its end on is turned round."""
    time, rows = facts["time"], stretch.rows
    if time is not None and (isinstance(rows, np.ndarray) or time["name"] not in rows.column_names):
        raise SchemaMismatch(f"{stretch.name} has no column {time['name']!r}, which told the time in training")
    seconds, origin = (None, 0.0) if time is None else moments(rows, time, stretch.name, stretch.first)
    found = []
    for key, lies, mine in _members(stretch, facts["group"]):
        own = None if seconds is None else seconds[mine]
        if own is not None and len(own) > 1 and (np.diff(own) < 0).mean() >= MOSTLY:
            mine, own = mine[::-1], own[::-1]
            lies = lies._replace(before=lies.total - lies.before - len(mine))
        found.append(Order(key, lies, mine, own, origin))
    return found


def _members(stretch: Stretch, group: str | None) -> list[tuple[Any, Lies, Array]]:
    rows = stretch.rows
    if group is None or isinstance(rows, np.ndarray):
        lies = stretch.lies.get(None) or Lies(0, 0, len(rows))
        return [(None, lies, np.arange(len(rows)))]
    coded = group_values(rows, group, stretch.name, stretch.first).dictionary_encode()
    codes, names = np.asarray(coded.indices), coded.dictionary.to_pylist()
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes, minlength=len(names)))[:-1])
    return [(name, stretch.lies.get(name) or Lies(i, 0, len(part)), part) for i, (name, part) in enumerate(zip(names, parts, strict=True))]


def lay(stretch: Stretch, facts: Facts) -> tuple[Grid, list[str]]:
    """Where the rows of a chunk lie, and sentences about what had to be mended. Time in disorder raises `BadData`."""
    if stretch.cube:
        count, steps = stretch.rows.shape[:2]
        source = stretch.lies[None].source if stretch.lies else 0
        lies = [Lies(source + i, 0, steps) for i in range(count)]
        return Grid(np.arange(count * steps), np.full(count, steps), lies, np.zeros(count), np.arange(count) * steps, [None] * count), []
    place = np.empty(len(stretch), dtype=np.int64)
    lengths, begins, owners, notes = [np.empty(0, np.int64)], [np.empty(0)], list[tuple[Order, int]](), list[str]()
    total = 0
    found = orders(stretch, facts)
    for order in found:
        segment, slot, starts = _slots(order, facts, stretch, notes)
        sizes = np.zeros(segment[-1] + 1, dtype=np.int64)
        np.maximum.at(sizes, segment, slot + 1)
        place[order.rows] = total + (np.cumsum(sizes) - sizes)[segment] + slot
        lengths, begins, owners = [*lengths, sizes], [*begins, starts], [*owners, *[(order, total)] * len(sizes)]
        total += int(sizes.sum())
    skipped = np.array([first for _, first in owners], dtype=np.int64)
    lies = [order.lies for order, _ in owners]
    return Grid(place, np.concatenate(lengths), lies, np.concatenate(begins), skipped, [order.key for order, _ in owners]), notes


def _slots(order: Order, facts: Facts, stretch: Stretch, notes: list[str]) -> tuple[Array, Array, Array]:
    """Of each row its segment and its step in it, and when the segments begin."""
    if order.seconds is None:
        count = len(order.rows)
        return np.zeros(count, dtype=np.int64), np.arange(count), np.zeros(1)
    apart = np.diff(order.seconds)
    notes += remarks(order, facts["time"]["name"], stretch)
    breaks = (apart < 0) | (apart > (facts["window"] // 2 + 0.5) * facts["step"])
    segment = np.concatenate([[0], np.cumsum(breaks)])
    starts = order.seconds[np.concatenate([[True], breaks])]
    position = (order.seconds - starts[segment]) / facts["step"]
    fine = len(apart) > 0 and np.median(apart) > facts["step"] / 2  # else many rows share a step anyway
    phase = _phase(position, segment) if fine else np.zeros(len(starts))
    slot = np.rint(position - phase[segment]).astype(np.int64)
    slot = _aside(slot, segment, apart) if fine else slot
    return segment, slot, starts + phase * facts["step"] + order.origin


def _phase(position: Array, segment: Array) -> Array:
    """How far after the first row of each segment its grid begins, in steps: 0 where rows lie on that grid, else the circular mean."""
    off = np.abs(position - np.rint(position)) > 0.01
    if off.mean() <= 0.1:
        return np.zeros(segment[-1] + 1)
    turns = [np.bincount(segment, weights=part(2 * np.pi * position)) for part in (np.sin, np.cos)]
    phase: Array = np.arctan2(*turns) / (2 * np.pi)
    return phase


def _aside(slot: Array, segment: Array, apart: Array) -> Array:
    """Of two rows on one step one moves to the step beside it, where that is free; rows of the very same time stay together."""
    inner = np.diff(segment) == 0
    beside = inner & (apart > 0)
    after = np.append(np.where(inner, slot[1:], np.iinfo(np.int64).max), np.iinfo(np.int64).max)
    second = np.concatenate([[False], beside & (np.diff(slot) == 0)])
    slot = slot + (second & (after > slot + 1))
    before = np.concatenate([[slot[0]], np.where(inner, slot[:-1], slot[1:])])
    first = np.append(beside & (np.diff(slot) == 0), False)
    moved: Array = slot - (first & (before < slot - 1))
    return moved


def remarks(order: Order, name: str, stretch: Stretch) -> Iterator[str]:
    """Sentences about what is odd in the times of a recording, by the column `name`; too much of it raises `BadData`."""
    apart = np.diff(order.seconds) if order.seconds is not None else np.ones(1)
    back, same = np.flatnonzero(apart < 0), np.flatnonzero(apart == 0)

    def row(i: Any) -> int:
        return int(order.rows[i]) + stretch.first

    if len(back):
        told = f"{stretch.name}: the time {name!r} goes backwards at row {row(back[0] + 1)} (counting from 0) by {-apart[back[0]]:.6g} s"
        if len(back) > max(3, FEW * len(apart)):
            raise BadData(
                f"{told}, and at {len(back) - 1} more of {len(apart) + 1} rows; sort the rows by {name!r}, or, where the rows of several "
                "machines stand in one file, name the column that tells them apart: group='machine' (--group machine)"
            )
        more = f", and at {len(back) - 1} more rows" if len(back) > 1 else ""
        yield f"{told}{more}; a new segment begins there (sort the rows if only their order is wrong)"
    if len(same):
        told = f"{stretch.name}: rows {row(same[0])} and {row(same[0] + 1)} (counting from 0) have the same time {name!r}"
        if len(same) > max(3, FEW_SAME * len(apart)):
            raise BadData(
                f"{told}, and so have {len(same) - 1} more pairs of {len(apart) + 1} rows; name the column that tells machines apart "
                f"(group='machine', --group machine), or, where the clock is too coarse, leave the time out: ignore={name!r}"
            )
        more = f", and so have {len(same) - 1} more pairs" if len(same) > 1 else ""
        yield f"{told}{more}; such rows count as one, their mean"


def on_grid(values: Array, grid: Grid) -> Array:
    """Values (n, C) of rows on the grid (steps, C): NaN where there is no row, the mean where there are several."""
    total = int(grid.lengths.sum())
    if total == len(values) and bool((np.diff(grid.place) == 1).all()):
        return values
    filled = np.bincount(grid.place, minlength=total)
    out = np.full((total, values.shape[1]), np.nan, dtype=values.dtype)
    out[grid.place] = values
    shared = filled > 1
    if shared.any():
        rows = np.flatnonzero(shared[grid.place])
        number = np.cumsum(shared)[grid.place[rows]] - 1
        real = ~np.isnan(values[rows])
        sums, counts = np.zeros((int(shared.sum()), values.shape[1])), np.zeros((int(shared.sum()), values.shape[1]))
        np.add.at(sums, number, np.where(real, values[rows], 0.0))
        np.add.at(counts, number, real)
        with np.errstate(invalid="ignore"):
            out[shared] = sums / counts
    return out


def runs(places: Array) -> list[int]:
    """Whole numbers as runs that grow by one: first, count, first, count, ..."""
    if not len(places):
        return []
    begins = np.concatenate([[0], np.flatnonzero(np.diff(places) != 1) + 1])
    counts = np.diff([*begins, len(places)])
    flat: list[int] = np.stack([places[begins], counts], 1).ravel().tolist()
    return flat


def from_runs(flat: list[int]) -> Array:
    """Undo `runs`."""
    begins, counts = np.array(flat, dtype=np.int64).reshape(-1, 2).T
    ends = np.cumsum(counts)
    places: Array = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begins - (ends - counts), counts)
    return places


def shortened(notes: list[str]) -> list[str]:
    """The first few sentences, and how many more there are."""
    return notes[:3] + ([f"{len(notes) - 3} more remarks of this sort about the times"] if len(notes) > 3 else [])
