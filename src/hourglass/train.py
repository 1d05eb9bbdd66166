"""The one loop: it lowers objectives over batches and yields a record at every epoch's end and at least every ten seconds.

Progress bars, early stopping, checkpoints and search are readers of these records; there are no callbacks. The loop knows tensors,
not autoencoders.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from hourglass.errors import TrainingFailed
from hourglass.flat import Flat, Objective
from hourglass.parts import Batch

__all__ = ["Data", "Loop", "Record", "Schedule"]

CHECK = 25  # steps between looks at the losses: often enough to lose little, rare enough to cost nothing
REMEDIES = 4
INTERVAL = 10.0  # seconds


class Data(Protocol):
    """What the loop reads from."""

    def steps(self) -> int:
        """Batches in an epoch."""
        ...

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from number `skip` on."""
        ...


@dataclass(frozen=True)
class Schedule:
    """The budget, in epochs or minutes, and the step size: warm-up over the first 2 %, then a cosine down to zero."""

    learning_rate: float
    epochs: int | None = None
    minutes: float | None = None

    def rate(self, fraction: float) -> float:
        """The learning rate when `fraction` of the budget is used."""
        return self.learning_rate * min(1.0, fraction / 0.02 + 0.05) * 0.5 * (1 + math.cos(math.pi * min(fraction, 1.0)))


@dataclass(frozen=True)
class Record:
    """How training stands: losses in nats per sample; `held_out` (loss + cost) only where it was just measured."""

    epoch: int
    step: int
    seconds: float
    fraction: float
    training: float
    cost: float
    rate: float
    held_out: float | None = None
    trouble: str | None = None


@dataclass
class Progress:
    """All numbers that a checkpoint holds beside the tensors."""

    epoch: int = 0
    at: int = 0  # batches done in this epoch
    step: int = 0
    seconds: float = 0.0
    factor: float = 1.0  # of the learning rate; every remedy makes it smaller
    remedies: int = 0
    best: float = math.inf
    judged: int = 0  # the step of the last look at held-out samples


class Loop:
    """Iterate to train; `finish()` afterwards puts back the weights that did best on held-out samples.

    `judge() -> (loss, cost)` measures on held-out samples, in nats per sample; None where there are none. `generator` is the one that the
    objectives draw from: its state belongs to a checkpoint.
    """

    def __init__(
        self,
        objectives: list[Objective],
        data: Data,
        schedule: Schedule,
        generator: torch.Generator,
        judge: Callable[[], tuple[float, float]] | None = None,
    ) -> None:
        self.flats = [Flat(objective) for objective in objectives]
        self.data, self.schedule, self.generator, self.judge = data, schedule, generator, judge
        self.progress = Progress()
        self.steps_in_epoch = data.steps()
        self.good = self._snapshot()
        self.sums = torch.zeros(2, 3, dtype=torch.float64)  # loss, cost, count: since the last look, since the last record
        self.pending: list[tuple[Any, Any]] = []  # losses and costs not yet summed: reading them would wait for the device

    @property
    def fraction(self) -> float:
        """The share of the budget used."""
        if self.schedule.minutes is not None:
            return self.progress.seconds / (60 * self.schedule.minutes)
        return self.progress.step / max(1, self.steps_in_epoch * (self.schedule.epochs or 0))

    def __iter__(self) -> Iterator[Record]:
        """Train; stop iterating to stop early."""
        told, now = self.progress.seconds, self.progress
        while self.fraction < 1:
            for trouble in self._epoch():
                if trouble or now.seconds - told > INTERVAL:
                    told = now.seconds
                    yield self._record(trouble=trouble)
            now.epoch, now.at = now.epoch + 1, 0
            trouble = self._look()
            held_out = self._judge() if trouble is None and (now.step - now.judged >= CHECK or self.fraction >= 1) else None
            told = now.seconds
            yield self._record(held_out, trouble)

    def _epoch(self) -> Iterator[str | None]:
        """The rest of an epoch; yields after every step the trouble that was met and mended, mostly None."""
        now, clock = self.progress, time.monotonic()
        for batch in self.data.batches(now.epoch, now.at):
            fraction = self.fraction
            rate = self.schedule.rate(fraction) * now.factor
            self.pending.append([flat.step(batch, fraction, rate, now.step < CHECK) for flat in self.flats][0])
            now.step, now.at = now.step + 1, now.at + 1
            now.seconds, clock = now.seconds + time.monotonic() - clock, time.monotonic()
            yield self._look() if now.step % CHECK == 0 else None
            clock = time.monotonic()
            if self.fraction >= 1:
                return

    def _look(self) -> str | None:
        """Look at the losses since the last look; mend what is wrong and say so."""
        self._sum()
        loss, cost, count = self.sums[0].tolist()
        self.sums[0] = 0
        if count == 0:
            return None
        finite = math.isfinite(loss + cost)
        if not finite or (loss / count > self.flats[0].objective.ceiling and self.progress.remedies < REMEDIES):
            return self._remedy("a loss worse than knowing nothing" if finite else "non-finite values")
        if self.progress.step == CHECK and any([flat.revive(self.generator) for flat in self.flats]):
            return "some layers were out of reach of any gradient (dead or all-zero weights); they were drawn anew"
        if not math.isfinite(self.progress.best):
            self.good = self._snapshot()
        return None

    def _sum(self) -> None:
        """Add up what is pending."""
        told = [(float(loss), float(cost)) for loss, cost in self.pending]
        self.pending = []
        self.sums += torch.tensor([sum(loss for loss, _ in told), sum(cost for _, cost in told), len(told)], dtype=torch.float64)

    def _remedy(self, what: str) -> str:
        """Back to the last good weights with a tenth of the learning rate."""
        now = self.progress
        now.remedies += 1
        if now.remedies > REMEDIES or not all(torch.isfinite(tensor).all() for tensor in self.good):
            raise TrainingFailed(
                f"training met {what} in epoch {now.epoch + 1}, step {now.step}, and {REMEDIES} smaller learning rates did not help; "
                "look for extreme values in the data, or give a smaller learning_rate (it ended at "
                f"{self.schedule.learning_rate * now.factor:.2g})"
            )
        now.factor /= 10
        self._put_back()
        for flat in self.flats:
            flat.forget()
        self.sums.zero_()
        rate = self.schedule.learning_rate * now.factor
        return f"training met {what} at step {now.step}; it went back to the last good weights with learning rate {rate:.2g}"

    def _judge(self) -> float | None:
        """Measure on held-out samples and keep the weights when they are the best so far."""
        if self.judge is None:
            return None
        clock = time.monotonic()
        held_out = sum(self.judge())
        self.progress.judged = self.progress.step
        if held_out < self.progress.best:
            self.progress.best, self.good = held_out, self._snapshot()
        self.progress.seconds += time.monotonic() - clock
        return held_out

    def _record(self, held_out: float | None = None, trouble: str | None = None) -> Record:
        """The state of things; means are those since the last record."""
        self._sum()
        loss, cost, count = self.sums[1].tolist()
        self.sums[1] = 0
        now, mean = self.progress, 1 / max(count, 1)
        rate = self.schedule.rate(self.fraction) * now.factor
        return Record(now.epoch, now.step, now.seconds, min(self.fraction, 1.0), loss * mean, cost * mean, rate, held_out, trouble)

    def _snapshot(self) -> list[Tensor]:
        return [tensor.clone() for flat in self.flats for tensor in flat.learned()]

    def _put_back(self) -> None:
        for tensor, kept in zip((tensor for flat in self.flats for tensor in flat.learned()), self.good, strict=True):
            tensor.copy_(kept)

    def finish(self) -> None:
        """Put back the best weights, where held-out samples told which, and release the flat tensor."""
        if math.isfinite(self.progress.best):
            self._put_back()
        for flat in self.flats:
            flat.release()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that a checkpoint needs: tensors by name, and numbers."""
        self._sum()
        tensors = {f"{i}.{name}": tensor for i, flat in enumerate(self.flats) for name, tensor in flat.state().items()}
        good = {f"good.{i}": tensor for i, tensor in enumerate(self.good)}
        return {**tensors, **good, "sums": self.sums, "generator": self.generator.get_state()}, asdict(self.progress)

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        for i, flat in enumerate(self.flats):
            flat.restore({name.removeprefix(f"{i}."): tensor for name, tensor in tensors.items() if name.startswith(f"{i}.")})
        self.good = [tensors[f"good.{i}"].clone() for i in range(len(self.good))]
        self.sums = tensors["sums"].clone()
        self.generator.set_state(tensors["generator"])
        self.progress = Progress(**numbers)
