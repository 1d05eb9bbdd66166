"""One line of text as one row with the columns of a table or series: for streams, where no file can be looked through beforehand."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from hourglass.errors import BadData, SchemaMismatch
from hourglass.kinds._columns import sort
from hourglass.kinds._csv import NULLS, SEPARATORS
from hourglass.kinds._layout import schema_of

__all__ = ["Lines", "cells"]

Facts = dict[str, Any]


def cells(line: str, separator: str = "") -> tuple[list[str], str]:
    """The cells of a line of names, and its separator: the one given, or the one that cuts it most often."""
    sign = separator or max(reversed(SEPARATORS), key=line.count)
    return [cell.strip() for cell in next(csv.reader([line], delimiter=sign), [])], sign


class Lines:
    """Reads lines whose columns are `names` as rows for a model with these facts; columns that the model lacks are carried along."""

    def __init__(self, names: Sequence[str], separator: str, facts: Facts) -> None:
        self.names, self.separator, self.facts = list(names), separator, facts
        self.array = facts["source"] == "array"
        self.types = {} if self.array else _types(facts)
        if repeated := sorted({name for name in self.names if self.names.count(name) > 1}):
            raise BadData(f"the stream has several columns called {', '.join(map(repr, repeated))}; every column needs its own name")
        needed, have = list(self.types), len(self.names)
        if self.array and have != (wanted := len(facts["mean"])):
            raise SchemaMismatch(f"the stream has {have} columns, and the model was trained on {wanted}: {', '.join(self.names)}")
        if lacking := [name for name in needed if name not in self.names]:
            raise SchemaMismatch(
                f"the stream lacks the columns {', '.join(map(repr, lacking))}; it has {', '.join(map(repr, self.names))}. Its first line "
                "names the columns, or --columns does where there is no such line"
            )

    def row(self, line: str) -> Any:
        """The line as a Table of one row, of arrays as an array (1, d). What cannot be read raises `BadData`."""
        found = next(csv.reader([line], delimiter=self.separator), [])
        if len(found) != len(self.names):
            raise BadData(f"{len(found)} cells where {len(self.names)} were expected: {_short(line)}")
        numbers = self.separator != "," and any(re.fullmatch(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*", cell) for cell in found)
        if self.array:
            return np.array([[_number(cell, numbers, line) for cell in found]], dtype=np.float32)
        mark = "," if numbers else "."
        convert = pacsv.ConvertOptions(decimal_point=mark, null_values=NULLS, strings_can_be_null=True, column_types=self.types)
        options = (pacsv.ReadOptions(column_names=self.names, use_threads=False), pacsv.ParseOptions(delimiter=self.separator), convert)
        try:
            return pacsv.read_csv(io.BytesIO(line.encode()), *options)
        except (pa.ArrowInvalid, pa.ArrowKeyError) as trouble:
            told = re.sub(r"In CSV column #(\d+): (Row #\d+: )?", lambda each: f"column {self.names[int(each[1])]!r}: ", str(trouble))
            raise BadData(f"{told}: {_short(line)}") from None


def _types(facts: Facts) -> dict[str, Any]:
    """The columns that a row must have, each with the type it is read as: whole numbers may have become others."""
    schema = schema_of(facts)
    left_out = {facts.get("label"), *facts.get("ignored", ())}
    names = [name for name in [*facts["order"]] if name not in left_out]
    return {name: _read_as(schema.field(name).type) if name in schema.names else pa.string() for name in names}


def _read_as(type_: Any) -> Any:
    found = sort(type_, "")
    if found == "number":
        return pa.float64()
    if found == "category" or pa.types.is_dictionary(type_):
        return pa.string()
    return type_


def _number(cell: str, comma: bool, line: str) -> float:
    text = cell.strip().replace(",", ".") if comma else cell.strip()
    if text in NULLS:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        raise BadData(f"{cell!r} is no number: {_short(line)}") from None


def _short(line: str) -> str:
    text = line.strip()
    return repr(text if len(text) <= 60 else text[:57] + "...")
