"""What a model must know of a series: its sensors and their scales, its step of time, and how long windows should be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from hourglass.errors import BadData, BadOption, did_you_mean
from hourglass.kinds._columns import sort
from hourglass.kinds._layout import FINEST, notes_on
from hourglass.kinds._moments import Array, Numbers
from hourglass.kinds._series_grid import orders, remarks, shortened, values_of
from hourglass.kinds._series_source import Stretch, first_word
from hourglass.kinds._series_time import find_time, spoken
from hourglass.kinds._series_windows import suited

__all__ = ["Learner", "sensors"]

KEPT, TRIED = 8, 8_192  # stretches, and rows of each, that the length of windows is chosen from
STEPS = 100_000  # differences in time that are kept of each recording in a piece
LEAST = 4  # steps that the longest recording must have
WHOLE = 512  # samples (n, T, C) of up to so many steps are windows as they are
WINDOWS, NUMBERS = 50_000, 2**27  # windows to learn from, and numbers in them, at most

Facts = dict[str, Any]


def sensors(stretch: Stretch, wanted: Facts) -> Facts:
    """The first facts, from the first rows: which columns are sensors, which tells the time. Columns of words or dates are refused."""
    rows, name = stretch.rows, stretch.name
    facts: Facts = {"source": "array", "time": None, "group": wanted["group"], "label": wanted["label"], "ignored": list(wanted["ignore"])}
    facts |= {"axes": 3 if stretch.cube else 2, "dtype": None, "order": [], "cut": True}
    if isinstance(rows, np.ndarray):
        if stretch.cube and any(wanted[option] for option in ("time", "group", "ignore")):
            raise BadOption(f"{name} holds samples (n, T, C), which have no columns; time, group and ignore are for tables and (T, C)")
        names = [f"x{i}" for i in range(rows.shape[-1])]
        return facts | {"names": names, "dtype": str(rows.dtype), "label": None if stretch.label is None else "y"}
    facts["label"] = facts["label"] or _own_label(rows)
    left_out = [*facts["ignored"], *filter(None, (facts["label"], facts["group"]))]
    for column in left_out:
        if column not in rows.column_names:
            raise BadOption(f"{name} has no column {column!r}: {did_you_mean(column, rows.column_names)}")
    facts["time"] = find_time(rows, wanted["time"], left_out, name)
    left_out += [facts["time"]["name"]] if facts["time"] else []
    names = [column for column in rows.column_names if column not in left_out]
    for column in names:
        _numeric(rows[column], column, stretch)
    if not names:
        raise BadOption(f"no column of {name} is left as a sensor; it has {', '.join(rows.column_names)}: ignore fewer")
    kept = pa.schema([rows.schema.field(column) for column in [*([facts["time"]["name"]] if facts["time"] else []), *names]])
    schema = torch.frombuffer(bytearray(kept.serialize().to_pybytes()), dtype=torch.uint8)
    return facts | {"source": "frame", "names": names, "order": rows.column_names, "schema": schema}


def _own_label(rows: Any) -> str | None:
    found = (rows.schema.metadata or {}).get(b"hourglass.label")
    return found.decode() if found else None


def _numeric(column: Any, name: str, stretch: Stretch) -> None:
    """Refuse a column that holds neither numbers nor true and false."""
    found = sort(column.type, name)
    if found in ("number", "boolean"):
        return
    advice = f"; sensors are numbers or true and false: leave it out with ignore={name!r} (--ignore {name}), or make it numbers"
    if found == "date":
        raise BadData(f"column {name!r} of {stretch.name} holds dates beside the column of time{advice}")
    told = first_word(column, stretch.first)
    if told is not None:
        raise BadData(f"column {name!r} of {stretch.name} holds words: {told}{advice}")


@dataclass
class Learner:
    """Learns from all chunks in one pass: `add` each, then `finish`."""

    facts: Facts
    wanted: Facts
    numbers: Numbers = field(init=False)
    rows: int = 0
    empty: float = 0.0  # rows without any value; of samples (n, T, C) samples, counted as the rows they have
    recordings: Counter[int] = field(default_factory=Counter)
    apart: dict[int, tuple[Array, str]] = field(default_factory=dict)  # steps of time in each recording, and its name
    parts: list[Array] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)  # remarks about the times

    def __post_init__(self) -> None:
        self.numbers = Numbers(len(self.facts["names"]), self.facts["names"].__getitem__)

    def add(self, stretch: Stretch) -> None:
        """Take in a chunk."""
        values = values_of(stretch, self.facts)
        self.numbers.add(values)
        self.rows += len(values)
        self.empty += float(np.isnan(values.reshape(len(stretch), -1)).all(1).mean()) * len(values)
        if stretch.cube:
            count, steps = stretch.rows.shape[:2]
            self.recordings.update(dict.fromkeys(range(len(self.recordings), len(self.recordings) + count), steps))
            self.parts += list(stretch.rows[: KEPT - len(self.parts)])
            return
        for order in orders(stretch, self.facts):
            self.recordings[order.lies.source] += len(order.rows)
            self.odd += remarks(order, self.facts["time"]["name"], stretch) if self.facts["time"] else ()
            if len(self.parts) < KEPT:
                self.parts.append(values[order.rows[:TRIED]])
            if order.seconds is not None and order.lies.source not in self.apart:
                steps = np.diff(order.seconds)
                self.apart[order.lies.source] = steps[steps > 0][:STEPS], stretch.name

    def finish(self) -> Facts:
        """The facts, without what only another look at the times can tell."""
        facts, summary = self.facts, self.numbers.summary()
        step = np.where(summary.step > 0, np.maximum(summary.step / summary.scale, FINEST), 0.0)
        gone = summary.counted == 0
        if gone.all():
            raise BadData("every cell of every sensor is missing: there is nothing to learn from")
        names = np.array(facts["names"], dtype=object)
        facts["notes"] = notes_on(names[summary.constant & ~gone].tolist(), names[gone].tolist()) + shortened(self.odd)
        facts |= {"mean": torch.from_numpy(summary.mean), "scale": torch.from_numpy(summary.scale)}
        facts["resolution"] = torch.from_numpy(step.astype(np.float32))[:, None]
        facts["missing"] = torch.from_numpy((self.rows - summary.counted).astype(np.int64))
        self._steps()
        facts["window"] = width = self._window()
        channels = len(names)
        facts |= {"shape": [channels, width], "fields": [["number", 0, channels]]}
        most = min(WINDOWS, max(1_000, NUMBERS // (channels * width)))
        facts["hop"] = max(1, -(-self.rows // most))
        facts |= {"rows": self.rows, "recordings": len(self.recordings), "empty": self.empty / self.rows}
        facts["reading"] = self._reading()
        return facts

    @property
    def _longest(self) -> int:
        return max(self.recordings.values(), default=0)

    def _steps(self) -> None:
        """The step of the grid: as wanted, or the median; recordings that go at another pace are told."""
        facts = self.facts
        facts["step"] = self.wanted["step"]
        if facts["time"] is None:
            if facts["step"] is not None:
                raise BadOption("step is given, but there is no column of time; name it with time='...' (--time), or leave step out")
            return
        every = [steps for steps, _ in self.apart.values() if len(steps)]
        if not every:
            raise BadData("no two rows have different times: there is no step; a series needs rows that follow one another")
        facts["step"] = facts["step"] or float(np.median(np.concatenate(every)))
        paces = {name: float(np.median(steps)) for steps, name in self.apart.values() if len(steps)}
        odd = {name: pace for name, pace in paces.items() if not 0.66 < pace / facts["step"] < 1.5}
        if odd and self.wanted["step"] is None:
            name, pace = next(iter(odd.items()))
            facts["notes"].append(
                f"{len(odd)} of {len(paces)} files go at another pace than most: {name} in steps of {spoken(pace)}, the grid in steps of "
                f"{spoken(facts['step'])}; steps without a row are left open, rows on one step become their mean (step='...' sets the grid)"
            )

    def _window(self) -> int:
        wanted, least, longest = self.wanted["window"], self.wanted["least"], self._longest
        if isinstance(least, bool) or not isinstance(least, int) or least < 2:
            raise BadOption(f"least={least!r}: give the steps that a window has at least, from 2 on")
        if longest < LEAST:
            raise BadData(f"the longest recording has {longest} rows, and a series needs {LEAST}; kind='table' reads single rows")
        if wanted is not None:
            if isinstance(wanted, bool) or not isinstance(wanted, int | np.integer) or wanted < 2:
                raise BadOption(f"window={wanted!r}: give a number of steps, from 2 on")
            if wanted > longest:
                raise BadOption(f"window={wanted} is longer than the longest recording, which has {longest} rows; give from 2 to {longest}")
            return int(wanted)
        if self.facts["axes"] == 3 and longest <= WHOLE:
            return longest
        return suited(self.parts, self.rows, longest, least)

    def _reading(self) -> str:
        facts, count = self.facts, len(self.recordings)
        steps = f"{self.rows:,} steps" + (f" of {spoken(facts['step'])}" if facts["step"] and facts["time"]["form"] != "number" else "")
        told = f"{len(facts['names'])} sensor{'s' * (len(facts['names']) > 1)}, {steps} in {count:,} recording{'s' * (count > 1)}"
        return f"{told}; windows of {facts['window']}" + (" (kind=table reads single rows)" if facts["axes"] == 2 else "")
