"""Between the loop and those around it: the data it reads, its budget, what its readers are told, and what a checkpoint keeps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from hourglass.parts import Batch

__all__ = ["Data", "Progress", "Record", "Schedule"]

LOST = 100  # steps after which a loss must not be much worse than at the start:
HALFWAY = 0.5  # of the way to knowing nothing. Less would be lost on data with heavy tails, where single rows make such losses
SLOWEST = 1e-5  # a learning rate below which nothing is learned from standardised data: no remedy goes there for a loss that is finite


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
    epochs: float | None = None
    minutes: float | None = None

    @classmethod
    def of(cls, settings: dict[str, Any], share: float = 1.0) -> Schedule:
        """A share of the budget that the settings give."""
        epochs, minutes = (settings[name] and share * settings[name] for name in ("epochs", "minutes"))
        return cls(settings["learning_rate"], epochs, minutes)

    def rate(self, fraction: float) -> float:
        """The learning rate when `fraction` of the budget is used."""
        return self.learning_rate * min(1.0, fraction / 0.02 + 0.05) * 0.5 * (1 + math.cos(math.pi * min(fraction, 1.0)))


@dataclass(frozen=True)
class Record:
    """How training stands: losses in nats per sample; `held_out` (loss + cost) only where it was just measured; `doing`, where it is not
    the whole network that is trained."""

    epoch: int
    step: int
    seconds: float
    fraction: float
    training: float
    cost: float
    rate: float
    held_out: float | None = None
    trouble: str | None = None
    doing: str | None = None


@dataclass
class Progress:
    """All numbers that a checkpoint holds beside the tensors."""

    epoch: int = 0
    at: int = 0  # batches done in this epoch
    step: int = 0
    seconds: float = 0.0
    factor: float = 1.0  # of the learning rate; every remedy makes it smaller
    remedies: int = 0
    first: float | None = None  # loss of the very first step, which tells what the starting weights were worth
    lowest: float = math.inf  # of the mean losses between looks
    best: float = math.inf  # on held-out samples
    judged: int = 0  # the step of the last look at held-out samples

    def wrong(self, loss: float, cost: float, ceiling: float, learning_rate: float) -> str:
        """What a smaller learning rate could mend, given the mean loss and cost of late; empty where all is well.

        A loss above `ceiling` is worse than knowing nothing.
        """
        if not math.isfinite(loss + cost):
            return "non-finite values"
        if learning_rate * self.factor <= SLOWEST:
            return ""
        if loss > ceiling:
            return "a loss worse than knowing nothing"
        first = self.first if self.first is not None and math.isfinite(self.first) else math.inf
        # where a code costs, the loss may rise for it
        worse = cost == 0 and self.step >= LOST and loss > first + HALFWAY * (ceiling - first)
        return "a loss worse than at the start" if worse else ""
