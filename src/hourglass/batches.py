"""Batches of samples for training: from memory, or from files larger than memory, shuffled anew every epoch.

Every epoch's order follows from the seed and the epoch's number alone, so that training can go on in the middle of an epoch.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor

from hourglass.errors import BadData, BadOption
from hourglass.parts import Batch, Cut, Pieces, concatenate

__all__ = ["Memory", "Stream", "held_out_rows", "sampled", "seed_of", "shuffler"]

GATHERED = 4  # batches whose rows are collected together
POOL = 2**28  # bytes of a heap, where data do not fit in memory
MOST_HEAPS = 250
MOST_HELD_OUT = 10_000
FEW_RECORDINGS, FEW_PICTURES = 5, 10  # from so many on whole ones are held out
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
    """Samples larger than memory: read once, in order, and dealt out at random to heaps on the disk that fit in `memory` one at a time.

    An epoch takes the heaps in random order and the rows of each in random order: a sorted file mixes as well as any other, and later
    epochs need not read the source again. Held-out rows are left out; of several members each sees its own 80 % of every heap. The heaps
    lie in the temporary folder, as large as the samples as tensors, and go when the stream goes.
    """

    def __init__(
        self, pieces: Pieces, to_tensor: Callable[[Any], Batch], batch_size: int, seed: int, members: int = 1, memory: int = POOL
    ) -> None:
        self.pieces, self.to_tensor, self.batch_size, self.seed, self.members = pieces, to_tensor, batch_size, seed, members
        self.begins = np.cumsum([0, *pieces.counts])
        held = 0 if pieces.count < 5 else min(max(pieces.count // 10, 1), MOST_HELD_OUT)
        draw = np.random.default_rng(seed)
        self.held = np.unique(draw.integers(0, pieces.count, held))
        self.shown = np.setdiff1d(draw.integers(0, pieces.count, SHOWN), self.held)
        self.masked, self.counts, self.folder = False, [0], Path(tempfile.mkdtemp(prefix="hourglass-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.apart, self.sample = self._deal(memory)

    def steps(self) -> int:
        """Batches in an epoch."""
        return max(1, sum(map(self._used, range(len(self.counts)))) // self.batch_size)

    def held_out(self) -> Batch:
        """The rows that training never sees, drawn by chance."""
        return self.apart

    def first(self, count: int) -> Batch:
        """At most `count` training rows, drawn by chance."""
        return self.sample[:count]

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from number `skip` on; heaps that end before it are not read."""
        size, done, waiting = self.batch_size, 0, 0  # `waiting` rows of earlier heaps are in `left`, unless they were skipped
        left: Batch | None = None
        for heap in torch.randperm(len(self.counts), generator=shuffler(self.seed, epoch)).tolist():
            whole, rest = divmod(waiting + self._used(heap), size)
            if done + whole < skip:  # not even the batch that takes the rest of this heap is wanted
                left, waiting, done = None, rest, done + whole
                continue
            pool = self._read(heap)
            rows = torch.stack([self._mixed(heap, member, epoch) for member in range(self.members)], -1)  # (n, M)
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

    def _mixed(self, heap: int, member: int, epoch: int) -> Tensor:
        """The rows (n,) of a heap that a member sees, in random order."""
        count, used = self.counts[heap], self._used(heap)
        order = torch.randperm(used, generator=shuffler(self.seed, member, epoch, heap))
        return order if self.members == 1 else torch.randperm(count, generator=shuffler(self.seed, member, heap))[:used][order]

    def _used(self, heap: int) -> int:
        """How many rows of a heap a member sees."""
        return self.counts[heap] if self.members == 1 else int(0.8 * self.counts[heap])

    def _deal(self, memory: int) -> tuple[Batch, Batch]:
        """One pass over the source: held-out and shown rows stay in memory, in random order; all but the held-out ones go to heaps."""
        apart: list[Batch] = []
        sample: list[Batch] = []
        with ExitStack() as stack:
            files: list[Any] = []
            for piece in range(len(self.pieces.counts)):
                batch = self.to_tensor(self.pieces.load(piece))
                files = files or self._opened(batch.x, memory, stack)
                held, shown = (torch.from_numpy(self._inside(rows, piece)) for rows in (self.held, self.shown))
                apart.append(batch[held])
                sample.append(batch[shown])
                self._write(batch, held, piece, files)
        mixed = [torch.randperm(sum(part.count for part in parts), generator=shuffler(self.seed)) for parts in (apart, sample)]
        return concatenate(apart)[mixed[0]], concatenate(sample)[mixed[1]]

    def _opened(self, x: Tensor, memory: int, stack: ExitStack) -> list[Any]:
        """As many empty heaps as are needed for each to fit; samples are like those in `x`. A full disk is told before it is full."""
        self.shape, self.type = x.shape[1:], x.numpy().dtype
        needed = self.pieces.count * x[0].numel() * x.element_size()
        free = shutil.disk_usage(self.folder).free
        if needed > 0.95 * free:
            raise BadData(
                f"{self.pieces.name} do not fit in memory and need {needed / 1e9:.1f} GB in the folder for temporary files, "
                f"{self.folder.parent}, which has {free / 1e9:.1f} GB; let TMPDIR name another folder, or give fewer rows"
            )
        self.counts = [0] * min(MOST_HEAPS, max(2, -(-needed // max(1, memory))))
        return [stack.enter_context((self.folder / str(heap)).open("wb")) for heap in range(len(self.counts))]

    def _write(self, batch: Batch, held: Tensor, piece: int, files: list[Any]) -> None:
        """Deal the rows of a piece out to the heaps; what is masked is written as NaN."""
        dealt = np.random.default_rng([self.seed, piece]).integers(0, len(files), batch.count, dtype=np.uint8)
        dealt[held.numpy()] = len(files)
        order = np.argsort(dealt, kind="stable")
        x = batch.x if batch.mask is None else batch.x.masked_fill(~batch.mask, torch.nan)
        self.masked |= batch.mask is not None
        ends = np.cumsum(np.bincount(dealt, minlength=len(files) + 1))
        rows = x.numpy()[order]
        for heap, (file, begin, end) in enumerate(zip(files, [0, *ends], ends, strict=False)):
            file.write(rows[begin:end].data)
            self.counts[heap] += int(end - begin)

    def _read(self, heap: int) -> Batch:
        x = torch.from_numpy(np.fromfile(self.folder / str(heap), self.type)).view(-1, *self.shape)
        if not self.masked:
            return Batch(x)
        mask = ~x.isnan()
        return Batch(x.nan_to_num_(0.0), mask)

    def _inside(self, rows: Rows, piece: int) -> Rows:
        """Those of sorted row numbers that are in a piece, counted from its beginning."""
        low, high = np.searchsorted(rows, self.begins[piece : piece + 2])
        inside: Rows = rows[low:high] - self.begins[piece]
        return inside


def _gathered(pool: Batch, rows: Tensor) -> Batch:
    """Rows (n, M) of a pool: (n, ...), with several members (n, M, ...)."""
    chosen = rows.squeeze(1) if rows.shape[1] == 1 else rows
    return pool.each(lambda part: _take(part, chosen))


def _turned(batch: Batch, members: int) -> Batch:
    """The members' axis in front, where there is one."""
    return batch if members == 1 else batch.each(lambda part: part.transpose(0, 1).contiguous())


def held_out_rows(count: int, seed: int, members: int = 1, cut: Cut | None = None) -> tuple[Tensor, Tensor]:
    """Rows for training (M, n) and held-out rows (m,), by chance: a tenth held out, at most 10,000, at least 1, none below 5 rows.

    Of parts of recordings (`cut`) whole recordings are held out, for parts of one are no test of others; of fewer than five recordings the
    last tenth of each, and parts that reach into it are in neither; of fewer than ten pictures a tenth of their tiles. Each of several
    members leaves out a share of its own of the training rows, so that every row has a member that never saw it; of parts of recordings
    these are neighbours, for parts overlap.
    """
    kept, held = _divided(count, seed) if cut is None else _divided_parts(cut, seed)
    held = held[:MOST_HELD_OUT]
    return (kept[None] if members == 1 else _bags(kept if cut is None else kept.sort().values, members)), held


def _bags(rows: Tensor, members: int) -> Tensor:
    """For each member the rows (M, n) that it sees: all but its own share; shares overlap where their sizes would differ."""
    count = len(rows)
    share = -(-count // members) if count > 1 else 0
    begins = [count * member // members for member in range(members)]
    return torch.stack([rows[(begin + share + torch.arange(count - share)) % max(1, count)] for begin in begins])


def sampled(rows: Tensor, most: int, seed: int) -> tuple[Tensor, Tensor | None]:
    """At most `most` of the rows that members train on, by chance, and which member sees which (M, n); None where each sees all.

    `rows` (M, n) are those that each member sees.
    """
    if len(rows) == 1:
        return rows[0][:most], None
    known = rows.flatten().unique()
    chosen = known[torch.randperm(len(known), generator=shuffler(seed, 4))[:most]]
    return chosen, torch.stack([torch.isin(chosen, own) for own in rows])


def _divided(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Rows to train on and rows to hold out, in random order."""
    order = torch.randperm(count, generator=shuffler(seed, 1))
    held = 0 if count < 5 else min(max(count // 10, 1), MOST_HELD_OUT)
    return order[held:], order[:held]


def _divided_parts(cut: Cut, seed: int) -> tuple[Tensor, Tensor]:
    """The same for parts of recordings."""
    recordings, number = torch.unique(cut.source, return_inverse=True)
    order = torch.randperm(cut.samples.count, generator=shuffler(seed, 1))
    if len(recordings) < FEW_PICTURES and bool((cut.end - cut.begin >= 1).all()):  # of whole pictures one would be too many
        return _divided(cut.samples.count, seed)
    if len(recordings) >= FEW_RECORDINGS:
        chosen = torch.zeros(len(recordings), dtype=torch.bool)
        chosen[torch.randperm(len(recordings), generator=shuffler(seed, 1))[: max(1, len(recordings) // 10)]] = True
        apart = chosen[number]
        return order[~apart[order]], order[apart[order]]
    last = torch.zeros(len(recordings), dtype=cut.begin.dtype).scatter_reduce(0, number, cut.begin, "amax", include_self=False)
    border = last.clamp_max(0.9)[number]
    apart, before = cut.begin >= border - 1e-6, cut.end <= border + 1e-6
    kept = order[before[order]]
    return (kept, order[apart[order]]) if len(kept) else (order, order[:0])


def seed_of(random_state: Any) -> int:
    """A seed from `random_state`; None gives another one each time, and leaves numpy's global generator alone."""
    if random_state is None:
        random_state = np.random.default_rng()
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(np.iinfo(np.int32).max))
    try:
        return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    except ValueError:
        raise BadOption(f"random_state={random_state!r}: give a whole number from 0 to 4294967295, a generator of numpy, or None") from None
