"""Statistics of many number columns in one pass: mean, spread, smallest step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from hourglass.errors import BadData

__all__ = ["Numbers", "Summary", "refuse_infinities", "row_blocks"]

Array = np.ndarray[Any, Any]

BLOCK = 2**17  # elements worked on at a time: 1 MB in float64, which stays in the processor's cache
SHARE = 0.005  # share of the rows that is winsorised at each end
WILD = 100.0  # the winsorised spread is taken when the full one is so many times larger


class Summary(NamedTuple):
    """What was learned of d number columns, each (d,): `step` is the smallest positive distance between two values, 0 if unknown."""

    counted: Array
    mean: Array
    scale: Array
    step: Array
    constant: Array
    low: Array
    high: Array


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows whose blocks fit in the cache."""
    size = max(64, BLOCK // max(1, columns))
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def refuse_infinities(block: Array, name: Callable[[int], str], first_row: int) -> None:
    """Raise `BadData` if `block` (n, d) holds an infinity; `name` gives the name of a column, `first_row` the number of the first row."""
    infinite = np.isinf(block)
    if infinite.any():
        column = int(infinite.any(0).argmax())
        row = int(infinite[:, column].argmax()) + first_row
        raise BadData(
            f"column {name(column)!r} holds infinity (or a value too large for its type), first in row {row} (counting from 0), "
            f"{int(infinite[:, column].sum())} in this part of the data; only finite numbers and missing values can be used: "
            "replace them, or leave the column out with ignore"
        )


class Numbers:
    """Statistics of `width` columns that arrive in blocks of rows; NaN is missing.

    Means and deviations are merged as Chan, Golub and LeVeque (1979) do it. A sample of `keep` rows, drawn by keys that do not
    depend on how the rows were cut, serves what one pass cannot give: winsorised moments and the smallest step.
    """

    def __init__(self, width: int, name: Callable[[int], str], keep: int = 100_000) -> None:
        self.name, self.rows, self.keep = name, 0, max(1_000, min(keep, 2**24 // max(1, width)))
        self.count, self.mean, self.squares = (np.zeros(width) for _ in range(3))
        self.low, self.high = np.full(width, np.inf), np.full(width, -np.inf)
        self.random = np.random.default_rng(0)
        self.keys: Array = np.empty(0)
        self.sample: Array | None = None

    def add(self, values: Array) -> None:
        """Take in more rows (n, width)."""
        for rows in row_blocks(*values.shape):
            self._merge(values[rows])
        self._draw(values)

    def summary(self) -> Summary:
        """Everything at once; a constant or missing column has scale 1."""
        with np.errstate(all="ignore"):
            spread = np.sqrt(self.squares / self.count)
        spread = np.where(np.isfinite(spread), spread, self.high / 2 - self.low / 2)
        constant = ~(self.high > self.low)
        mean, scale = self.mean.copy(), np.where(constant | ~(spread > 0), 1.0, spread)
        mean[constant] = np.where(self.count > 0, self.low, 0.0)[constant]
        step = self._sorted(mean, scale, constant)
        return Summary(self.count, mean, scale, step, constant, self.low, self.high)

    def _merge(self, part: Array) -> None:
        block = np.array(part, dtype=np.float64)
        with np.errstate(all="ignore"):
            total = block.sum(0)
            count: Any = float(len(block))
            if not np.isfinite(total).all():
                refuse_infinities(block, self.name, self.rows)
                missing = np.isnan(block)
                count = len(block) - missing.sum(0)
                self.low, self.high = np.fmin(self.low, np.fmin.reduce(block, 0)), np.fmax(self.high, np.fmax.reduce(block, 0))
                mean = np.where(count > 0, np.nan_to_num(np.where(missing, 0.0, block / np.maximum(count, 1)).sum(0)), 0.0)
                block -= mean
                block[missing] = 0.0
            else:
                self.low, self.high = np.minimum(self.low, part.min(0)), np.maximum(self.high, part.max(0))
                mean = total / count
                block -= mean
            self._join(count, mean, np.einsum("ij,ij->j", block, block))
        self.rows += len(part)

    def _join(self, count: Any, mean: Array, squares: Array) -> None:
        """Chan's merge of two sets of moments."""
        total = self.count + count
        share = np.where(total > 0, count / np.maximum(total, 1), 0.0)
        shift = mean - self.mean
        self.squares += squares + shift * shift * self.count * share
        self.mean += shift * share
        self.count = total

    def _draw(self, values: Array) -> None:
        """Keep the rows with the smallest random keys."""
        keys = self.random.random(len(values))
        if self.sample is None and len(values) <= self.keep:
            self.keys, self.sample = keys, values
            return
        if self.sample is None:
            self.sample = values[:0]
        limit = self.keys.max() if len(self.keys) == self.keep else np.inf
        if len(keys) > self.keep:
            limit = min(limit, np.partition(keys, self.keep - 1)[self.keep - 1])
        new = np.flatnonzero(keys < limit) if limit < np.inf else np.arange(len(keys))
        room = self.keep - len(self.keys)
        self.sample = np.concatenate([self.sample, values[new[:room]]]) if room else self.sample
        self.keys = np.concatenate([self.keys, keys[new[:room]]])
        self._swap(values, keys, new[room:])

    def _swap(self, values: Array, keys: Array, new: Array) -> None:
        """The sample is full: rows `new` take the places of held ones with larger keys."""
        if len(new) and self.sample is not None:
            every = np.concatenate([self.keys, keys[new]])
            stays = np.zeros(len(every), dtype=bool)
            stays[np.argpartition(every, self.keep - 1)[: self.keep]] = True
            places, rows = np.flatnonzero(~stays[: self.keep]), new[stays[self.keep :]]
            self.sample[places], self.keys[places] = values[rows], keys[rows]

    def _sorted(self, mean: Array, scale: Array, constant: Array) -> Array:
        """The smallest step of each column; on the way, mean and scale of columns with wild values are mended in place."""
        if self.sample is None or not len(self.sample):
            return np.zeros(len(mean))
        step = np.zeros(len(mean))
        wild = self._suspects(mean, scale) & ~constant
        for columns in row_blocks(len(mean), len(self.sample) // 4):
            ordered = np.sort(np.ascontiguousarray(self.sample[:, columns].T), axis=1)  # (columns, rows), NaN last
            with np.errstate(all="ignore"):
                steps = np.diff(ordered).astype(np.float64, copy=False)
                least = np.where(steps > 0, steps, np.inf).min(1, initial=np.inf)
            step[columns] = np.where(np.isfinite(least), least, 0.0)
            for column in np.flatnonzero(wild[columns]):
                _mend(ordered[column], mean, scale, column + columns.start)
        step[constant] = 0.0
        return step

    def _suspects(self, mean: Array, scale: Array) -> Array:
        """Columns in which so few values can hold so much of the variance: only those are worth winsorising."""
        share = np.minimum(0.5, 2 * np.maximum(SHARE * self.count + 1, 1) / np.maximum(self.count, 1))
        with np.errstate(all="ignore"):
            furthest = np.maximum(self.high - mean, mean - self.low) / scale
        suspects: Array = ~(furthest < 0.9 * np.sqrt((1 - share) / share))
        return suspects


def _mend(ordered: Array, mean: Array, scale: Array, column: int) -> None:
    """Put winsorised moments in place of the full ones where outliers rule these."""
    values = ordered[~np.isnan(ordered)].astype(np.float64)
    ends = max(1, int(np.ceil(SHARE * len(values))))
    if len(values) < 2 * ends + 1:
        return
    tame = np.clip(values, values[ends], values[-1 - ends])
    with np.errstate(all="ignore"):
        spread = tame.std()
    if 0 < spread < np.inf and scale[column] > WILD * spread:
        mean[column], scale[column] = tame.mean(), spread
