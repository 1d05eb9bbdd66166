"""Where each column of a table stands in a sample, and the facts that say so.

Numbers and dates come first, one element each; then the cycles of dates; then flags: booleans, and for each column that had
missing values whether it is present; then one field per category.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from hourglass.kinds._moments import Array, Summary

__all__ = ["FINEST", "array_facts", "cells", "element_names", "frame_facts", "notes_on", "owners", "schema_of"]

FINEST = 1e-6  # the smallest resolution, in scaled units
SHOWN = 8

Facts = dict[str, Any]


def array_facts(summary: Summary, rows: int, dtype: str) -> Facts:
    """Facts of an array of numbers; its columns are described all at once, since there may be very many."""
    width = len(summary.mean)
    missing = rows - summary.counted
    gone = np.flatnonzero(missing > 0)
    fields = [["number", 0, width]] + ([["flag", width, len(gone)]] if len(gone) else [])
    columns = [{"name": "x", "type": "number", "dtype": dtype, "start": 0, "count": width, "rows": rows}]
    notes = notes_on(
        [f"x{i}" for i in np.flatnonzero(summary.constant & (summary.counted > 0))], [f"x{i}" for i in np.flatnonzero(summary.counted == 0)]
    )
    facts: Facts = {"source": "array", "dtype": dtype, "columns": columns, "notes": notes, "label": None, "ignored": [], "fields": fields}
    return facts | _tensors(summary, width + len(gone), gone, width, missing)


def frame_facts(
    columns: list[dict[str, Any]], summary: Summary, schema: Any, label: str | None, ignored: list[str], order: list[str]
) -> Facts:
    """Facts of a table with named columns; `columns` are given their places."""
    identifiers = [column["name"] for column in columns if column["type"] == "identifier"]
    columns = [column for column in columns if column["type"] != "identifier"]
    fields, presence, start, width = _places(columns)
    missing = np.array([column.pop("missing") for column in columns], dtype=np.float64)
    gone = [i for i, column in enumerate(columns) if column["rows"] == missing[i]]
    constant = [i for i, column in enumerate(columns) if column.pop("constant", False) and i not in gone]
    notes = notes_on([columns[i]["name"] for i in constant], [columns[i]["name"] for i in gone])
    if identifiers:
        notes.append(f"left out as identifiers, since nearly every value is another: {_list(identifiers)}")
    learned = pa.schema([schema.field(column["name"]) for column in columns])
    facts: Facts = {"source": "frame", "dtype": None, "columns": columns, "notes": notes, "label": label, "fields": fields}
    facts |= {"ignored": [*ignored, *identifiers], "order": order}
    facts["schema"] = torch.frombuffer(bytearray(learned.serialize().to_pybytes()), dtype=torch.uint8)
    return facts | _tensors(summary, width, np.array(presence, dtype=np.int64), start, missing)


def schema_of(facts: Facts) -> Any:
    """The Arrow schema of the columns that were learned."""
    return pa.ipc.read_schema(pa.py_buffer(bytes(facts["schema"].tolist())))


def owners(facts: Facts) -> Tensor:
    """Which column each element belongs to (F,); -1 for the flags that say whether a column is present."""
    owner = torch.full(tuple(facts["shape"]), -1)
    if facts["source"] == "array":
        owner[: len(facts["mean"])] = torch.arange(len(facts["mean"]))
        return owner
    for index, column in enumerate(facts["columns"]):
        owner[column["start"] : column["start"] + column.get("width", 1)] = index
        for place in column.get("cycle_starts", []):
            owner[place : place + 2] = index
    return owner


def cells(facts: Facts) -> Tensor:
    """Which column each element is part of (F,), the flags of presence too."""
    owner, first = owners(facts), facts["presence_start"]
    owner[first : first + len(facts["presence"])] = facts["presence"]
    return owner


def element_names(facts: Facts) -> list[str]:
    """The name of the column behind each element of a sample, in order.

    A category's elements all bear its name, and so do the cycles of a date and the flag of presence.
    """
    names = [f"x{i}" for i in range(len(facts["mean"]))] if facts["source"] == "array" else [column["name"] for column in facts["columns"]]
    return [names[index] for index in cells(facts).tolist()]


def _places(columns: list[dict[str, Any]]) -> tuple[list[list[Any]], list[int], int, int]:
    """Give every column its start and return the fields, the columns with a presence flag, where these flags start, and the width."""
    place = 0
    for column in columns:
        if column["type"] in ("number", "date"):
            column["start"], place = place, place + 1
    for column in columns:
        if column.get("cycles"):
            column["cycle_starts"] = [place + 2 * i for i in range(len(column["cycles"]))]
            place += 2 * len(column["cycles"])
    fields = [["number", 0, place]] if place else []
    flags = place
    for column in columns:
        if column["type"] == "boolean":
            column["start"], place = place, place + 1
    start = place
    presence = [i for i, column in enumerate(columns) if column["missing"]]
    place += len(presence)
    fields += [["flag", flags, place - flags]] if place > flags else []
    for column in columns:
        if column["type"] == "category":
            column["start"], column["width"] = place, len(column["vocabulary"]) + 1
            fields.append(["category", place, column["width"]])
            place += column["width"]
    return fields, presence, start, place


def _tensors(summary: Summary, width: int, presence: Array, start: int, missing: Array) -> Facts:
    resolution = np.zeros(width, dtype=np.float32)
    step = summary.step / summary.scale
    resolution[: len(step)] = np.where(step > 0, np.maximum(step, FINEST), 0.0)
    return {
        "shape": [width],
        "resolution": torch.from_numpy(resolution),
        "mean": torch.from_numpy(summary.mean),
        "scale": torch.from_numpy(summary.scale),
        "presence": torch.from_numpy(presence),
        "presence_start": start,
        "missing": torch.from_numpy(np.asarray(missing, dtype=np.int64)),
    }


def notes_on(constant: list[str], gone: list[str]) -> list[str]:
    """What is said of columns that are constant, and of columns without any value."""
    notes = [f"constant, so nothing is learned from it: {_list(constant)}"] if constant else []
    return notes + ([f"missing in every row: {_list(gone)}"] if gone else [])


def _list(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ("columns " if len(names) > 1 else "column ") + ", ".join(map(repr, names[:SHOWN])) + more
