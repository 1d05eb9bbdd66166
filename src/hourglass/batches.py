"""Batches of samples for training: from memory, or from files larger than memory, shuffled anew every epoch.

Every epoch's order follows from the seed and the epoch's number alone, so that training can go on in the middle of an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hourglass.parts import Batch, Pieces, concatenate

__all__ = ["Memory", "Stream", "held_out_rows", "shuffler"]

GATHERED = 4  # batches whose rows are collected together
POOL = 2**28  # bytes that a pool of mixed pieces takes when the data do not fit in memory
STREAM_HELD_OUT = 10_000
SHOWN = 10_000  # training rows that are kept in memory for what a fit must look at

Rows = np.ndarray[Any, np.dtype[np.int64]]


def shuffler(*numbers: int) -> torch.Generator:
    """A generator that follows from `numbers` alone."""
    mixed = 0x9E3779B97F4A7C15
    for number in numbers:  # the finaliser of splitmix64 (Steele et al. 2014): cheap, since tiny data have thousands of epochs
        mixed = (mixed + number * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 31)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return torch.Generator().manual_seed((mixed ^ (mixed >> 29)) >> 1)


class Memory:
    """Samples in memory; each of `rows` (M, n) are those one member may see. Batches are (B, ...), with several members (M, B, ...).

    The last rows of an epoch that do not fill a batch are left out; the next epoch's order is another one.
    """

    def __init__(self, samples: Batch, rows: Tensor, batch_size: int, seed: int) -> None:
        self.samples, self.rows, self.seed = samples, rows, seed
        self.batch_size = min(batch_size, rows.shape[1])

    def steps(self) -> int:
        """Batches in an epoch."""
        return int(self.rows.shape[1]) // self.batch_size

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from number `skip` on."""
        members, count = self.rows.shape
        orders = [self.rows[m, torch.randperm(count, generator=shuffler(self.seed, m, epoch))] for m in range(members)]
        order = orders[0] if members == 1 else torch.stack(orders)
        size = self.batch_size
        for begin in range(skip, self.steps(), GATHERED):
            chosen = order[..., begin * size : min(begin + GATHERED, self.steps()) * size]
            gathered = self.samples.each(lambda part, chosen=chosen: _take(part, chosen))  # type: ignore[misc]
            for at in range(0, chosen.shape[-1], size):
                yield gathered[at : at + size] if members == 1 else gathered[:, at : at + size]


def _take(part: Tensor, chosen: Tensor) -> Tensor:
    """Rows of a tensor, for one member (B,) or several (M, B)."""
    return part.index_select(0, chosen) if chosen.dim() == 1 else part[chosen]


class Stream:
    """Samples read a piece at a time: pieces in random order, a pool of them mixed at a time; held-out rows are left out.

    A pool takes about `memory` bytes, half of it only while pieces arrive. Rows of one piece spread over its pool, not over the whole
    epoch: within the pool the order is random, and pools are made of random pieces, which mixes sorted files. Of several members each
    sees its own 80 % of every piece.
    """

    def __init__(
        self, pieces: Pieces, to_tensor: Callable[[Any], Batch], batch_size: int, seed: int, members: int = 1, memory: int = POOL
    ) -> None:
        self.pieces, self.to_tensor, self.batch_size, self.seed, self.members = pieces, to_tensor, batch_size, seed, members
        self.begins = np.cumsum([0, *pieces.counts])
        held = 0 if pieces.count < 5 else min(max(pieces.count // 10, 1), STREAM_HELD_OUT)
        draw = np.random.default_rng(seed)
        self.held = np.unique(draw.integers(0, pieces.count, held))
        shown = np.setdiff1d(draw.integers(0, pieces.count, SHOWN), self.held)
        self.apart, self.sample = self._looked_up(shown)
        self.pool = max(2, memory // (8 * self.sample.x[0].numel() * max(pieces.counts)))

    def steps(self) -> int:
        """Batches in an epoch."""
        return max(1, sum(map(self._used, range(len(self.pieces.counts)))) // self.batch_size)

    def held_out(self) -> Batch:
        """The rows that training never sees, drawn by chance from all pieces."""
        return self.apart

    def first(self, count: int) -> Batch:
        """At most `count` training rows, drawn by chance from all pieces."""
        return self.sample[:count]

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from number `skip` on; pools that end before it are not read."""
        size, done, waiting = self.batch_size, 0, 0  # `waiting` rows of earlier pools are in `left`, unless they were skipped
        left: Batch | None = None
        for number, chosen in enumerate(self._pools(epoch)):
            whole, rest = divmod(waiting + sum(map(self._used, chosen)), size)
            if done + whole < skip:  # not even the batch that takes the rest of this pool is wanted
                left, waiting, done = None, rest, done + whole
                continue
            pool = concatenate([self.to_tensor(self.pieces.load(piece)) for piece in chosen])
            rows = torch.stack([self._mixed(chosen, number, member, epoch) for member in range(self.members)], -1)  # (n, M)
            head = min(size - waiting, len(rows)) if waiting else 0
            if head:
                begun = _gathered(pool, rows[:head])
                begun = begun if left is None else concatenate([left, begun])
                if waiting + head < size:
                    left, waiting = begun, waiting + head
                    continue
                done, whole = done + 1, whole - 1
                if done > skip:
                    yield _turned(begun, self.members)
            for step in range(max(0, skip - done), whole, GATHERED):
                part = _gathered(pool, rows[head + step * size : head + min(step + GATHERED, whole) * size])
                yield from (_turned(part[at : at + size], self.members) for at in range(0, part.count, size))
            left, waiting, done = _gathered(pool, rows[head + whole * size :]), rest, done + whole

    def _pools(self, epoch: int) -> Iterator[list[int]]:
        """The pieces of every pool of an epoch."""
        order = torch.randperm(len(self.pieces.counts), generator=shuffler(self.seed, epoch)).tolist()
        return (order[begin : begin + self.pool] for begin in range(0, len(order), self.pool))

    def _mixed(self, chosen: list[int], pool: int, member: int, epoch: int) -> Tensor:
        """The rows (n,) of a pool that a member sees, in random order."""
        begin, allowed = 0, []
        for piece in chosen:
            count = self.pieces.counts[piece]
            kept = np.delete(np.arange(count), self._inside(self.held, piece))
            if self.members > 1:
                kept = np.random.default_rng([self.seed, member, piece]).permutation(kept)[: self._used(piece)]
            allowed.append(kept + begin)
            begin += count
        rows = torch.from_numpy(np.concatenate(allowed))
        return rows[torch.randperm(len(rows), generator=shuffler(self.seed, member, epoch, pool))]

    def _used(self, piece: int) -> int:
        """How many rows of a piece a member sees."""
        kept = self.pieces.counts[piece] - len(self._inside(self.held, piece))
        return kept if self.members == 1 else int(0.8 * kept)

    def _inside(self, rows: Rows, piece: int) -> Rows:
        """Those of sorted row numbers that are in a piece, counted from its beginning."""
        low, high = np.searchsorted(rows, self.begins[piece : piece + 2])
        inside: Rows = rows[low:high] - self.begins[piece]
        return inside

    def _looked_up(self, shown: Rows) -> tuple[Batch, Batch]:
        """Held-out rows and shown rows, each in random order: one pass over all pieces, in which only these become tensors."""
        found: tuple[list[Batch], list[Batch]] = ([], [])
        for piece in range(len(self.pieces.counts)):
            wanted = [self._inside(rows, piece) for rows in (self.held, shown)]
            if sum(map(len, wanted)):
                chunk = self.pieces.load(piece)
                for batches, rows in zip(found, wanted, strict=True):
                    batches.append(self.to_tensor(_rows(chunk, rows)) if len(rows) else self.to_tensor(_rows(chunk, np.arange(1)))[:0])
        held, sample = (concatenate(batches) for batches in found)
        return tuple(part[torch.randperm(part.count, generator=shuffler(self.seed))] for part in (held, sample))  # type: ignore[return-value]


def _rows(chunk: Any, rows: Rows) -> Any:
    """Some rows of a chunk: of an array, of a Table, or of a list."""
    if isinstance(chunk, np.ndarray):
        return chunk[rows]
    return chunk.take(rows) if hasattr(chunk, "take") else [chunk[row] for row in rows]


def _gathered(pool: Batch, rows: Tensor) -> Batch:
    """Rows (n, M) of a pool: (n, ...), with several members (n, M, ...)."""
    chosen = rows.squeeze(1) if rows.shape[1] == 1 else rows
    return pool.each(lambda part: _take(part, chosen))


def _turned(batch: Batch, members: int) -> Batch:
    """The members' axis in front, where there is one."""
    return batch if members == 1 else batch.each(lambda part: part.transpose(0, 1).contiguous())


def held_out_rows(count: int, seed: int, members: int = 1, groups: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Rows for training (M, n) and held-out rows (m,), by chance: a tenth held out, at most 10,000, at least 1, none below 5 rows.

    `groups` (count,) are numbers from 0 on: with at least 5 groups, whole ones are held out (tiles of one picture are no test of others).
    With several members each sees its own random 80 % of the training rows, so that every row has members that never saw it.
    """
    order = torch.randperm(count, generator=shuffler(seed, 1))
    if groups is not None and int(groups.max()) >= 4:
        drawn = torch.randperm(int(groups.max()) + 1, generator=shuffler(seed, 1))
        order = torch.argsort(drawn[groups], stable=True)
        count = int((drawn[groups] < max(1, len(drawn) // 10)).sum()) * 10
    held = 0 if count < 5 else min(max(count // 10, 1), 10_000)
    kept = order[held:]
    if members == 1:
        return kept[None], order[:held]
    each = max(1, int(0.8 * len(kept)))
    bags = [kept[torch.randperm(len(kept), generator=shuffler(seed, 2, member))[:each]] for member in range(members)]
    return torch.stack(bags), order[:held]
