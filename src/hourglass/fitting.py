"""From samples to a trained model: build, start, train, keep the best, learn what the uses need."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import hourglass
from hourglass.batches import Memory, Stream, held_out_rows, shuffler
from hourglass.checkpoint import Checkpoint
from hourglass.errors import BadOption
from hourglass.flat import Objective
from hourglass.layers.by_hand import fast_bfloat16
from hourglass.model import Factories, Model, seeded
from hourglass.parts import Batch, Part, find, options_for
from hourglass.train import Loop, Record, Schedule
from hourglass.uses import compress, detect, generate
from hourglass.uses.passes import NUMBERS

__all__ = ["Fitting", "begin"]

SAMPLE = 10_000  # samples that uses may look at after training
PATIENCE = 0.25  # share of the budget without a better held-out loss after which training stops
JUDGED = 8  # looks at held-out samples that must have passed as well
HISTORY = 400


def begin(kind: str, facts: dict[str, Any], settings: dict[str, Any], sample: Batch, seed: int, parts: Factories) -> Model:
    """A new model, its linear paths set to the PCA of `sample`."""
    with seeded(seed):
        model = Model.build(kind, facts, settings, parts)
    name = Part.parse(settings["network"]).name
    start = None if name == "own" else getattr(find("networks", name), "start", None)
    if start is not None and sample.count > 1:
        start(model, sample)
    return model


def take_over(model: Model, other: Model) -> None:
    """Copy the weights of another model; shapes that differ raise `BadOption` with their names."""
    mine, theirs = model.modules().state_dict(), other.modules().state_dict()
    wrong = [name for name in mine if name not in theirs or mine[name].shape != theirs[name].shape]
    if wrong:
        raise BadOption(f"init is another network: {', '.join(wrong[:5])} do not fit; give the same network, code_size and data columns")
    model.modules().load_state_dict(theirs)


class Fitting:
    """One fit. Iterate over it to train: it yields the loop's records, and `model` is ready when it ends."""

    def __init__(self, model: Model, samples: Batch | Stream, seed: int, checkpoint: Path | None = None) -> None:
        self.model, self.seed, self.settings = model, seed, model.settings
        self.history: list[dict[str, Any]] = []
        self.troubles: list[str] = []
        self.generator = shuffler(seed, 3)
        self._divide(samples)
        self.checkpoint = None if checkpoint is None else Checkpoint(checkpoint, self.settings, self.training, seed)

    def _divide(self, samples: Batch | Stream) -> None:
        """Held-out samples, a sample of the others, and the data for the loop."""
        self.data: Memory | Stream
        if isinstance(samples, Stream):
            self.held_out, self.data = samples.held_out(), samples
            self.training = samples.first(SAMPLE)
            return
        rows, held_out = held_out_rows(samples.count, self.seed, self.model.members)
        self.held_out = samples[held_out]
        self.data = Memory(samples, rows, self.settings["batch_size"], self.seed)
        self.training = samples[rows[0][:SAMPLE]]

    def __iter__(self) -> Iterator[Record]:
        """Train. Stops early, keeps the best weights, survives Ctrl-C, writes and resumes a checkpoint."""
        self.model.train()
        schedule = Schedule(self.settings["learning_rate"], self.settings["epochs"], self.settings["minutes"])
        loop = Loop([self._objective()], self.data, schedule, self.generator, self._judge if self.held_out.count else None)
        stopped = "the budget was used"
        if self.checkpoint is not None:
            self.history, self.troubles = self.checkpoint.resume(loop)
        try:
            best, waited = math.inf, 0
            for record in loop:
                self._note(record)
                if self.checkpoint is not None:
                    self.checkpoint.save(loop, self.history, self.troubles)
                yield record
                waited = 0 if record.held_out is None or record.held_out < best else waited + 1
                if record.held_out is not None and record.held_out < best:
                    best, reached = record.held_out, record.fraction
                if best < math.inf and waited >= JUDGED and record.fraction - reached > PATIENCE:
                    stopped = f"no better loss on held-out samples since {reached:.0%} of the budget"
                    break
        except KeyboardInterrupt:
            stopped = "interrupted; the best weights so far were kept"
        loop.finish()
        self._finish(loop, stopped)

    def _finish(self, loop: Loop, stopped: str) -> None:
        """Record how it went and let the uses learn what they need."""
        self.model.train(False)
        thin = max(1, len(self.history) // HISTORY)
        kept = self.history[::thin] + ([self.history[-1]] if thin > 1 else [])
        self.model.record = {
            "history": kept,
            "troubles": self.troubles,
            "stopped": stopped,
            "steps": loop.progress.step,
            "epochs": loop.progress.epoch,
            "seconds": round(loop.progress.seconds, 3),
            "samples": int(self.training.count if isinstance(self.data, Stream) else self.data.samples.count),
            "seed": self.seed,
            "versions": {"hourglass": hourglass.__version__, "torch": torch.__version__},
        }
        self.model.arrays = prepared(self.model, self.training, self.held_out)
        if self.checkpoint is not None:
            self.checkpoint.remove()

    def _note(self, record: Record) -> None:
        self.history.append({name: value for name, value in vars(record).items() if value is not None})
        if record.trouble:
            self.troubles.append(record.trouble)

    def _objective(self) -> Objective:
        """Loss plus cost of damaged samples against undamaged ones."""
        model, modules = self.model, self.model.modules()
        if hasattr(model.bottleneck, "generator"):
            model.bottleneck.generator = self.generator
        spoil = spoiler(self.settings["spoil"], self.generator)
        members, narrow = model.members, autocast(model)

        def lower(batch: Batch, fraction: float) -> tuple[Tensor, Tensor]:
            if hasattr(model.bottleneck, "progress"):
                model.bottleneck.progress = fraction  # type: ignore[assignment]
            with narrow():
                loss, cost = model.nats(spoil(batch), batch)
            return loss.mean() * members, cost.mean() * members

        step = self._by_hand()
        by_hand = None if step is None else lambda batch, fraction: (step(spoil(batch), batch), 0.0)
        return Objective(list(modules.parameters()), list(modules.buffers()), lower, by_hand, ceiling(model, self.training) * members)

    def _by_hand(self) -> Any:
        name = Part.parse(self.settings["network"]).name
        make = None if name == "own" else getattr(find("networks", name), "by_hand", None)
        return None if make is None else make(self.model)

    def _judge(self) -> tuple[float, float]:
        """Loss and cost on held-out samples, in nats per sample, the network as it is in use."""
        self.model.train(False)
        size = max(64, 4 * NUMBERS // self.model.input_size)
        sums = torch.zeros(2, dtype=torch.float64)
        with torch.inference_mode():
            for begin_at in range(0, self.held_out.count, size):
                part = self.held_out[begin_at : begin_at + size]
                sums += torch.stack([nats.double().mean() for nats in self.model.nats(part)]) * part.count
        self.model.train()
        loss, cost = (sums / self.held_out.count).tolist()
        return loss, cost


def spoiler(text: str, generator: torch.Generator) -> Any:
    """A function that damages a batch as the setting says; missing elements stay 0."""
    part = Part.parse(text)
    if part.name == "none":
        return lambda batch: batch
    function = find("spoils", part.name).spoil
    (options,) = options_for(part, function)

    def spoil(batch: Batch) -> Batch:
        damaged = function(batch.x, generator, **options)
        return batch.with_x(damaged if batch.mask is None else damaged * batch.mask)

    return spoil


def autocast(model: Model) -> Any:
    """Larger pictures compute in bfloat16 where the processor has it (measured 2.3 times as fast at 64 x 64, no gain at 28 x 28)."""
    if len(model.shape) == 3 and math.prod(model.shape[1:]) > 32 * 32 and fast_bfloat16():
        return lambda: torch.autocast("cpu", dtype=torch.bfloat16)
    return nullcontext


def ceiling(model: Model, sample: Batch) -> float:
    """Nats of an output that knows nothing but the mean, and half a nat per element above: worse than that is no training."""
    if sample.count == 0:
        return math.inf
    x = sample.x[:2000]
    x = x + 0.03 * torch.randn(x.shape, generator=shuffler(0))  # constant data would make any network worse than their mean
    mean = x.double().mean(0).flatten()
    link = getattr(model.loss, "link", None)
    offset = mean if link is None else link(mean)[1]
    loss = copy.deepcopy(model.loss).train()
    with torch.no_grad():
        try:
            output = offset.to(x.dtype).reshape(model.shape).expand(x.shape).repeat(model.members, *[1] * len(model.shape))
            repeated = [None if part is None else part[:2000].repeat(model.members, *[1] * len(model.shape)) for part in (x, sample.mask)]
            nats = float(loss(output, *repeated).mean())
        except RuntimeError:  # a loss that asks for more outputs than elements
            return math.inf
    return nats + 0.5 * model.input_size


def prepared(model: Model, training: Batch, held_out: Batch) -> dict[str, Tensor]:
    """What the uses learn from the trained network, as named arrays."""
    arrays: dict[str, Tensor] = {}
    for use in (detect, generate, compress):
        arrays |= use.prepare(model, training, held_out)
    return arrays
