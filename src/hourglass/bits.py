"""Symbols to bytes and back: entropy coding with integer tables.

Tables are integers throughout, so that both sides compute the same bits on every machine.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import constriction
import numpy as np
import torch
from torch import Tensor

from hourglass.containers import MAGIC, from_varint, read_container, varint, write_container, write_short
from hourglass.errors import DamagedFile

__all__ = [
    "MAGIC",
    "TOTAL",
    "Symbols",
    "Tables",
    "Unpacker",
    "pack",
    "pack_each",
    "read_container",
    "tables",
    "to_tables",
    "unpack",
    "write_container",
    "write_short",
]

TOTAL = 1 << 16  # what the frequencies of a unit add up to
LEVELS = 1 << 12  # the widest range of symbols that gets a frequency of its own; beyond it they are escaped


class Tables(NamedTuple):
    """How often each symbol comes, per unit: `counts` (k, levels + 1) int32, rows adding up to `TOTAL`; `low` (k,) the first symbols.

    The last column is the escape: a symbol outside `low ... low + levels - 1` is sent as it and written out behind.
    """

    counts: Tensor
    low: Tensor


def tables(symbols: Tensor) -> Tables:
    """Tables for each column of training symbols (n, k), integers; the widest range is `LEVELS` around the median.

    >>> made = tables(torch.tensor([[0], [0], [0], [2]]))
    >>> made.counts.shape, int(made.counts.sum()), int(made.low[0])
    (torch.Size([1, 4]), 65536, 0)
    """
    symbols = symbols.to(torch.int64).clamp(-(1 << 62), 1 << 62)  # so that differences below cannot wrap around
    low, high, middle = symbols.amin(0), symbols.amax(0), symbols.median(0).values
    low, high = torch.maximum(low, middle - LEVELS // 2), torch.minimum(high, middle + LEVELS // 2 - 1)
    return Tables(to_tables(histogram(symbols, low, int((high - low).max()) + 1)), low)


def histogram(symbols: Tensor, low: Tensor, levels: int) -> Tensor:
    """How often each of `levels` symbols from `low` (k,) on occurs in each column of (n, k); others are not counted. (k, levels)."""
    units = symbols.shape[1]
    places = symbols - low
    within = (places >= 0) & (places < levels)
    flat = (places + torch.arange(units) * levels)[within]
    return torch.bincount(flat, minlength=units * levels).reshape(units, levels)


def to_tables(counted: Tensor) -> Tensor:
    """Frequencies from counts (k, levels): an escape is added, every level gets at least 1 and every row adds up to `TOTAL`."""
    counted = torch.cat([counted.to(torch.int64), torch.ones(len(counted), 1, dtype=torch.int64)], 1)
    free = TOTAL - counted.shape[1]
    scaled = counted * free // counted.sum(1, keepdim=True) + 1
    likeliest = scaled.argmax(1, keepdim=True)
    return scaled.scatter_add(1, likeliest, TOTAL - scaled.sum(1, keepdim=True)).to(torch.int32)


def pack(symbols: Tensor, made: Tables) -> bytes:
    """The bytes of symbols (n, k), any int64. Undone by `unpack` with the same tables and n.

    >>> made = tables(torch.tensor([[0], [1], [1]]))
    >>> unpack(pack(torch.tensor([[1], [-7]]), made), 2, made)
    tensor([[ 1],
            [-7]])
    """
    escape = made.counts.shape[1] - 1
    places = symbols.to(torch.int64) - made.low
    # the difference of two int64 may wrap around; a place counts only where adding back gives a symbol on the right side
    known = (places >= 0) & (places < escape) & (symbols >= made.low)
    columns = torch.where(known, places, escape).to(torch.int32).numpy()
    coder = constriction.stream.stack.AnsCoder()
    for unit in reversed(range(len(made.counts))):
        coder.encode_reverse(np.ascontiguousarray(columns[:, unit]), _frequencies(made.counts[unit]))
    words: bytes = coder.get_compressed().astype("<u4").tobytes()
    return struct.pack("<I", len(words) // 4) + words + _varints(symbols.to(torch.int64)[~known].numpy())


def unpack(data: bytes, count: int, made: Tables) -> Tensor:
    """The symbols (count, k), int64, that `pack` was given. Bytes that are no such thing raise `DamagedFile`."""
    coder, end = _coder(data)
    columns = [coder.decode(_frequencies(row), count) for row in made.counts] if count else []
    places = np.stack(columns, 1) if columns else np.zeros((count, len(made.counts)), np.int32)
    symbols = torch.from_numpy(places.astype(np.int64)) + made.low
    escaped = torch.from_numpy(places == made.counts.shape[1] - 1)
    raw = _from_varints(np.frombuffer(data, np.uint8, offset=end))
    if not coder.is_empty() or len(raw) != int(escaped.sum()):
        raise DamagedFile("the symbols do not add up: they were made with other tables, or altered")
    symbols[escaped] = torch.from_numpy(raw)
    return symbols


def _frequencies(counts: Tensor) -> Any:
    """One unit's frequencies for the coder; fractions of a power of two are exact, so no rounding can differ between machines."""
    whole = counts.numpy().astype(np.float64)
    return constriction.stream.model.Categorical(whole / whole.sum(), perfect=False)


class Symbols(NamedTuple):
    """Symbols (n,) int64, each under its own table: `which` (n,) are the numbers of rows in `tables`."""

    symbols: np.ndarray[Any, Any]
    which: np.ndarray[Any, Any]
    tables: Tables


def pack_each(parts: Sequence[Symbols]) -> bytes:
    """The bytes of symbols that each have a table of their own; an `Unpacker` takes the parts out again, in this order."""
    coder, written = constriction.stream.stack.AnsCoder(), []
    for symbols, which, made in reversed(parts):
        escape, low = made.counts.shape[1] - 1, made.low.numpy()
        order, groups = _grouped(which, len(made.counts))
        places = symbols[order] - low[which[order]]
        known = (places >= 0) & (places < escape)
        written.append(symbols[order][~known])
        columns = np.where(known, places, escape).astype(np.int32)
        for row, start, stop in reversed(groups):
            coder.encode_reverse(columns[start:stop], _frequencies(made.counts[row]))
    words: bytes = coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0")
    return varint(len(words)) + words + _varints(np.concatenate([*reversed(written), np.zeros(0, np.int64)]))


class Unpacker:
    """Takes parts out of what `pack_each` made, one after the other; bytes that are no such thing raise `DamagedFile`.

    `plain`: of what it made at first, with the number of words in four bytes, as codec picture-1 has it.

    >>> made = tables(torch.tensor([[0], [1], [1]]))
    >>> given = Symbols(np.array([1, -7]), np.array([0, 0]), made)
    >>> Unpacker(pack_each([given])).take(given.which, made)
    array([ 1, -7])
    """

    def __init__(self, data: bytes, plain: bool = False) -> None:
        self.coder, end = _coder(data) if plain else _short_coder(data)
        self.raw, self.used = _from_varints(np.frombuffer(data, np.uint8, offset=end)), 0

    def take(self, which: np.ndarray[Any, Any], made: Tables) -> np.ndarray[Any, Any]:
        """The next symbols, int64, as many as `which` has numbers."""
        order, groups = _grouped(which, len(made.counts))
        places = np.empty(len(which), np.int64)
        for row, start, stop in groups:
            places[start:stop] = self.coder.decode(_frequencies(made.counts[row]), stop - start)
        escaped = places == made.counts.shape[1] - 1
        places += made.low.numpy()[which[order]]
        more = int(escaped.sum())
        if self.used + more > len(self.raw):
            raise DamagedFile("the symbols do not add up: they were made with other tables, or altered")
        places[escaped] = self.raw[self.used : self.used + more]
        self.used += more
        symbols = np.empty_like(places)
        symbols[order] = places
        return symbols

    def finish(self) -> None:
        """All must have been taken."""
        if not self.coder.is_empty() or self.used != len(self.raw):
            raise DamagedFile("the symbols do not add up: they were made with other tables, or altered")


def _grouped(which: np.ndarray[Any, Any], tables: int) -> tuple[np.ndarray[Any, Any], list[tuple[int, int, int]]]:
    """The order in which symbols of one table follow each other, and (table, start, stop) of those that occur."""
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=tables))
    return order, [
        (row, int(start), int(stop)) for row, (start, stop) in enumerate(zip([0, *ends[:-1]], ends, strict=True)) if stop > start
    ]


def _coder(data: bytes) -> tuple[Any, int]:
    """The coder of packed bytes, and where its words end."""
    end = 4 + 4 * struct.unpack("<I", data[:4])[0] if len(data) >= 4 else -1
    if not 4 <= end <= len(data):
        raise DamagedFile("the symbols are cut short")
    return _of_words(data[4:end]), end


def _short_coder(data: bytes) -> tuple[Any, int]:
    """The same where the zeros at the end of the words are left out, and their bytes counted in front."""
    size, at = from_varint(data, 0)
    if at + size > len(data):
        raise DamagedFile("the symbols are cut short")
    return _of_words(data[at : at + size] + bytes(-size % 4)), at + size


def _of_words(words: bytes) -> Any:
    try:
        return constriction.stream.stack.AnsCoder(np.frombuffer(words, "<u4").astype(np.uint32))
    except ValueError as trouble:
        raise DamagedFile(f"the symbols do not end as they should: {trouble}") from trouble


def _varints(values: np.ndarray[Any, Any]) -> bytes:
    """Signed numbers as bytes of seven bits each, small ones short; the eighth bit says that more follow."""
    folded = ((values << 1) ^ (values >> 63)).astype(np.uint64)  # 0, -1, 1, -2 ... to 0, 1, 2, 3 ...
    place = np.arange(10)
    groups = (folded[:, None] >> (place * 7).astype(np.uint64)) & np.uint64(127)  # (n, 10)
    lengths = 1 + (folded[:, None] >= np.uint64(1) << (place[1:] * 7).astype(np.uint64)).sum(1)
    groups |= np.where(place < lengths[:, None] - 1, 128, 0).astype(np.uint64)
    return bytes(groups[place < lengths[:, None]].astype(np.uint8))


def _from_varints(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The opposite of `_varints`."""
    ends = np.flatnonzero(data < 128)
    if len(data) and (not len(ends) or ends[-1] != len(data) - 1):
        raise DamagedFile("the symbols are cut short")
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    place = np.arange(len(data)) - np.repeat(starts, ends - starts + 1)
    if len(data) and place.max() > 9:
        raise DamagedFile("a written-out symbol is too long")
    groups = (data & 127).astype(np.uint64) << (place.astype(np.uint64) * np.uint64(7))
    folded = np.bitwise_or.reduceat(groups, starts) if len(starts) else groups
    return (folded >> np.uint64(1)).astype(np.int64) ^ -(folded & np.uint64(1)).astype(np.int64)
