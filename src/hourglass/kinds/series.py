"""The kind `series`: sensors over time, from files with a column of time, frames or arrays, one recording or many, with holes or without.

A sample is a window (C, T): C sensors, standardised, over T steps of a regular grid of time. Rows go to the nearest step; steps without a
row, and missing cells, are masked. What comes back has the user's own rows and times. A chunk is a `Stretch`, a frame or an array.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.kinds import _series_source as sources
from hourglass.kinds._layout import schema_of
from hourglass.kinds._moments import Array
from hourglass.kinds._restore import as_dtype
from hourglass.kinds._restore import restore as restored
from hourglass.kinds._series_back import alone, counted, flat, laid, sensor_columns, unscaled, write
from hourglass.kinds._series_grid import Grid, lay, on_grid, runs, shortened, values_of
from hourglass.kinds._series_learn import Learner, sensors
from hourglass.kinds._series_reasons import because, history, places
from hourglass.kinds._series_source import Stretch, claims, stretch
from hourglass.kinds._series_spans import lies, spans
from hourglass.kinds._series_time import duration, spoken
from hourglass.kinds._series_windows import added, averaged, dense, gathered, windows
from hourglass.kinds._sources import SUFFIXES, naming
from hourglass.kinds._tensors import array_batch
from hourglass.parts import Batch, Cut, Pieces

__all__ = [
    "CONTINUES",
    "SUFFIXES",
    "WRITTEN",
    "because",
    "claims",
    "cut",
    "describe",
    "element_names",
    "from_tensor",
    "history",
    "join",
    "labels",
    "learn",
    "lies",
    "places",
    "read",
    "restore",
    "spans",
    "spread",
    "to_tensor",
    "training",
    "write",
]

WRITTEN = (".csv", ".csv.gz", ".parquet", ".npz", ".npy", ".json", ".jsonl")
CONTINUES = True  # the numbers of recordings in `training` count over all chunks
FILLED = 0.25  # share of a window that must be there to learn from it

Facts = dict[str, Any]


def read(source: Any, *, time: str | None = None, group: str | None = None, label: str | None = None, ignore: Iterable[str] = ()) -> Pieces:
    """Series as pieces of rows: a path, folder, glob or list of tables (each file a recording), a frame, an array (T, C) or (n, T, C).

    `time` and `group` are columns: when a row was taken, and by which of several machines (each a recording of its own).
    """
    return sources.pieces(source, any((time, group, label, _names(ignore))), group)


def learn(
    pieces: Pieces,
    *,
    time: str | None = None,
    group: str | None = None,
    window: int | None = None,
    least: int = 16,
    step: Any = None,
    label: str | None = None,
    ignore: Iterable[str] = (),
) -> Facts:
    """What the network must know, in one pass: the sensors and their scales, the step of time, the length of windows.

    `window`: steps in a window; where it is not given, it is found, at least `least`. `step`: the grid of time, in seconds or as "1min"; by
    default the median step. Words as a sensor, times that cannot be read or go backwards again and again, and windows longer than the
    series are errors that name the file and the row.
    """
    if not pieces.count:
        raise BadOption(f"{pieces.name} holds no rows")
    wanted = {
        "time": time,
        "group": group,
        "window": window,
        "least": least,
        "step": duration(step),
        "label": label,
        "ignore": _names(ignore),
    }
    first = stretch(pieces.load(0))
    learner = Learner(sensors(first, wanted), wanted)
    for index in range(len(pieces.counts)):
        learner.add(stretch(pieces.load(index)) if index else first)
    with naming(pieces.name):
        return learner.finish()


def cut(chunk: Any, facts: Facts) -> tuple[Batch, dict[str, Any]]:
    """Windows (P, C, T) for use, overlapping by half, and how they lie; rows that had to be mended are told as warnings."""
    part = stretch(chunk)
    grid, notes = lay(part, facts)
    for note in [*shortened(notes), *_unknown(part, facts)]:
        warnings.warn(note, UserWarning, stacklevel=2)
    steps = _scaled(part, grid, facts)
    begins, ends, _ = windows(grid.lengths, facts["window"])
    x, mask = gathered(steps.x, steps.mask, begins, ends, facts["window"])
    layout: dict[str, Any] = {"lengths": counted(grid.lengths), "places": runs(grid.place)}
    if facts["time"]:
        layout["begins"] = [str(begin) for begin in grid.begins.tolist()]  # texts, since as numbers they are large
    if facts["group"]:
        layout["groups"] = grid.keys
    return Batch(x, mask), layout


def join(values: Tensor, facts: Facts, layout: dict[str, Any], like: Any = None) -> Any:
    """Undo `cut`: windows (P, C, T) faded into each other, a row for every row there was: an array or a pyarrow Table.

    From `like`, the chunk they came from, come its other columns, types, and which cells are missing. Without it the times are those of
    the grid.
    """
    lengths, place = laid(layout, facts, len(values))
    numbers, missing = unscaled(added(values.detach().cpu(), lengths, facts["window"]).numpy(), facts)
    numbers, missing = numbers[place], missing[place]
    if like is None:
        return alone(numbers, missing, facts, layout, lengths, place)
    part = stretch(like)
    missing |= np.isnan(values_of(part, facts))
    if isinstance(part.rows, np.ndarray):
        return as_dtype(np.where(missing, np.nan, numbers).reshape(part.rows.shape), part.rows.dtype)
    columns = sensor_columns(numbers, missing, facts, part.rows.schema)
    return pa.table({name: columns.get(name, part.rows[name]) for name in part.rows.column_names})


def spread(values: Any, facts: Facts, layout: dict[str, Any]) -> Array:
    """One value a window (P,), or a step of it (P, T), to one a row: the mean of the windows over it. Of (n, T, C) one a sample."""
    lengths, place = laid(layout, facts, len(values))
    rows = averaged(np.asarray(values), lengths, facts["window"])[place]
    return rows.reshape(len(lengths), -1).mean(1) if facts["axes"] == 3 else rows


def training(chunk: Any, facts: Facts, generator: np.random.Generator) -> Cut:
    """Windows to learn from, so dense that all chunks give about 50,000; windows with hardly a row in them are left out."""
    part, width = stretch(chunk), facts["window"]
    grid, _ = lay(part, facts)
    steps = _scaled(part, grid, facts)
    begins, ends, segment = dense(grid.lengths, width, facts["hop"], generator)
    if steps.mask is not None:
        there = np.concatenate([[0], np.cumsum(steps.mask.any(1).numpy())])
        share = (there[np.minimum(begins + width, ends)] - there[begins]) / width
        kept = share >= min(FILLED, share.max(initial=0.0))
        begins, ends, segment = begins[kept & (share > 0)], ends[kept & (share > 0)], segment[kept & (share > 0)]
    rows = np.concatenate([[0], np.cumsum(np.bincount(grid.place, minlength=int(grid.lengths.sum())))])
    source, before, total = np.array([tuple(each) for each in grid.lies], dtype=np.int64).reshape(-1, 3)[segment].T
    before = before - rows[grid.skipped[segment]]
    shares = [torch.from_numpy((before + rows[at]) / total) for at in (begins, np.minimum(begins + width, ends))]
    x, mask = gathered(steps.x, steps.mask, begins, ends, width)
    return Cut(Batch(x, mask), torch.from_numpy(source), shares[0], shares[1])


def to_tensor(chunk: Any, facts: Facts) -> Batch:
    """The windows of a chunk, (P, C, T): float64 for a float64 array, else float32."""
    return cut(chunk, facts)[0]


def from_tensor(values: Tensor, facts: Facts, like: Any = None) -> Any:
    """Undo `to_tensor`; without `like` every sample is a recording of its own: an array (n, T, C), or a Table with `sample` and `step`."""
    if like is not None:
        part = stretch(like)
        grid, _ = lay(part, facts)
        return join(values, facts, {"lengths": counted(grid.lengths), "places": runs(grid.place)}, like)
    count, channels, width = values.shape
    rows = values.detach().cpu().transpose(1, 2).reshape(-1, channels).numpy()
    numbers, missing = unscaled(rows, facts)
    if facts["source"] == "array":
        return as_dtype(np.where(missing, np.nan, numbers).reshape(count, width, channels), np.dtype(facts["dtype"]))
    columns = sensor_columns(numbers, missing, facts, schema_of(facts))
    beside = {"sample": np.repeat(np.arange(count), width), "step": np.tile(np.arange(width), count)}
    return pa.table({**{name: each for name, each in beside.items() if name not in columns}, **columns})


def restore(chunk: Any, source: Any) -> Any:
    """The chunk as the same sort of thing as `source`: an array of its type, a frame of the same library, or (for paths) as it is."""
    if isinstance(chunk, np.ndarray) and chunk.ndim != 2:
        return as_dtype(chunk, source.dtype) if isinstance(source, np.ndarray) else chunk
    moved = sources.moved_index(source)
    return restored(chunk if moved is None else chunk.drop([moved]), source)


def labels(chunk: Any, facts: Facts) -> Array | None:
    """The label of each row (of (n, T, C): of each sample), or None where there is none."""
    part, name = stretch(chunk), facts["label"]
    if isinstance(part.rows, np.ndarray):
        return None if part.label is None else np.asarray(part.label)
    return np.asarray(part.rows[name]) if name is not None and name in part.rows.column_names else None


def describe(facts: Facts) -> list[tuple[str, str]]:
    """What was learned, in words: the series, each sensor, the time, the windows, what is left out, the notes."""
    mean, scale, gone = facts["mean"].tolist(), facts["scale"].tolist(), facts["missing"].tolist()
    lines = [("series", facts["reading"].partition(";")[0])]
    for i, name in enumerate(facts["names"]):
        missing = f", missing in {gone[i]} of {facts['rows']} rows" if gone[i] else ""
        lines.append((name, f"sensor, mean {mean[i]:.4g}, spread {scale[i]:.4g}{missing}"))
    if facts["time"]:
        numbers = facts["time"]["form"] == "number"
        lines.append(("time", f"{facts['time']['name']}, in steps of {facts['step'] if numbers else spoken(facts['step'])}"))
    overlap = "" if facts["axes"] == 3 and facts["window"] * facts["recordings"] == facts["rows"] else ", overlapping by half"
    lines.append(("windows", f"{facts['window']} steps{overlap}"))
    lines += [(word, facts[key]) for word, key in (("recordings by", "group"), ("label", "label")) if facts[key]]
    lines += [("left out", ", ".join(facts["ignored"]))] if facts["ignored"] else []
    return lines + [("note", note) for note in facts["notes"]]


def element_names(facts: Facts) -> list[str]:
    """The sensor behind each element of a sample, in order: each name once for every step."""
    return [name for name in facts["names"] for _ in range(facts["window"])]


# ---------------------------------------------------------------- inside


def _names(ignore: Iterable[str]) -> list[str]:
    return [ignore] if isinstance(ignore, str) else list(ignore or ())


def _scaled(part: Stretch, grid: Grid, facts: Facts) -> Batch:
    """Standardised steps (steps, C) on the grid, and which are real."""
    double = isinstance(part.rows, np.ndarray) and part.rows.dtype == np.float64
    return array_batch(on_grid(values_of(part, facts), grid), flat(facts), torch.float64 if double else torch.float32)


def _unknown(part: Stretch, facts: Facts) -> Iterator[str]:
    """A sentence about columns that were not there in training."""
    if isinstance(part.rows, pa.Table) and facts["source"] == "frame":
        known = {*facts["order"], *facts["ignored"], facts["label"]}
        extra = [name for name in part.rows.column_names if name not in known]
        if extra:
            yield f"{part.name}: columns that training did not have are carried along, not looked at: {', '.join(map(repr, extra[:8]))}"
