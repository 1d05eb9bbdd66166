"""Texts to parts of one length, in symbols, and back: bytes 0 to 255, then the end of the text."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hourglass.errors import BadData
from hourglass.kinds._text_rows import Texts, flat, from_bytes
from hourglass.parts import Batch, Cut

__all__ = ["END", "SYMBOLS", "broken", "counts_of", "cut", "join", "spread", "training"]

END = 256
SYMBOLS = 257
Layout = dict[str, Any]


def cut(rows: list[str], length: int) -> tuple[Batch, Layout]:
    """Parts (B, length) in order, with the layout: how many rows, and `[row, parts]` for every row in more than one part.

    A part shorter than `length` ends with the end symbol; what follows is padding.
    """
    parts, _, counts = _parts(rows, length)
    several = np.flatnonzero(counts > 1)
    layout = {"rows": len(rows), "several": [[int(row), int(counts[row])] for row in several]}
    return _batch(parts, length), layout


def training(rows: list[str], length: int) -> Cut:
    """The same parts, with the number of the row that each is from and the shares of the row that lie before its begin and its end."""
    parts, sizes, counts = _parts(rows, length)
    source = np.repeat(np.arange(len(rows)), counts)
    lengths = np.fromiter(map(len, parts), np.int64, len(parts))
    ends = np.cumsum(lengths) - np.repeat(np.cumsum(sizes) - sizes, counts)  # of each part within its row
    whole = np.maximum(sizes[source], 1)
    begin, end = (ends - lengths) / whole, np.where(sizes[source] > 0, ends / whole, 1.0)
    first = rows.first if isinstance(rows, Texts) else 0
    return Cut(_batch(parts, length), torch.from_numpy(source + first), *(torch.from_numpy(share).float() for share in (begin, end)))


def _parts(rows: list[str], length: int) -> tuple[list[bytes], NDArray[np.int64], NDArray[np.int64]]:
    """The parts of all rows in order; the bytes, and the number of parts, of each row."""
    data, sizes = flat(rows)
    counts = np.ones(len(data), np.int64)
    if not (sizes > length).any():
        return data, sizes, counts
    parts: list[bytes] = []
    for number, row in enumerate(data):
        before = len(parts)
        parts += broken(row, length)
        counts[number] = len(parts) - before
    return parts, sizes, counts


def broken(row: bytes, length: int) -> list[bytes]:
    """A row in one part, a long one in several that end after a space in their second half, if there is one, never inside a letter."""
    parts, start = [], 0
    while len(row) - start > length:
        low, high = start + max(1, length // 2), start + length
        space = max(row.rfind(b" ", low, high), row.rfind(b"\n", low, high))
        stop = space + 1 if space >= 0 else _letter(row, high, max(low, high - 3))
        parts.append(row[start:stop])
        start = stop
    return [*parts, row[start:]]


def _letter(row: bytes, high: int, low: int) -> int:
    """The last place up to `high` at which a letter of UTF-8 begins; `high` itself where there is none from `low` on."""
    return next((at for at in range(high, low - 1, -1) if row[at] & 0xC0 != 0x80), high)


def _batch(parts: list[bytes], length: int) -> Batch:
    """Parts as symbols (B, length) with their mask; a part of full length has no end symbol."""
    lengths = np.fromiter(map(len, parts), np.int64, len(parts))
    place = np.arange(length)
    held = np.zeros((len(parts), length), np.uint8)
    held[place < lengths[:, None]] = np.frombuffer(b"".join(parts), np.uint8)
    x = torch.from_numpy(held).long()
    short = np.flatnonzero(lengths < length)
    x[short, lengths[short]] = END
    return Batch(x, torch.from_numpy(place <= lengths[:, None]))


def join(values: Tensor, layout: Layout) -> list[str]:
    """Parts (B, length) as rows, each part up to its first end symbol."""
    symbols = (values.round() if values.is_floating_point() else values).detach().cpu().long()
    counts = counts_of(layout)
    if int(counts.sum()) != len(symbols):
        raise BadData(f"{len(symbols):,} parts for {counts.sum():,} that the layout tells of; give all parts of the texts, in order")
    ended = (symbols == END).numpy()
    lengths = np.where(ended.any(1), ended.argmax(1), symbols.shape[1])
    kept = np.arange(symbols.shape[1]) < lengths[:, None]
    data = symbols.clamp(0, 255).to(torch.uint8).numpy()[kept].tobytes()
    stops = np.concatenate([[0], np.cumsum(lengths)])[np.cumsum(counts)]
    begins = [0, *stops[:-1].tolist()]
    return [from_bytes(data[begin:stop]) for begin, stop in zip(begins, stops.tolist(), strict=False)]


def spread(values: Any, layout: Layout) -> NDArray[Any]:
    """One value per part to one per row, the mean over its parts."""
    given = np.asarray(values)
    counts = counts_of(layout)
    if len(counts) == len(given):
        return given
    owner = np.repeat(np.arange(len(counts)), counts)
    sums: NDArray[Any] = np.bincount(owner, weights=given, minlength=len(counts)) / counts
    return sums.astype(given.dtype) if given.dtype.kind == "f" else sums


def counts_of(layout: Layout) -> NDArray[np.int64]:
    """How many parts each row has."""
    counts = np.ones(layout["rows"], np.int64)
    for row, parts in layout["several"]:
        counts[row] = parts
    return counts
