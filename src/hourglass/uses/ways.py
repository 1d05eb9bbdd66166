"""Ways from samples to labels, judged on the same folds: probes and fine-tuning of what was learned, and rivals that did not learn it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.uses import heads
from hourglass.uses.goals import Goal

__all__ = ["FINE", "LINEAR", "PROBES", "SCRATCH", "TREES", "Judged", "Labelled", "folds", "judged", "made", "verdict"]

Array = NDArray[Any]
Told = Callable[[int, int], object]
PROBES = {"code": "probe of the code", "hidden": "probe of the layer before"}
FINE, SCRATCH, LINEAR, TREES = "fine-tuned", "the same network from scratch", "linear, raw data", "boosted trees, raw data"
STRENGTHS = (
    1e-4,
    1e-3,
    1e-2,
    1e-1,
    1.0,
)  # C of logistic regression on standardised features; few labels cannot tell more
KNOWN = 0.3  # the step size of what is fine-tuned, in that of what learns from scratch. M: digits, 1 and .1 are no better
SCALED = 4.0  # ridge takes so many times C for each row
FEATURES = 4096  # of the raw data, beyond which rivals are not asked
CELLS = 4_000_000  # rows times features times classes that trees are grown on at most


class Labelled(NamedTuple):
    """Samples, their features at each tap, the raw numbers (n, d) and targets (n,)."""

    batch: Batch
    features: dict[str, Tensor]
    raw: Array
    y: Array

    def of(self, rows: NDArray[np.int64]) -> Labelled:
        """Some of them."""
        index = torch.from_numpy(rows)
        return Labelled(self.batch[index], {tap: found[index] for tap, found in self.features.items()}, self.raw[rows], self.y[rows])


@dataclass
class Judged:
    """A way: its `score` on each fold, the mean `loss`, and `how` it was best: tap, strength, steps."""

    name: str
    scores: list[float]
    loss: float
    how: dict[str, Any] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """Its mean score; nothing where no fold could be judged."""
        known = [score for score in self.scores if score == score]
        return float(np.mean(known)) if known else float("-inf")


Said = dict[tuple[Any, ...], list[Array]]  # for each setting of a way what it says of the held-out rows, fold by fold


def folds(y: Array, goal: Goal, count: int, seed: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """`count` divisions of the rows into training and held-out ones, classes in even shares; one division where `count` is 1."""
    from sklearn.model_selection import KFold, StratifiedKFold, StratifiedShuffleSplit

    if goal.classes is None:
        parts = list(KFold(max(count, 2), shuffle=True, random_state=seed).split(y))
        return parts if count > 1 else parts[:1]
    if count == 1:
        return list(StratifiedShuffleSplit(1, test_size=0.2, random_state=seed).split(y, y))
    least = int(np.bincount(y).min())
    return list(StratifiedKFold(min(count, max(2, least)), shuffle=True, random_state=seed).split(y, y))


def judged(
    model: Model, rows: Labelled, goal: Goal, parts: list[Any], wanted: tuple[str, ...], seed: int, told: Told, tuning: dict[str, Any]
) -> list[Judged]:
    """Every way of those `wanted`, on the same folds `parts`; `told(done, all)` after each training of one.

    `tuning` holds `rate` (the largest step size), `rows` (how many are labelled) and `spoil` (a change of training batches, or None) for
    networks that are trained.
    """
    makers = {name: maker for name, maker in _makers(model, rows, goal, seed, tuning).items() if name in wanted or name in PROBES.values()}
    found: list[Judged] = []
    total = len(makers) * len(parts)
    for name, maker in makers.items():
        said: Said = {}
        for number, (train, held) in enumerate(parts):
            for setting, answers in maker(rows.of(train), rows.of(held), number):
                said.setdefault(setting, []).append(answers)
            told(len(found) * len(parts) + number + 1, total)
        found.append(_best(name, said, rows, goal, parts))
        if name in PROBES.values():
            tuning |= max(found, key=lambda each: (each.mean, -each.loss)).how  # where fine-tuning begins
    return [each for each in found if each.name in wanted]


def _best(name: str, said: Said, rows: Labelled, goal: Goal, parts: list[Any]) -> Judged:
    """The setting of a way with the highest score, of several such the one with the least loss."""
    asked = [rows.y[held] for _, held in parts]
    found = []
    for setting, each in said.items():
        if len(each) == len(parts):
            pairs = list(zip(each, asked, strict=True))
            loss = float(np.mean([goal.loss(one, y) for one, y in pairs]))
            found.append(Judged(name, [goal.score(one, y) for one, y in pairs], loss, dict(setting)))
    return max(found, key=lambda each: (each.mean, -each.loss))


def _makers(model: Model, rows: Labelled, goal: Goal, seed: int, tuning: dict[str, Any]) -> dict[str, Any]:
    """For each way a function of training and held-out rows, and the fold's number, that gives settings and what they say."""

    def probing(tap: str) -> Any:
        def probe(train: Labelled, held: Labelled, fold: int) -> Iterator[tuple[Any, Array]]:
            for strength in STRENGTHS:
                head = _probe(train.features[tap], train.y, goal, strength)
                with torch.inference_mode():
                    yield (("tap", tap), ("strength", strength)), head(held.features[tap]).numpy()

        return probe

    def training(known: bool) -> Any:
        def train(train: Labelled, held: Labelled, fold: int) -> Iterator[tuple[Any, Array]]:
            begun = model if known else heads.fresh(model, seed)
            tap, strength = (tuning["tap"], tuning["strength"]) if known else ("code", None)
            for step, own, head in _trained(begun, train, goal, (tap, strength), seed, tuning):
                yield (("tap", tap), ("from", strength), ("steps", step)), heads.outputs(own, head, held.batch, tap).numpy()

        return train

    makers = {PROBES[tap]: probing(tap) for tap in rows.features}
    makers[FINE] = training(True)
    makers[SCRATCH] = training(False)
    if rows.raw.shape[1] <= FEATURES:
        makers[LINEAR] = lambda train, held, fold: _linear(train, held, goal)
        if len(rows.y) * rows.raw.shape[1] * goal.outputs <= CELLS:
            makers[TREES] = lambda train, held, fold: _trees(train, held, goal, seed)
    return makers


def _probe(seen: Tensor, y: Array, goal: Goal, strength: float) -> heads.Head:
    return heads.probe(seen, y, goal.outputs, strength if goal.classes is not None else SCALED * strength / len(y) * 100)


def _trained(
    model: Model, train: Labelled, goal: Goal, start: tuple[str, float | None], seed: int, tuning: dict[str, Any]
) -> Iterator[tuple[int, Model, heads.Head]]:
    """Stages of a training that begins at the probe of a tap with that strength; None: at a blank head, for nothing is known."""
    tap, strength = start
    if strength is None:
        head = heads.Head.blank(heads.seen(model, train.batch, tap), goal.outputs)
    else:
        head = _probe(train.features[tap], train.y, goal, strength)
    steps = heads.plan(tuning["rows"], tuning["rate"] * (1.0 if strength is None else KNOWN))
    return heads.tuned(model, head, train.batch, torch.from_numpy(train.y), tap, steps, seed, tuning["spoil"])


def _linear(train: Labelled, held: Labelled, goal: Goal) -> Iterator[tuple[Any, Array]]:
    """Logistic or ridge regression on the raw numbers."""
    for strength in STRENGTHS:
        head = _probe(torch.from_numpy(train.raw), train.y, goal, strength)
        with torch.inference_mode():
            yield (("strength", strength),), head(torch.from_numpy(held.raw)).numpy()


def _trees(train: Labelled, held: Labelled, goal: Goal, seed: int) -> Iterator[tuple[Any, Array]]:
    """Gradient boosting, scikit-learn's defaults."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    if goal.classes is None:
        yield (), HistGradientBoostingRegressor(random_state=seed).fit(train.raw, train.y).predict(held.raw)[:, None]
        return
    grown = HistGradientBoostingClassifier(random_state=seed).fit(train.raw, train.y)
    said = np.full((len(held.y), goal.outputs), np.log(1e-9))
    said[:, grown.classes_.astype(int)] = np.log(grown.predict_proba(held.raw).clip(1e-9))
    yield (), said


def made(model: Model, rows: Labelled, goal: Goal, best: Judged, seed: int, tuning: dict[str, Any]) -> tuple[Model, heads.Head]:
    """The way that was best, on all labelled rows: the model, its encoder trained further or as it was, and the head."""
    tap = best.how["tap"]
    if "strength" in best.how:
        return model, _probe(rows.features[tap], rows.y, goal, best.how["strength"])
    begun = model if best.name == FINE else heads.fresh(model, seed)
    for step, own, head in _trained(begun, rows, goal, (tap, best.how["from"]), seed, tuning):
        if step >= best.how["steps"]:
            return own, head
    raise AssertionError("a training has as many stages as it was judged by")


def verdict(judged: list[Judged], best: str, measure: str) -> str:
    """Whether the best way with pretraining is ahead of all without, beyond what folds differ by."""
    own = next(each for each in judged if each.name == best)
    rivals = [each for each in judged if each.name in (SCRATCH, LINEAR, TREES) and each is not own]
    if best == SCRATCH:
        return f"{best}: {measure} {own.mean:.3f}; nothing of what was learned without labels is in it"
    if not rivals:
        return f"{best}: {measure} {own.mean:.3f}; nothing was compared with"
    rival = max(rivals, key=lambda each: each.mean)
    apart = np.asarray(own.scores) - np.asarray(rival.scores)
    noise = float(np.nanstd(apart, ddof=1) / np.sqrt(len(apart))) if len(apart) > 1 else 0.0
    gain = own.mean - rival.mean
    told = f"{best} {own.mean:.3f}, {rival.name} {rival.mean:.3f} ({measure})"
    if gain > noise and gain > 0:
        return f"pretraining helped: {told}"
    if gain >= -noise:
        return f"pretraining made no difference beyond noise: {told}"
    return f"pretraining did not help: {told}; for these labels take the latter"
