"""Learned codebooks: every vector becomes its nearest entry, what is left becomes an entry of the next stage, and no entry lies idle."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hourglass.bottlenecks._chance import chosen, uniform

DECAY = 0.95  # of an entry's running mean, each batch
DEAD = 0.1  # an entry used less than this share of the usual is moved
SPREAD_OUT = 1024  # up to so many entries begin far from each other; more begin at random rows
BLOCK = 1 << 24  # distances held at a time


class Codebook(nn.Module):
    """Vectors (lanes, N, width) to the sum of one entry from each stage. Lanes (members times groups) have codebooks of their own.

    Entries are running means of what they stand for (van den Oord et al. 2017, appendix A), begin at vectors of the first batch, far from
    each other as k-means++ has it, and are moved to a badly met vector of the batch when they are hardly used (Zeghidour et al. 2021).
    """

    table: Tensor
    weight: Tensor
    started: Tensor

    def __init__(self, lanes: int, stages: int, entries: int, width: int) -> None:
        super().__init__()
        self.stages, self.entries = stages, entries
        self.register_buffer("table", torch.zeros(lanes, stages, entries, width))
        self.register_buffer("weight", torch.ones(lanes, stages, entries))  # how often each entry was used of late; 1 is usual
        self.register_buffer("started", torch.zeros(lanes))

    def forward(self, rows: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Vectors (L, N, width) to what stands for them, of the same shape, and the entries' numbers (L, stages, N)."""
        left, parts, numbers, begin = rows, [], [], self.training and not bool(self.started.all())
        for stage in range(self.stages):
            if begin:
                self.table[:, stage] = self._seeds(left, generator)
            number = self._nearest(left, self.table[:, stage])
            met = _entries(self.table[:, stage], number)
            if self.training:
                self._learn(stage, left, number, (left - met).square().sum(-1), generator)
            left = left - met
            parts.append(met)
            numbers.append(number)
        if begin:
            self.started.fill_(1)
        return torch.stack(parts).sum(0), torch.stack(numbers, 1)

    def vectors(self, numbers: Tensor) -> Tensor:
        """Entries' numbers (L, stages, N) to vectors (L, N, width)."""
        parts = [_entries(self.table[:, stage], numbers[:, stage]) for stage in range(self.stages)]
        return torch.stack(parts).sum(0)

    def _nearest(self, rows: Tensor, table: Tensor) -> Tensor:
        """The number of the nearest entry, (L, N)."""
        size = max(1, BLOCK // (table.shape[0] * self.entries))
        lengths = 0.5 * table.square().sum(-1)[:, None]  # half the squared distance, but for what all entries share
        return torch.cat([(lengths - part @ table.mT).argmin(-1) for part in rows.split(size, 1)], 1)

    def _learn(self, stage: int, rows: Tensor, number: Tensor, distance: Tensor, generator: torch.Generator | None) -> None:
        """Move entries towards the mean of what they stand for, and idle ones to vectors that are badly met."""
        table, weight = self.table[:, stage], self.weight[:, stage]
        usual = self.entries / rows.shape[1]
        count = torch.zeros_like(weight).scatter_add_(1, number, torch.full_like(distance, usual))
        total = torch.zeros_like(table).scatter_add_(1, number[..., None].expand(rows.shape), rows * usual)
        old = DECAY * weight
        weight.copy_(old + (1 - DECAY) * count)
        table.copy_((old[..., None] * table + (1 - DECAY) * total) / weight[..., None].clamp_min(1e-12))
        idle = (weight < DEAD) & (distance.sum(1, keepdim=True) > 0)  # where every vector is an entry already, none is missing
        if bool(idle.any()):
            fresh = _entries(rows, chosen(distance, self.entries, generator))
            table.copy_(torch.where(idle[..., None], fresh, table))
            weight.masked_fill_(idle, 1.0)

    def _seeds(self, rows: Tensor, generator: torch.Generator | None) -> Tensor:
        """Vectors to begin with, (L, entries, width), each drawn by its squared distance from those before it."""
        lanes, count, _ = rows.shape
        few = (uniform((lanes, min(count, 16 * self.entries)), rows, generator) * count).long().clamp_max(count - 1)
        some = _entries(rows, few)
        if self.entries > SPREAD_OUT:
            return _entries(some, chosen(torch.ones_like(some[..., 0]), self.entries, generator))
        seeds = [_entries(some, chosen(torch.ones_like(some[..., 0]), 1, generator))]
        away = (some - seeds[0]).square().sum(-1)
        for _ in range(self.entries - 1):
            seeds.append(_entries(some, chosen(away, 1, generator)))
            away = torch.minimum(away, (some - seeds[-1]).square().sum(-1))
        return torch.cat(seeds, 1)


def _entries(table: Tensor, number: Tensor) -> Tensor:
    """Rows of a table (L, K, width) by their numbers (L, N): (L, N, width)."""
    return table.gather(1, number[..., None].expand(*number.shape, table.shape[2]))
