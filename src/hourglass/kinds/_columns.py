"""What sort of thing each column of a table is, learned in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hourglass.errors import BadData
from hourglass.kinds._csv import NULLS
from hourglass.kinds._dates import FORMATS, Dates, parse
from hourglass.kinds._moments import Array, Numbers, Summary

__all__ = ["Columns", "cleaned", "matrix", "sort", "text"]

VOCABULARY = 256
LONGEST = 200  # letters of a value that may enter the vocabulary, which is written into the model file
DISTINCT = 1_000  # values beyond which a column with hardly any repetition is an identifier
HELD = 50_000  # values counted at a time

Column = dict[str, Any]


def sort(type_: Any, name: str) -> str:
    """`number`, `boolean`, `text`, `category` or `date`: what an Arrow type holds. Others raise `BadData`."""
    types = pa.types
    if types.is_boolean(type_):
        return "boolean"
    if any(
        test(type_) for test in (types.is_integer, types.is_floating, types.is_decimal, types.is_null, types.is_time, types.is_duration)
    ):
        return "number"
    if types.is_timestamp(type_) or types.is_date(type_):
        return "date"
    if types.is_dictionary(type_):
        return "category"
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return "text"
    raise BadData(
        f"column {name!r} holds {type_}, which a table network cannot take; leave it out with ignore={name!r}, or split it into columns"
    )


def matrix(columns: list[Any]) -> Array:
    """Arrow number columns side by side (n, d), NaN where missing; float32 where that loses nothing."""
    arrays = [_values(column) for column in columns]
    exact = all(array.dtype in (np.float32, np.int16, np.int8, np.uint16, np.uint8) for array in arrays)
    out = np.empty((len(arrays), len(arrays[0]) if arrays else 0), np.float32 if exact else np.float64)
    for row, array in zip(out, arrays, strict=True):
        row[:] = array
    return out.T


def text(column: Any) -> Any:
    """Any column as plain text, missing cells kept."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    return pc.cast(column, pa.string())


def cleaned(column: Any) -> Any:
    """A text column without spaces around values and with words such as NA as missing, ready to become numbers or dates."""
    column = pc.utf8_trim_whitespace(text(column))
    return pc.if_else(pc.is_in(column, pa.array(NULLS)), pa.scalar(None, pa.string()), column)


def _values(column: Any) -> Array:
    type_ = column.type
    if pa.types.is_time(type_) or pa.types.is_duration(type_):
        column = pc.cast(column, pa.int32() if pa.types.is_time32(type_) else pa.int64())
    elif not (pa.types.is_integer(type_) or pa.types.is_floating(type_)) or pa.types.is_float16(type_):
        column = pc.cast(column, pa.float64())
    if column.null_count:
        column = pc.fill_null(column if pa.types.is_floating(column.type) else pc.cast(column, pa.float64(), safe=False), np.nan)
    return np.asarray(column)


class _Boolean:
    """A column of true and false."""

    def __init__(self, name: str) -> None:
        self.yes = self.no = self.missing = 0

    def add(self, column: Any) -> None:
        yes = pc.sum(column).as_py() or 0
        self.yes, self.no = self.yes + yes, self.no + len(column) - column.null_count - yes
        self.missing += column.null_count

    def finish(self) -> tuple[Column, Summary | None]:
        return {"type": "boolean", "missing": self.missing, "constant": not (self.yes and self.no)}, None


class _Date:
    """A column of dates or timestamps."""

    def __init__(self, name: str) -> None:
        self.dates, self.missing = Dates(name), 0

    def add(self, column: Any) -> None:
        self.missing += column.null_count
        self.dates.add(column)

    def finish(self) -> tuple[Column, Summary | None]:
        return {"type": "date", "missing": self.missing, **self.dates.facts}, self.dates.numbers.summary()


class _Text:
    """A column of text: numbers or dates written as text for as long as all values allow it, else categories."""

    def __init__(self, name: str, only_category: bool) -> None:
        self.counts: dict[str, int] = {}
        self.rows = self.missing = self.distinct = 0
        self.blank, self.whole = 0, True
        self.numbers = None if only_category else Numbers(1, lambda _: name)
        self.dates = {} if only_category else {form: Dates(name) for form in FORMATS}

    def add(self, column: Any) -> None:
        column = text(column)
        self.rows += len(column)
        self.missing += column.null_count
        self._count(column)
        if self.numbers or self.dates:
            neat = cleaned(column)
            self.blank += neat.null_count
            self._try(neat, pc.unique(neat))

    def _count(self, column: Any) -> None:
        counted = pc.value_counts(pc.drop_null(column))
        for value, times in zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True):
            self.distinct += value not in self.counts
            self.counts[value] = self.counts.get(value, 0) + times
        if len(self.counts) > HELD:  # rare values give way: only the frequent ones can enter the vocabulary
            self.counts = dict(sorted(self.counts.items(), key=lambda item: -item[1])[: HELD // 2])

    def _try(self, column: Any, values: Any) -> None:
        """Drop what the distinct `values` forbid, and feed what remains."""
        if self.numbers:
            try:
                found = pc.cast(values, pa.float64())
                self.whole = self.whole and bool(pc.all(pc.equal(pc.floor(found), found)).as_py() in (True, None))
                self.numbers.add(_values(pc.cast(column, pa.float64()))[:, None])
            except pa.ArrowInvalid:
                self.numbers = None
        self.dates = {form: dates for form, dates in self.dates.items() if parse(values, form) is not None}
        for form, dates in self.dates.items():
            dates.add(parse(column, form))

    def finish(self) -> tuple[Column, Summary | None]:
        known = self.rows > (self.blank if self.numbers or self.dates else self.missing)
        if self.numbers and known:
            return {"type": "number", "missing": self.blank, "whole": self.whole}, self.numbers.summary()
        if self.dates and known:
            form, dates = next(iter(self.dates.items()))
            return {"type": "date", "missing": self.blank, "format": form, **dates.facts}, dates.numbers.summary()
        if self.distinct > DISTINCT and self.distinct > (self.rows - self.missing) / 2:
            return {"type": "identifier", "missing": self.missing}, None
        frequent = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        vocabulary = [value for value, _ in frequent if len(value) <= LONGEST][:VOCABULARY]
        constant = len(self.counts) < 2 and not self.missing
        return {"type": "category", "missing": self.missing, "vocabulary": vocabulary, "constant": constant}, None


class Columns:
    """Learns all columns of a table, piece by piece: `add` each, then `finish`."""

    def __init__(self, schema: Any) -> None:
        self.schema, self.rows = schema, 0
        sorts = {field.name: sort(field.type, field.name) for field in schema}
        self.plain = [name for name, found in sorts.items() if found == "number"]
        self.numbers = Numbers(len(self.plain), self.plain.__getitem__)
        self.others: dict[str, Any] = {}
        for name, found in sorts.items():
            if found in ("text", "category"):
                self.others[name] = _Text(name, found == "category")
            elif found != "number":
                self.others[name] = _Boolean(name) if found == "boolean" else _Date(name)

    def add(self, table: Any) -> None:
        """Take in the rows of `table`, which has the schema's columns."""
        if self.plain:
            self.numbers.add(matrix([table[name] for name in self.plain]))
        for name, learner in self.others.items():
            learner.add(table[name])
        self.rows += table.num_rows

    def finish(self) -> tuple[list[Column], Summary]:
        """The columns in order, and the statistics of those that are numbers or dates, in order."""
        plain, place = self.numbers.summary() if self.plain else None, 0
        columns, parts = [], []
        for field in self.schema:
            if field.name in self.others:
                column, summary = self.others[field.name].finish()
            else:
                assert plain is not None
                summary = Summary(*(part[place : place + 1] for part in plain))
                place += 1
                column = {"type": "number", "missing": self.rows - int(summary.counted[0])}
            if summary is not None:
                parts.append(summary)
                column["constant"] = bool(summary.constant[0])
            columns.append({"name": field.name, "dtype": str(field.type), "rows": self.rows, **column})
        return columns, Summary(*map(np.concatenate, zip(*parts, strict=True))) if parts else Summary(*[np.empty(0)] * 7)
