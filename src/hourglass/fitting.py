"""From samples to a trained model: build, start, train, keep the best, learn what the uses need."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import hourglass
from hourglass import risk
from hourglass.batches import Memory, Stream, held_out_rows, sampled, shuffler
from hourglass.budget import Record, Schedule
from hourglass.checkpoint import Checkpoint
from hourglass.flat import Local, Objective
from hourglass.judging import FEW, LEAST, Judgement, judge, most
from hourglass.layers.processor import few_threads
from hourglass.model import Factories, Model, seeded
from hourglass.objectives import Spoiler, lowered, moved, parted, spoiler
from hourglass.parts import Batch, Cut, Part, concatenate, find
from hourglass.stopping import Patience, interruptible
from hourglass.train import Loop
from hourglass.uses import compress, detect, fill, generate, maps

__all__ = ["Fitting", "begin", "learned_from"]

SAMPLE, NUMBERS = 10_000, 1 << 21  # samples, and numbers of them, that uses may look at after training
HISTORY, LOOKED = 400, 2000  # records kept, and samples for judging a start
START = "the weights it started from were worse than knowing nothing, or no numbers; they were drawn anew"
STARTED, BIG = 10_000, 1 << 26  # samples, and numbers of them, that a start may look at
SEEN = 0.0075  # of the samples trained on, looked at again as whole pictures: a tenth of the time
LOOK = 0.02  # of the minutes, for one look at held-out samples
FAR = 10.0  # times the usual length of a row, about its mean


def begin(kind: str, facts: dict[str, Any], settings: dict[str, Any], sample: Batch, seed: int, parts: Factories) -> Model:
    """A new model, its linear paths set to the PCA of `sample`."""
    with seeded(seed):
        model = Model.build(kind, facts, settings, parts)
    name = Part.parse(settings["network"]).name
    start = None if name == "own" else getattr(find("networks", name), "start", None)
    if start is not None and sample.count > 1:
        some = sample[:STARTED]
        wild = _wild(some)
        start(model, some[~wild] if wild.any() else some)
    return model


def learned_from(samples: Batch | Cut | Stream, seed: int) -> Batch:
    """Samples, by chance, that a network may start from: held-out ones are not among them, else wide data would show it those too."""
    if isinstance(samples, Stream):
        return samples.first(STARTED)
    cut, batch = (samples, samples.samples) if isinstance(samples, Cut) else (None, samples)
    rows, _ = held_out_rows(batch.count, seed, 1, cut)
    return batch[rows[0][: min(STARTED, max(256, BIG // max(1, batch.x[0].numel())))]]


def _wild(samples: Batch) -> Tensor:
    """Which rows are so far out that training would be about them alone; none where there are too many to be accidents."""
    nothing = torch.zeros(samples.count, dtype=torch.bool)
    if not samples.x.is_floating_point():
        return nothing
    length = torch.linalg.vector_norm(samples.x.flatten(1), dim=1)
    far = length > FAR * length.median()
    return far if 0 < int(far.sum()) <= max(1, samples.count // 500) < samples.count else nothing


class Fitting:
    """One fit. Iterate over it to train: it yields the loop's records, and `model` is ready when it ends."""

    def __init__(self, model: Model, samples: Batch | Cut | Stream, seed: int, checkpoint: Path | None = None, uses: bool = True) -> None:
        self.model, self.seed, self.settings = model, seed, model.settings
        self.uses, self.share = uses, 1.0  # of the budget, for this training
        self.looked_at = None if self.settings["minutes"] else most(model)  # held-out samples at a time
        self.history: list[dict[str, Any]] = []
        self.troubles: list[str] = []
        self.generator, self.engine = shuffler(seed, 3), Local(self.settings["device"])
        self._divide(samples)
        self.checkpoint = None if checkpoint is None else self._checkpoint(checkpoint)

    def _divide(self, given: Batch | Cut | Stream) -> None:
        """Held-out samples, a sample of the others, and the data for the loop."""
        self.data: Memory | Stream
        self.seen: Tensor | None  # which member sees which of the sample of the others
        if isinstance(given, Stream):
            self.held_out, self.data, self.held_rows = given.held_out(), given, torch.zeros(0, dtype=torch.int64)
            self.training, self.seen, self.places, self.source = given.first(SAMPLE), None, None, None
            return
        cut, samples = (given, given.samples) if isinstance(given, Cut) else (None, given)
        rows, held_out = held_out_rows(samples.count, self.seed, self.model.members, cut)
        self.held_out, self.held_rows = samples[held_out], held_out
        wild = _wild(samples)
        if wild.any():
            rows = torch.where(wild[rows], rows[~wild[rows]][0], rows)  # one row twice, so that members keep equal numbers
            self.troubles.append(f"{int(wild.sum())} rows lie so far out that training would be about them alone; they were left out of it")
        self.data = Memory(samples, rows, self.settings["batch_size"], self.seed)
        shown, self.seen = sampled(rows, SAMPLE, self.seed)
        self.places = None if cut is None else (shown, held_out)
        self.training, self.source = samples[shown], None if cut is None else cut.source[shown]

    def _checkpoint(self, path: Path) -> Checkpoint:
        """A checkpoint that knows this fit by its settings, its samples and the weights it starts from."""
        settings = {**self.settings, "seed": self.seed, "samples in memory": isinstance(self.data, Memory)}
        told = self.data.samples if isinstance(self.data, Memory) else concatenate([self.training, self.held_out])
        data = {"x": told.x} | ({} if told.mask is None else {"mask": told.mask})
        if isinstance(self.data, Stream):
            data["counts"] = torch.tensor(self.data.pieces.counts)
        return Checkpoint(path, settings, data, dict(self.model.modules().state_dict()))

    def __iter__(self) -> Iterator[Record]:
        """Train. Stops early, keeps the best weights, survives Ctrl-C, writes and resumes a checkpoint."""
        self.model.train()
        self.asked = self._spoiler(shuffler(self.seed, 6))(self.training[:LOOKED])[1]  # pairs are smaller than samples
        self.worth = worth(self.model, self.asked)
        self.engine.place(self.model.modules())
        schedule = Schedule.of(self.settings, self.share)
        judge = self._judge if self.held_out.count else None
        data = moved(self.data, self.settings["spoil"], self.model.shape, self.seed)
        loop = Loop(self._objectives(), data, schedule, self.generator, judge, self.engine)
        self._mend(loop)
        start = risk.begun(self.model)
        patience, stopped = Patience(), "the budget was used"
        if self.checkpoint is not None:
            self.history, troubles = self.checkpoint.resume(loop)
            self.troubles = troubles or self.troubles
            for row in self.history:
                patience.hear(row.get("held_out"), row["fraction"])
        few = few_threads(self.model.parameters(), self.settings["batch_size"])
        with interruptible(lambda: setattr(loop, "stopping", True)), few:
            try:
                yield from self._train(loop, patience)
            except KeyboardInterrupt:
                loop.stopping = True
        if loop.stopping:
            stopped = "interrupted; the best weights so far were kept"
        elif patience.over:
            stopped = f"no better loss on held-out samples since {patience.reached:.0%} of the budget"
        loop.finish()
        self.model.train(False)
        looks = risk.looked_at(self.model, self.training, self.source, SEEN * loop.progress.step * self.settings["batch_size"])
        self.model.record |= {"learned": risk.held_back(self.model, start, looks)} if looks else {}
        self._finish(loop, stopped)

    def _mend(self, loop: Loop) -> None:
        """Take fresh weights in place of a start that is worse than knowing nothing, where they are better."""
        nothing, start = self.worth
        if start <= nothing or loop.flats[0].objective.fresh is None:
            return
        if not math.isfinite(start) or worth(self._anew(), self.asked)[1] < start:
            loop.renew()
            self.troubles.append(START)

    def _train(self, loop: Loop, patience: Patience) -> Iterator[Record]:
        """The records, until the budget is used or patience is over."""
        if patience.over:
            return
        for summed in loop:
            record = replace(summed, training=summed.training / self.model.members, cost=summed.cost / self.model.members)
            self._note(record)
            if self.checkpoint is not None and not loop.stopping:
                self.checkpoint.save(loop, self.history, self.troubles)
            yield record
            if patience.hear(record.held_out, record.fraction):
                return

    def _finish(self, loop: Loop, stopped: str) -> None:
        """Record how it went and let the uses learn what they need."""
        if self.held_out.count >= FEW:  # what the variance was in training is too small for samples that were never seen
            self.model.loss.load_state_dict(self._judged().suited.state_dict())
        thin = max(1, len(self.history) // HISTORY)
        kept = self.history[::thin] + ([self.history[-1]] if thin > 1 else [])
        self.model.record |= {
            "history": kept,
            "troubles": self.troubles,
            "stopped": stopped,
            "steps": loop.progress.step,
            "epochs": loop.progress.epoch,
            "seconds": round(loop.progress.seconds, 3),
            "samples": self.data.pieces.count if isinstance(self.data, Stream) else self.data.samples.count,
            "seed": self.seed,
            "versions": {"hourglass": hourglass.__version__, "torch": torch.__version__},
        }
        few = min(SAMPLE, max(1000, NUMBERS // self.model.input_size), max(2000, 8 * NUMBERS // self.model.output_size))
        self.model.arrays = prepared(self.model, *self._looked_at(few)) if self.uses else {}
        if self.checkpoint is not None:
            self.checkpoint.remove()

    def _looked_at(self, few: int) -> tuple[Batch, Batch, Tensor | None]:
        """What uses learn from: `few` samples, held-out ones, who saw the former; parts of recordings in the order in which they lie."""
        training, held_out, seen = self.training[:few], self.held_out[:few], None if self.seen is None else self.seen[:, :few]
        if self.places is None:
            return training, held_out, seen
        first, second = (rows[:few].argsort() for rows in self.places)
        return training[first], held_out[second], None if seen is None else seen[:, first]

    def _note(self, record: Record) -> None:
        self.history.append({name: value for name, value in vars(record).items() if value is not None})
        if record.trouble:
            self.troubles.append(record.trouble)

    def _objectives(self) -> list[Objective]:
        """The network's, and beside it the rival's, where the bottleneck has one."""
        model, modules = self.model, self.model.modules()
        if hasattr(model.bottleneck, "generator"):
            model.bottleneck.generator = self.generator  # type: ignore[assignment]
        spoil = self._spoiler(self.generator)
        own, rivals = parted(model, spoil)
        self.step = step = self._by_hand()
        by_hand = None if step is None else lambda batch, fraction: (step(*spoil(batch)), 0.0)
        weights = list(dict.fromkeys([*getattr(step, "parameters", []), *own]))  # neighbours in memory as the step wants them
        buffers = list(modules.buffers())
        fresh = None if Part.parse(self.settings["network"]).name == "own" else lambda: self._fresh([*weights, *buffers])
        nothing, start = self.worth
        ceiling = max(nothing, start + 0.5 * model.input_size) if math.isfinite(start) else nothing
        return [Objective(weights, buffers, lowered(model, spoil), by_hand, ceiling * model.members, fresh), *rivals]

    def _spoiler(self, generator: torch.Generator) -> Spoiler:
        return spoiler(self.settings["spoil"], generator, self.model)

    def _anew(self) -> Model:
        """A model that begins anew, by another seed."""
        return begin(self.model.kind, self.model.facts, self.settings, self.training, self.seed ^ 1, {})

    def _fresh(self, held: list[Tensor]) -> list[Tensor]:
        """What a model that begins anew has in the places of `held`."""
        model = self._anew()
        mine, anew = ([*both.modules().parameters(), *both.modules().buffers()] for both in (self.model, model))
        place = {id(tensor): number for number, tensor in enumerate(mine)}
        return [anew[place[id(tensor)]].detach() for tensor in held]

    def _by_hand(self) -> Any:
        name = Part.parse(self.settings["network"]).name
        make = None if name == "own" else getattr(find("networks", name), "by_hand", None)
        return None if make is None else make(self.model)

    def _judge(self) -> tuple[float, float]:
        """Loss and cost on held-out samples, in nats per sample, the network as it is in use."""
        self.model.train(False)
        judged = self._judged()
        self.model.train()
        return judged.loss, judged.cost

    def _judged(self) -> Judgement:
        """Held-out samples are damaged as training samples are, each time alike: else a network that copies would seem the best."""
        with torch.autocast("cpu", torch.bfloat16, enabled=getattr(self.step, "narrow", False)):  # as precise as training is
            spoil = self._spoiler(shuffler(self.seed, 5))
            held_out = self.engine.place(self.held_out)
            if self.looked_at is None:  # as many as are looked at in time
                begun = time.monotonic()
                judge(self.model, held_out[:LEAST], spoil)
                each, minutes = (time.monotonic() - begun) / LEAST, float(self.settings["minutes"])
                self.looked_at = min(most(self.model), max(LEAST, int(LOOK * 60 * minutes * self.share / each)))
            return judge(self.model, held_out[: self.looked_at], spoil)


def worth(model: Model, sample: Batch) -> tuple[float, float]:
    """Nats of an output that knows nothing but the mean, half a nat per element above, and nats of the network as it is."""
    if sample.count == 0 or not sample.x.is_floating_point():
        return math.inf, 0.0
    sample = sample[: max(100, min(LOOKED, 4 * NUMBERS // model.input_size))]
    x = sample.x
    x = x + 0.03 * torch.randn(x.shape, generator=shuffler(0))  # constant data would make any network worse than their mean
    mean = x.double().mean(0).flatten()
    link = getattr(model.loss, "link", None)
    offset = mean if link is None else link(mean)[1]
    with torch.no_grad():
        try:
            output = offset.to(x.dtype).reshape(x.shape[1:]).expand(x.shape).repeat(model.members, *[1] * len(model.shape))
            repeated = [None if part is None else part.repeat(model.members, *[1] * len(model.shape)) for part in (x, sample.mask)]
            nothing = float(copy.deepcopy(model.loss).train()(output, *repeated).mean())
        except RuntimeError:  # a loss that asks for more outputs than elements
            nothing = math.inf
        was = model.encoder.training
        few = model.train(False).forward(sample[:256])
        model.train(was)
        start = float(copy.deepcopy(model.loss).train()(few.output, few.target.x, few.target.mask).mean())
    return nothing + 0.5 * x[0].numel(), start


def prepared(model: Model, training: Batch, held_out: Batch, seen: Tensor | None = None) -> dict[str, Tensor]:
    """What the uses learn from the trained network, as named arrays; `seen` (M, n): which member was trained on which training sample."""
    arrays = maps.prepare(model, training, held_out) if maps.able(model) else detect.prepare(model, training, held_out, seen)
    for use in (generate, compress, fill):
        arrays |= use.prepare(model, training, held_out)
    return arrays
