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

POOL = 8  # pieces held and mixed at a time when the data do not fit in memory
STREAM_HELD_OUT = 10_000


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
        for step in range(skip, self.steps()):
            chosen = torch.stack([order[step * self.batch_size : (step + 1) * self.batch_size] for order in orders]).squeeze(0)
            yield self.samples.each(lambda part, chosen=chosen: _take(part, chosen))  # type: ignore[misc]


def _take(part: Tensor, chosen: Tensor) -> Tensor:
    """Rows of a tensor, for one member (B,) or several (M, B)."""
    return part.index_select(0, chosen) if chosen.dim() == 1 else part[chosen]


class Stream:
    """Samples read a piece at a time, pieces in random order, `POOL` of them mixed at a time; held-out rows are left out.

    Memory stays at about `POOL` pieces as tensors. Rows of one piece spread over a pool, not over the whole epoch: within the pool the
    order is random, and pools are made of random pieces, which mixes sorted files well.
    """

    def __init__(self, pieces: Pieces, to_tensor: Callable[[Any], Batch], batch_size: int, seed: int, pool: int = POOL) -> None:
        self.pieces, self.to_tensor, self.batch_size, self.seed, self.pool = pieces, to_tensor, batch_size, seed, pool
        self.share = min(0.1, STREAM_HELD_OUT / max(1, pieces.count))

    def steps(self) -> int:
        """Batches in an epoch."""
        kept = sum(count - int(self._held(i).sum()) for i, count in enumerate(self.pieces.counts))
        return max(1, kept // self.batch_size)

    def held_out(self) -> Batch:
        """The rows that training never sees, drawn by chance from all pieces, together."""
        chosen = [self._load(i)[torch.from_numpy(np.flatnonzero(self._held(i)))] for i in range(len(self.pieces.counts)) if self._held(i).any()]
        return concatenate(chosen)

    def first(self, count: int) -> Batch:
        """`count` training rows, some from each of a few pieces."""
        order = torch.randperm(len(self.pieces.counts), generator=shuffler(self.seed)).tolist()[: self.pool]
        parts = [self._kept(i)[: max(1, count // len(order))] for i in order]
        return concatenate(parts)

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from number `skip` on; pieces before it are read but not converted batch by batch."""
        generator = shuffler(self.seed, epoch)
        order = torch.randperm(len(self.pieces.counts), generator=generator).tolist()
        left, number = None, 0
        for begin in range(0, len(order), self.pool):
            parts = [self._kept(i) for i in order[begin : begin + self.pool]]
            pool = concatenate([left, *parts] if left is not None else parts)
            del parts
            mixed = torch.randperm(pool.count, generator=generator)
            whole = pool.count // self.batch_size
            for step in range(whole):
                number += 1
                if number > skip:
                    yield pool[mixed[step * self.batch_size : (step + 1) * self.batch_size]]
            left = pool[mixed[whole * self.batch_size :]]

    def _kept(self, piece: int) -> Batch:
        return self._load(piece)[torch.from_numpy(np.flatnonzero(~self._held(piece)))]

    def _load(self, piece: int) -> Batch:
        return self.to_tensor(self.pieces.load(piece))

    def _held(self, piece: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which rows of a piece are held out; follows from the seed and the piece's number."""
        return np.random.default_rng([self.seed, piece]).random(self.pieces.counts[piece]) < self.share


def held_out_rows(count: int, seed: int, members: int = 1) -> tuple[Tensor, Tensor]:
    """Rows for training (M, n) and held-out rows (m,), by chance: a tenth held out, at most 10,000, at least 1, none below 5 rows.

    With several members each sees its own random 80 % of the training rows, so that every row has members that never saw it.
    """
    order = torch.randperm(count, generator=shuffler(seed, 1))
    held = 0 if count < 5 else min(max(count // 10, 1), 10_000)
    kept = order[held:]
    if members == 1:
        return kept[None], order[:held]
    each = max(1, int(0.8 * len(kept)))
    bags = [kept[torch.randperm(len(kept), generator=shuffler(seed, 2, member))[:each]] for member in range(members)]
    return torch.stack(bags), order[:held]
