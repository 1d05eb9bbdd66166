"""Layer by layer first: each level of a deep network is trained as a shallow autoencoder of what the level below makes of the samples.

Greedy layer-wise pretraining (Bengio et al. 2007), with a spoil a denoising stack (Vincent et al. 2010). The levels are the network's own
layers in place, so that nothing is copied: level 1 rebuilds the samples, level 2 what level 1 makes of them, and so on inwards; the
innermost one goes through the bottleneck. Then the whole is trained as ever, with what is left of the budget.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from hourglass.batches import Memory, shuffler
from hourglass.budget import Data, Record, Schedule
from hourglass.errors import BadOption
from hourglass.fitting import Fitting
from hourglass.flat import Objective
from hourglass.layers.members import per_member
from hourglass.layers.processor import few_threads
from hourglass.layers.settle import settle
from hourglass.model import Model
from hourglass.objectives import autocast, lowered, spoiler
from hourglass.parts import Batch, Part, find, listing
from hourglass.reading import room
from hourglass.stopping import interruptible
from hourglass.train import Loop

__all__ = ["checked", "stacked"]

SHARE = 0.3  # of the budget, for all levels together
RATE, MOST = 5.0, 1e-2  # above the first level so many times the learning rate, up to this: shallow networks of settled codes stand it
CHUNK = 1 << 22  # numbers of a representation that are computed at once


def checked(settings: dict[str, Any]) -> dict[str, Any]:
    """The setting, for the record; networks that are not divided into levels raise `BadOption`."""
    name = Part.parse(settings["network"]).name
    if name == "own" or not hasattr(find("networks", name), "levels"):
        able = [other for other in listing("networks") if hasattr(find("networks", other), "levels")]
        raise BadOption(f"stacked=True trains layer by layer, which network={name!r} cannot; take {' or '.join(map(repr, able))}")
    return {"stacked": True}


def stacked(run: Fitting) -> Iterator[Record]:
    """Train the levels, then the whole; a checkpoint of the whole is gone on from at once. The records' fractions are of all the budget."""
    run.share = 1 - SHARE
    if run.checkpoint is None or not run.checkpoint.fits():
        yield from Stack(run)
    for record in run:
        yield replace(record, fraction=SHARE + run.share * record.fraction)


class Stack:
    """The levels of a fit's network; iterate to train them one after the other. Ctrl-C ends this, and the whole is trained from there."""

    def __init__(self, run: Fitting) -> None:
        self.run, self.model, self.engine = run, run.model, run.engine
        self.pairs: list[tuple[nn.Module, nn.Module]] = find("networks", Part.parse(run.settings["network"]).name).levels(run.model)
        self.generator = shuffler(run.seed, 7)
        self.share = SHARE / len(self.pairs)
        self.loop: Loop | None = None
        self.stopping = False

    def __iter__(self) -> Iterator[Record]:
        """Train all levels, from the outermost inwards."""
        self.engine.place(self.model.train().modules())
        if hasattr(self.model.bottleneck, "generator"):
            self.model.bottleneck.generator = self.generator  # type: ignore[assignment]
        data: Data = self.run.data
        with interruptible(self._stop), few_threads(self.model.parameters(), self.run.settings["batch_size"]):
            for number in range(len(self.pairs)):
                level = self._level(number, next(iter(data.batches(0))))
                yield from self._trained(number, level, data)
                if self.stopping:
                    self.run.troubles.append(f"pretraining was interrupted at layer {number + 1} of {len(self.pairs)}")
                    return
                if number + 1 < len(self.pairs):
                    data = above(data, level, number > 0 and level.members > 1, self.engine.place)

    def _stop(self) -> None:
        self.stopping = True
        if self.loop is not None:
            self.loop.stopping = True

    def _level(self, number: int, sample: Batch) -> Model:
        """Level `number` as an autoencoder of its own, of samples such as those in `sample`."""
        whole, (enter, leave) = self.model, self.pairs[number]
        shape = whole.shape if number == 0 else tuple(sample.x.shape[1 if whole.members == 1 else 2 :])
        inner = {"shape": list(shape), "fields": [["number", 0, shape[0]]], "resolution": torch.zeros(1)}
        facts = whole.facts if number == 0 else inner
        losses, last = find("losses", "gaussian"), number == len(self.pairs) - 1
        # a copy: the variance of the outermost level alone is none for the whole network to start with
        loss = copy.deepcopy(whole.loss) if number == 0 else losses.loss(inner, members=whole.members)
        bottleneck = whole.bottleneck if last else find("bottlenecks", "plain").bottleneck(shape)
        level = Model(whole.kind, facts, whole.settings, enter, bottleneck, leave, loss, whole.code_shape if last else shape)
        self.engine.place(level.modules())
        return level.train()

    def _trained(self, number: int, level: Model, data: Data) -> Iterator[Record]:
        """Train one level."""
        sample, budget = next(iter(data.batches(0))), Schedule.of(self.run.settings, self.share)
        settle(level, self.engine.place(sample))
        spoil = self._spoiler(number, sample)
        objective = Objective(list(level.parameters()), list(level.modules().buffers()), lowered(level, spoil))
        rate = budget.learning_rate
        schedule = replace(budget, learning_rate=max(rate, min(RATE * rate, MOST)) if number else rate)
        self.loop = loop = Loop([objective], data, schedule, self.generator, engine=self.engine)
        loop.stopping = self.stopping
        doing = f"pretraining layer {number + 1} of {len(self.pairs)}"
        for record in loop:
            if record.trouble:
                self.run.troubles.append(f"{doing}: {record.trouble}")
            told = replace(record, training=record.training / level.members, cost=record.cost / level.members)
            yield replace(told, fraction=self.share * (number + record.fraction), doing=doing)
        loop.finish()

    def _spoiler(self, number: int, sample: Batch) -> Any:
        """The user's spoil; above the first level in units of what is spoiled, and not at all where it asks for pictures."""
        spoil = spoiler(self.run.settings["spoil"], self.generator)
        if number == 0:
            return spoil
        scale = sample.x.std().clamp_min(1e-6)
        try:
            spoiler(self.run.settings["spoil"], shuffler(0))(sample)
        except BadOption:
            return lambda batch: (batch, batch)
        return lambda batch: (batch.with_x(spoil(batch.with_x(batch.x / scale))[0].x * scale), batch)


def above(data: Data, level: Model, apart: bool, place: Any) -> Data:
    """What a trained level makes of its samples: computed once where that fits in memory, else batch by batch.

    `apart`: every member has samples of its own, in memory those of one behind those of the other.
    """
    batch = next(iter(data.batches(0)))
    made = _made(level, place(batch))
    if isinstance(data, Memory) and 4 * made[:, 0].numel() * data.samples.count // (level.members if apart else 1) <= room() // 2:
        return _computed(data, level, apart, place)
    return Above(data, level, place)


class Above:
    """A level's representations of the batches of `data`, made as they are asked for."""

    def __init__(self, data: Data, level: Model, place: Any) -> None:
        self.data, self.level, self.place = data, level, place

    def steps(self) -> int:
        """Batches in an epoch."""
        return self.data.steps()

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from number `skip` on, (B, ...) or (M, B, ...)."""
        for batch in self.data.batches(epoch, skip):
            made = _made(self.level, self.place(batch))
            yield Batch(made if self.level.members > 1 else made[0])


def _made(level: Model, batch: Batch) -> Tensor:
    """Representations (M, B, ...) of samples (B, ...) or (M, B, ...)."""
    with torch.no_grad(), autocast(level)():
        return per_member(level.encode(batch).z, level.members)


def _computed(data: Memory, level: Model, apart: bool, place: Any) -> Memory:
    """Representations of all samples, those of one member behind those of the other."""
    members = level.members
    folded = data.samples.each(lambda part: per_member(part, members) if apart else part[None])  # (M or 1, N, ...)
    count, size = folded.x.shape[1], max(1, CHUNK // level.input_size)
    made = []
    for at in range(0, count, size):
        piece = folded.each(lambda part, at=at: part[:, at : at + size])  # type: ignore[misc]
        made.append(_made(level, place(piece if apart else piece[0])).cpu())
    rows = data.rows if apart else data.rows + count * torch.arange(members)[:, None]
    return Memory(Batch(torch.cat(made, 1).flatten(0, 1)), rows, data.batch_size, data.seed)
