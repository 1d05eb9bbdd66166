"""A random share of parts that come piece by piece, in bounded memory."""

from __future__ import annotations

import torch
from torch import Tensor

from hourglass.parts import Batch, Cut, concatenate

__all__ = ["Share", "poured"]

SLACK = 1.25  # times as many parts as are wanted are held, before some are let go


class Share:
    """At most `most` parts of all that are added, each as likely as any other, in the order in which they came.

    Every part draws a random key, and those with the smallest stay: how many are still to come need not be known.
    """

    def __init__(self, most: int, seed: int) -> None:
        self.most, self.generator, self.limit = most, torch.Generator().manual_seed(seed), 1.0
        self.held: list[tuple[Cut, Tensor]] = []

    def add(self, cut: Cut) -> None:
        """Take in the parts of one more piece."""
        keys = torch.rand(cut.samples.count, generator=self.generator, dtype=torch.float64)
        self.held.append(_under(cut, keys, self.limit))
        if self.count > SLACK * self.most:
            self._thin()

    @property
    def count(self) -> int:
        """How many parts are held."""
        return sum(len(keys) for _, keys in self.held)

    def cut(self) -> Cut:
        """All that stayed; nothing is held any more, and no sample was ever there twice."""
        self._thin()
        cuts = [cut for cut, keys in self.held if len(keys)]
        self.held = []
        source, begin, end = (torch.cat(list(columns)) for columns in list(zip(*cuts, strict=True))[1:])
        batches = [cut.samples for cut in cuts]
        cuts.clear()
        return Cut(poured(batches), source, begin, end)

    def _thin(self) -> None:
        keys = torch.cat([keys for _, keys in self.held])
        if len(keys) > self.most:
            self.limit = float(keys.kthvalue(self.most).values)
            for place, (cut, known) in enumerate(self.held):
                self.held[place] = _under(cut, known, self.limit)


def _under(cut: Cut, keys: Tensor, limit: float) -> tuple[Cut, Tensor]:
    """The parts whose keys are small enough."""
    kept = keys <= limit
    if bool(kept.all()):
        return cut, keys
    return Cut(cut.samples[kept], cut.source[kept], cut.begin[kept], cut.end[kept]), keys[kept]


def poured(batches: list[Batch]) -> Batch:
    """`concatenate`, which lets go of each batch as soon as it is copied; the list is empty afterwards."""
    if len(batches) == 1:
        return batches.pop()
    if all(batch.condition is not None for batch in batches):  # pictures of the same scene, which are few
        return concatenate(batches)
    count, masked = sum(batch.count for batch in batches), any(batch.mask is not None for batch in batches)
    x = batches[0].x.new_empty(count, *batches[0].x.shape[1:])
    mask = torch.ones(x.shape, dtype=torch.bool) if masked else None
    end = count
    while batches:
        batch = batches.pop()
        x[end - batch.count : end] = batch.x
        if mask is not None and batch.mask is not None:
            mask[end - batch.count : end] = batch.mask
        end -= batch.count
    return Batch(x, mask)
