"""The one loop: it lowers objectives over batches and yields a record at every epoch's end and at least every ten seconds.

Progress bars, early stopping, checkpoints and search are readers of these records; there are no callbacks. The loop knows tensors,
not autoencoders.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from hourglass.budget import Data, Progress, Record, Schedule
from hourglass.errors import TrainingFailed
from hourglass.flat import Flat, Local, Objective

__all__ = ["Loop"]

CHECK = 25  # steps between looks at the losses: often enough to lose little, rare enough to cost nothing
REMEDIES = 8  # smaller learning rates
INTERVAL = 10.0  # seconds
SELDOM = 9  # times as long as a look at held-out samples takes passes before the next one, where minutes count
KEPT = ("good", "start")
DEAD = "some layers were out of reach of any gradient (dead or all-zero weights); they were drawn anew"


class Loop:
    """Iterate to train; `finish()` afterwards puts back the weights that did best on held-out samples.

    `judge() -> (loss, cost)` measures on held-out samples, in nats per sample; None where there are none. `generator` is the one that the
    objectives draw from: its state belongs to a checkpoint. Setting `stopping` ends training after the step at hand.
    """

    def __init__(
        self,
        objectives: list[Objective],
        data: Data,
        schedule: Schedule,
        generator: torch.Generator,
        judge: Callable[[], tuple[float, float]] | None = None,
        engine: Local | None = None,
    ) -> None:
        self.engine = engine or Local()
        self.flats = [Flat(objective, self.engine) for objective in objectives]
        self.data, self.schedule, self.generator, self.judge = data, schedule, generator, judge
        self.progress, self.stopping = Progress(), False
        self.steps_in_epoch = data.steps()
        self.good = self.start = self._snapshot()
        self.sums = torch.zeros(2, 3, dtype=torch.float64)  # loss, cost, count: since the last look, since the last record
        self.reserve = self.pause = self.looked = (
            0.0  # where minutes count: the share that a look takes, seconds between looks, and the last
        )
        self.pending: list[tuple[Any, Any]] = []  # losses and costs not yet summed: reading them would wait for the device

    @property
    def fraction(self) -> float:
        """The share of the budget used."""
        if self.schedule.minutes is not None:
            return self.progress.seconds / (60 * self.schedule.minutes)
        return self.progress.step / max(1, self.steps_in_epoch * (self.schedule.epochs or 0))

    @property
    def over(self) -> bool:
        """Whether the budget is used, or nearly: a last look at held-out samples belongs to the minutes too."""
        return self.stopping or self.fraction + self.reserve >= 1

    def __iter__(self) -> Iterator[Record]:
        """Train; stop iterating to stop early."""
        now, told = self.progress, self.progress.seconds
        if now.step == 0:
            self._judge()  # the start may be the best there is: it is PCA, where the network has a linear path
        while not self.over:
            for trouble in self._epoch():
                if trouble or now.seconds - told > INTERVAL:
                    told = now.seconds
                    yield self._record(trouble=trouble)
            trouble, told = self._look(), now.seconds
            now.epoch, now.at = now.epoch + 1, 0
            due = now.step - now.judged >= CHECK and now.seconds - self.looked >= self.pause
            held_out = self._judge() if trouble is None and (due or self.over) else None
            yield self._record(held_out, trouble)

    def _epoch(self) -> Iterator[str | None]:
        """The rest of an epoch; yields after every step the trouble that was met and mended, mostly None."""
        now, place = self.progress, self.engine.place
        begun = time.monotonic() - now.seconds  # readers' time counts: minutes are those of the user's clock
        for batch in self.data.batches(now.epoch, now.at):
            fraction = self.fraction
            rate = self.schedule.rate(fraction) * now.factor
            told = [flat.step(place(batch), fraction, rate, now.step < CHECK) for flat in self.flats]
            self.pending.append(told[0])
            now.step, now.at, now.seconds = now.step + 1, now.at + 1, time.monotonic() - begun
            yield self._look() if now.step % CHECK == 0 else None
            if self.over:
                return

    def _look(self) -> str | None:
        """Look at the losses since the last look; mend what is wrong and say so."""
        self._sum()
        now, ceiling = self.progress, self.flats[0].objective.ceiling
        (loss, cost, count), self.sums[0] = self.sums[0].tolist(), 0
        if count == 0:
            return None
        if what := now.wrong(loss / count, cost / count, ceiling, self.schedule.learning_rate):
            return self._remedy(what)
        now.lowest = min(now.lowest, loss / count)
        if now.step == CHECK and sum(len(flat.revive(self.generator)) for flat in self.flats) > 0:
            return DEAD
        if not math.isfinite(now.best):
            self.good = self._snapshot()
        return None

    def _sum(self) -> None:
        """Add up what is pending, in order: it must not matter how often this is done."""
        sums = self.sums.tolist()
        for told in self.pending:
            loss, cost = float(told[0]), float(told[1])
            sums = [[held[0] + loss, held[1] + cost, held[2] + 1] for held in sums]
            self.progress.first = loss if self.progress.first is None else self.progress.first
        self.sums, self.pending = torch.tensor(sums, dtype=torch.float64), []

    def renew(self) -> None:
        """Start from the objectives' fresh weights instead, where they have such."""
        for flat in self.flats:
            flat.renew()
        self.good = self.start = self._snapshot()

    def _remedy(self, what: str) -> str:
        """Back to the last good weights with a tenth of the learning rate."""
        now = self.progress
        now.remedies += 1
        if now.remedies > REMEDIES or not all(torch.isfinite(tensor).all() for tensor in self.good):
            raise TrainingFailed(
                f"training met {what} in epoch {now.epoch + 1}, step {now.step}, and {now.remedies - 1} smaller learning rates did not "
                "help; look for extreme values in the data, or give a smaller learning_rate (it ended at "
                f"{self.schedule.learning_rate * now.factor:.2g})"
            )
        now.factor /= 10
        if now.lowest >= (now.first or 0.0):  # nothing since the start was any better
            self.good, now.best = self.start, math.inf
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
        begun, held_out = time.monotonic(), sum(self.judge())
        self.progress.judged, took = self.progress.step, time.monotonic() - begun
        if held_out < self.progress.best:
            self.progress.best, self.good = held_out, self._snapshot()
        self.progress.seconds += time.monotonic() - begun
        if self.schedule.minutes is not None:
            self.reserve, self.pause, self.looked = took / (60 * self.schedule.minutes), SELDOM * took, self.progress.seconds
        return held_out

    def _record(self, held_out: float | None = None, trouble: str | None = None) -> Record:
        """The state of things; means are those since the last record."""
        self._sum()
        loss, cost, count = self.sums[1].tolist()
        self.sums[1] = 0
        now, mean = self.progress, 1 / max(count, 1)
        rate = self.schedule.rate(self.fraction) * now.factor
        return Record(now.epoch, now.step, now.seconds, min(self.fraction, 1.0), loss * mean, cost * mean, rate, held_out, trouble)

    def _learned(self) -> list[Tensor]:
        return [tensor for flat in self.flats for tensor in flat.learned()]

    def _snapshot(self) -> list[Tensor]:
        return [tensor.clone() for tensor in self._learned()]

    def _put_back(self) -> None:
        torch._foreach_copy_(self._learned(), self.good)

    def finish(self) -> None:
        """Put back the best weights, where held-out samples told which (or the last good ones, where they went wrong)."""
        if math.isfinite(self.progress.best) or not all(bool(tensor.isfinite().all()) for tensor in self._learned()):
            self._put_back()
        for flat in self.flats:
            flat.release()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that a checkpoint needs: tensors by name, and numbers."""
        self._sum()
        tensors = {f"{i}.{name}": tensor for i, flat in enumerate(self.flats) for name, tensor in flat.state().items()}
        kept = {f"{name}.{i}": tensor for name in KEPT for i, tensor in enumerate(getattr(self, name))}
        return {**tensors, **kept, "sums": self.sums, "generator": self.generator.get_state()}, asdict(self.progress)

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.progress = Progress(**numbers)
        for i, flat in enumerate(self.flats):
            flat.restore({name.removeprefix(f"{i}."): tensor for name, tensor in tensors.items() if name.startswith(f"{i}.")})
        self.good, self.start = ([tensors[f"{name}.{i}"].clone() for i in range(len(self.good))] for name in KEPT)
        self.sums = tensors["sums"].clone()
        self.generator.set_state(tensors["generator"])
