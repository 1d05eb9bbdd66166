"""Columns to tensors and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from hourglass.errors import SchemaMismatch
from hourglass.kinds._columns import cleaned, matrix, sort, text
from hourglass.kinds._dates import cycle, from_seconds, microseconds, parse, seconds
from hourglass.kinds._layout import owners, schema_of
from hourglass.kinds._moments import Array, refuse_infinities, row_blocks
from hourglass.kinds._parquet import FIRST_ROW
from hourglass.parts import Batch

__all__ = ["array_batch", "column_values", "date_back", "frame_batch", "frame_columns", "number_matrix", "numbers_back"]

EDGE = 10.0  # scaled units beyond which values are squashed
NEAR = 1e3  # a mean within this many scales of zero
FURTHEST = 650.0  # log of the greatest distance that is unsquashed, so that nothing overflows

Facts = dict[str, Any]
Column = dict[str, Any]


def array_batch(array: Array, facts: Facts, dtype: torch.dtype) -> Batch:
    """A 2-d array of numbers as a batch of `dtype`."""
    x = torch.empty((len(array), facts["shape"][0]), dtype=dtype)
    missing = _standardise(array, x, facts, lambda i: f"x{i}")
    return _finish(x, missing, facts)


def frame_batch(table: Any, facts: Facts) -> Batch:
    """A Table with the learned columns as a float32 batch."""
    x = torch.zeros((table.num_rows, facts["shape"][0]))
    first = int((table.schema.metadata or {}).get(FIRST_ROW, 0))
    columns = [{**column, "first_row": first} for column in facts["columns"]]
    gone: list[tuple[Any, Tensor]] = []  # which columns, and which of their cells are missing
    ordered = [i for i, column in enumerate(columns) if column["type"] in ("number", "date")]
    if ordered:
        arrays = [_number(table[columns[i]["name"]], columns[i], x) for i in ordered]
        found = _standardise(matrix(arrays), x, facts, lambda i: str(columns[ordered[i]]["name"]), first)
        gone += [] if found is None else [(ordered, found)]
    for i, column in enumerate(columns):
        if column["type"] in ("boolean", "category"):
            fill = _flag if column["type"] == "boolean" else _category
            cells = fill(table[column["name"]], column, x)
            gone += [([i], torch.from_numpy(cells)[:, None])] if cells.any() else []
    missing = torch.zeros((table.num_rows, len(columns)), dtype=torch.bool) if gone else None
    for places, marks in gone:
        missing[:, places] = marks  # type: ignore[index]
    return _finish(x, missing, facts)


def number_matrix(table: Any, names: list[str], first_row: int = 0) -> Array:
    """The columns `names` as an array of numbers (n, d); text that holds none raises `SchemaMismatch`, told from row `first_row` on."""
    told = {"type": "number", "first_row": first_row}
    return matrix([_number(table[name], {"name": name, **told}, torch.empty(0)) for name in names])


def numbers_back(values: Array, facts: Facts) -> tuple[Array, Array]:
    """The number elements (B, N) of a sample in the data's units, and which columns are missing (B, C) by their flags."""
    width, start, presence = len(facts["mean"]), facts["presence_start"], facts["presence"].numpy()
    mean, scale = facts["mean"].numpy(), facts["scale"].numpy()
    numbers = np.empty((len(values), width))
    for rows in row_blocks(len(values), width):
        scaled = values[rows, :width].astype(np.float64)
        far = np.abs(scaled) > EDGE
        if far.any():
            beyond = scaled[far]
            scaled[far] = np.sign(beyond) * (EDGE + np.expm1(np.minimum(np.abs(beyond) - EDGE, FURTHEST)))
        with np.errstate(over="ignore"):
            numbers[rows] = scaled * scale + mean
    missing = np.zeros((len(values), len(facts["missing"])), dtype=bool)
    missing[:, presence] = ~(values[:, start : start + len(presence)] >= 0.5)
    lost = np.isnan(values[:, 0])
    if lost.any():  # a row of nothing but NaN was lost to damage: nothing may be made up for it
        lost &= np.isnan(values).all(1)
        numbers[lost], missing[lost] = 0, True
    return numbers, missing


def frame_columns(values: Array, facts: Facts) -> dict[str, Any]:
    """Samples (B, F) as Arrow arrays by name, each of the type that was learned."""
    numbers, missing = numbers_back(values, facts)
    schema = schema_of(facts)
    columns = {}
    for index, column in enumerate(facts["columns"]):
        start, gone, type_ = column["start"], missing[:, index], schema.field(column["name"]).type
        if column["type"] == "number":
            columns[column["name"]] = column_values(numbers[:, start], gone, type_, column)
        elif column["type"] == "date":
            columns[column["name"]] = date_back(numbers[:, start], gone, type_, column)
        elif column["type"] == "boolean":
            columns[column["name"]] = pa.array(values[:, start] >= 0.5, mask=gone)
        else:
            columns[column["name"]] = _category_back(values[:, start : start + column["width"] - 1], gone, type_, column)
    return columns


def column_values(numbers: Array, missing: Array, type_: Any, column: Column) -> Any:
    """Numbers (n,) as an Arrow array of the column's type: whole types are rounded and kept within their range."""
    types = pa.types
    if types.is_floating(type_):
        with np.errstate(over="ignore"):
            return pa.array(numbers, mask=missing).cast(type_, safe=False)
    if types.is_null(type_):
        return pa.nulls(len(numbers))
    if types.is_decimal(type_):
        return pa.array(numbers, mask=missing).cast(type_, safe=False)
    if not (types.is_integer(type_) or types.is_time(type_) or types.is_duration(type_)):  # text
        written = pa.array(np.round(numbers).astype(np.int64) if column.get("whole") else numbers, mask=missing)
        return written.cast(pa.string()).cast(type_)
    whole = type_ if types.is_integer(type_) else pa.int32() if types.is_time32(type_) else pa.int64()
    limits = np.iinfo(whole.to_pandas_dtype())
    rounded = np.clip(np.round(np.nan_to_num(numbers)), limits.min, np.nextafter(float(limits.max), 0) if limits.bits == 64 else limits.max)
    return pa.array(rounded.astype(whole.to_pandas_dtype()), mask=missing).cast(type_)


def _standardise(values: Array, x: Tensor, facts: Facts, name: Callable[[int], str], first: int = 0) -> Tensor | None:
    """Scaled numbers into the first elements of `x`, block by block; returns which were missing (B, N), or None."""
    mean, rate, width = facts["mean"], 1 / facts["scale"], len(facts["mean"])
    if values.dtype == np.float32 and bool((mean.abs() <= NEAR * facts["scale"]).all()):
        mean, rate = mean.float(), rate.float()  # the rounding of means is then below that of the values: half the memory traffic
    missing = None
    for rows in row_blocks(len(values), width):
        block, place = _tensor(values[rows]), x[rows, :width]
        part = torch.sub(block, mean, out=place if block.dtype == mean.dtype == x.dtype else None).mul_(rate)
        low, high = torch.aminmax(part)
        if not (low >= -EDGE and high <= EDGE):
            refuse_infinities(values[rows], name, first + rows.start)
            gone = part.isnan()
            if gone.any():
                missing = torch.zeros((len(values), width), dtype=torch.bool) if missing is None else missing
                missing[rows] = gone
                part.masked_fill_(gone, 0.0)
            beyond = part.abs() > EDGE
            far = part[beyond]
            excess = (far.abs() - EDGE).clamp(max=0.1 * torch.finfo(part.dtype).max)
            part[beyond] = far.sign() * (EDGE + excess.log1p())
        if part is not place:
            place.copy_(part)
    return missing


def _tensor(block: Array) -> Tensor:
    if block.dtype not in (np.float32, np.float64) or not block.dtype.isnative:
        return torch.from_numpy(block.astype(np.float64))
    if not block.flags.writeable or min(block.strides) < 0:
        block = block.copy()
    return torch.from_numpy(block)


def _finish(x: Tensor, missing: Tensor | None, facts: Facts) -> Batch:
    """Fill the flags of presence and make the mask."""
    start, presence = facts["presence_start"], facts["presence"]
    flags = slice(start, start + len(presence))
    if missing is None:
        x[:, flags] = 1.0
        return Batch(x)
    x[:, flags] = (~missing[:, presence]).to(x.dtype)
    owner = owners(facts)
    mask = ~missing[:, owner]
    mask[:, owner < 0] = True
    return Batch(x.masked_fill_(~mask, 0.0), mask)


def _wrong(column: Any, told: Column, bad: Any, wanted: str) -> SchemaMismatch:
    """The error for values that are not of the sort that was learned; `bad` marks them."""
    marks = np.asarray(pc.fill_null(bad, False))
    row = int(marks.argmax())
    where = f"row {row + told.get('first_row', 0)} (counting from 0)"
    return SchemaMismatch(
        f"column {told['name']!r} held {wanted} in training, but {where} holds {column[row].as_py()!r} ({int(marks.sum())} such rows); "
        "mend these values, or fit a new model"
    )


def _number(column: Any, told: Column, x: Tensor) -> Any:
    """The column as an Arrow column of numbers; a date's cycles are written on the way."""
    name = told["name"]
    if told["type"] == "date":
        return _date(column, told, x)
    found = sort(column.type, name)
    if found in ("text", "category"):
        neat = cleaned(column)
        try:
            return pc.cast(neat, pa.float64())
        except pa.ArrowInvalid:
            looks = pc.match_substring_regex(neat, r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$")
            raise _wrong(column, told, pc.invert(looks), "numbers") from None
    if found == "date":
        raise _wrong(column, told, pc.is_valid(column), "numbers")
    return column


def _date(column: Any, told: Column, x: Tensor) -> Any:
    name, form = told["name"], told.get("format", "iso")
    found = sort(column.type, name)
    if found in ("text", "category"):
        neat = cleaned(column)
        parsed = next((dates for each in (form, "iso") if (dates := parse(neat, each)) is not None), None)
        if parsed is None:
            bad = pa.array([value is not None and parse(pa.array([value]), form) is None for value in neat.to_pylist()])
            raise _wrong(column, told, bad, "dates" if form == "iso" else f"dates written as {form}")
        column = parsed
    elif pa.types.is_null(column.type):
        column = pc.cast(column, pa.timestamp("us"))
    elif found != "date":
        raise _wrong(column, told, pc.is_valid(column), "dates")
    times, missing = microseconds(column)
    for place, kind in zip(told.get("cycle_starts", []), told["cycles"], strict=True):
        x[:, place : place + 2] = torch.from_numpy(cycle(times, kind))
    return pa.chunked_array([pa.array(seconds(times, missing))])


def _flag(column: Any, told: Column, x: Tensor) -> Array:
    """Write a boolean column; returns which rows are missing."""
    name = told["name"]
    try:
        flags = pc.cast(cleaned(column) if sort(column.type, name) in ("text", "category") else column, pa.bool_())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        looks = pc.is_in(pc.utf8_lower(text(column)), pa.array(["true", "false", "0", "1"]))
        raise _wrong(column, told, pc.invert(looks), "true or false") from None
    x[:, told["start"]] = torch.from_numpy(np.array(pc.fill_null(flags, False), dtype=np.float32))
    return np.array(pc.is_null(flags))


def _category(column: Any, told: Column, x: Tensor) -> Array:
    """Write a one-hot field, the last element for values not in the vocabulary; returns which rows are missing."""
    words = text(column)
    missing = np.array(pc.is_null(words, nan_is_null=True))
    found = pc.index_in(words, pa.array(told["vocabulary"], pa.string()))
    places = np.array(pc.fill_null(found, len(told["vocabulary"]))).astype(np.int64)
    rows = np.flatnonzero(~missing)
    x[torch.from_numpy(rows), torch.from_numpy(places[rows] + told["start"])] = 1.0
    return missing


def date_back(values: Array, missing: Array, type_: Any, told: Column) -> Any:
    """Seconds (n,) as the dates they were: of the column's type, or written in its format."""
    form = told.get("format")
    if form is None:
        return from_seconds(values, told["grain"], type_, missing)
    times = from_seconds(values, told["grain"], pa.timestamp("us"), missing)
    if form == "iso":
        form = "%Y-%m-%d" if told["grain"] >= 86_400_000_000 else "%Y-%m-%d %H:%M:%S"
        times = times if told["grain"] < 1_000_000 else times.cast(pa.timestamp("s"), safe=False)
    else:
        times = times.cast(pa.timestamp("s"), safe=False)
    return pc.strftime(times, form).cast(type_)


def _category_back(scores: Array, missing: Array, type_: Any, told: Column) -> Any:
    """The likeliest known value; the slot for other values is no value, so it is never given."""
    if not told["vocabulary"]:
        return pa.nulls(len(scores), type_)
    best = pa.array(scores.argmax(1), mask=missing)
    words = pa.array(told["vocabulary"], pa.string())
    if pa.types.is_dictionary(type_):
        return pa.DictionaryArray.from_arrays(best.cast(pa.int32()), words.cast(type_.value_type)).cast(type_, safe=False)
    return words.take(best).cast(type_)
