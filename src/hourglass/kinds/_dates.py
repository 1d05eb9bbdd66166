"""Dates in tables: text to time, time to seconds and cycles, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hourglass.kinds._moments import Array, Numbers

__all__ = ["CYCLES", "FORMATS", "Dates", "cycle", "from_seconds", "microseconds", "parse", "seconds"]

DAY = 86_400_000_000  # microseconds
GRAINS = (DAY, DAY // 24, 60_000_000, 1_000_000, 1_000, 1)
CYCLES = {"day": "time of day", "week": "weekday"}
FORMATS = (
    "iso",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%y",
    "%m/%d/%y",
)


def parse(text: Any, form: str) -> Any | None:
    """A text column as timestamps, or None if one value is no date of this form."""
    try:
        if form == "iso":
            return pc.cast(text, pa.timestamp("us"))
        found = pc.strptime(text, form, "us")
        first = pc.min(found).as_py()
        return None if first is not None and first.year < 1000 else found  # "%Y" also takes two digits
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def microseconds(column: Any) -> tuple[Array, Array]:
    """Whole microseconds since 1970 (n,), and which are missing (n,)."""
    unit = pa.timestamp("us", tz=column.type.tz if pa.types.is_timestamp(column.type) else None)
    times = pc.cast(pc.cast(column, unit, safe=False), pa.int64())
    return pc.fill_null(times, 0).to_numpy(), np.asarray(pc.is_null(column))


def seconds(times: Array, missing: Array) -> Array:
    """Seconds since 1970 (n,) in float64, NaN where missing."""
    return np.where(missing, np.nan, times / 1e6)


def from_seconds(values: Array, grain: int, type_: Any, missing: Array) -> Any:
    """Seconds (n,) rounded to `grain` microseconds, as an Arrow array of `type_`."""
    safe = np.clip(np.nan_to_num(values), -6e10, 2.5e11) * 1e6  # the years 68 to 9892
    rounded = (np.round(safe / grain) * grain).astype(np.int64)
    zone = type_.tz if pa.types.is_timestamp(type_) else None
    times = pa.array(rounded, mask=missing).cast(pa.timestamp("us", tz=zone))
    return times.cast(type_, safe=False)


def cycle(times: Array, name: str) -> Array:
    """Sine and cosine (n, 2) of the time of day or the weekday."""
    part = times % DAY / DAY if name == "day" else (times // DAY + 3) % 7 / 7  # 1970-01-01 was a Thursday
    angle = 2 * np.pi * part
    return np.stack([np.sin(angle), np.cos(angle)], 1)


class Dates:
    """What is learned of a date column: moments in seconds, the grain to round to, which cycles it runs through."""

    def __init__(self, name: str) -> None:
        self.numbers = Numbers(1, lambda _: name)
        self.grain = 0
        self.low, self.high = DAY, -1

    def add(self, column: Any) -> None:
        """Take in more values, an Arrow date or timestamp column."""
        times, missing = microseconds(column)
        self.numbers.add(seconds(times, missing)[:, None])
        times = times[~missing]
        if len(times):
            while (times % GRAINS[self.grain]).any():
                self.grain += 1
            clock = times % DAY
            self.low, self.high = min(self.low, int(clock.min())), max(self.high, int(clock.max()))

    @property
    def facts(self) -> dict[str, Any]:
        """The grain in microseconds and the cycles, as JSON."""
        span = float(self.numbers.high[0] - self.numbers.low[0])
        cycles = [name for name, varies in (("day", self.high > self.low), ("week", span > 14 * 86_400)) if varies]
        return {"grain": GRAINS[self.grain], "cycles": cycles}
