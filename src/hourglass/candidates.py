"""Candidates of a search: autoencoders of one recipe with some settings changed, fitted and judged alike."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from hourglass import reading, results
from hourglass.autoencoder import Autoencoder
from hourglass.budget import Record
from hourglass.errors import BadData
from hourglass.progress import following
from hourglass.report.labelled import two_sorts
from hourglass.spaces import changed
from hourglass.uses.worth import worth

__all__ = ["Candidates", "Recipe"]

Array = NDArray[Any]
HELD = 0.25  # of the rows, judged by and not trained on, where the fit keeps none of its own that are unseen
LONG = 2.0  # times its share of the time that the recipe may take with its own budget


class Recipe(NamedTuple):
    """The kind of the data, and the settings that the recipe takes."""

    kind: str
    settings: dict[str, Any]


class _TooLong(Exception):
    """The recipe's own budget takes longer than a trial may."""


class Candidates:
    """What a search tries: `value` fits and judges one, `whole` fits the one that is taken on all rows."""

    def __init__(self, X: Any, y: Any, settings: dict[str, Any], seed: int) -> None:
        self.X, self.settings, self.seed = X, dict(settings), int(seed)
        self.minutes: float | None = None
        self.reader = reading.Reader(settings.get("kind", "auto"), X)
        pieces = self.reader.pieces(X)
        self.count, self.name = pieces.count, f"{pieces.name}, {pieces.count} rows"
        facts: dict[str, Any] = {"label": self.reader.part.options.get("label"), "ignored": []}
        told = y
        if told is None and facts["label"]:
            told = reading.labels(self.reader.module, pieces, facts)
        self.y = reading.counted(told, pieces.count)
        self.rows = self._rows(pieces) if settings["purpose"] == "detect" and self.reader.name == "table" else None
        self.odd = self._odd() if self.rows is not None and self.y is not None else None
        self.measure = self._measure()
        self.free = self.measure != "nats" or settings["purpose"] in ("compress", "generate")

    def _rows(self, pieces: Any) -> Any:
        """All rows as one thing to take some from."""
        if isinstance(self.X, np.ndarray) or reading.library(self.X):
            return self.X
        return reading.joined(list(reading.chunks(pieces)))

    def _odd(self) -> NDArray[np.bool_] | None:
        """Which rows are labelled as anomalies; None where labels are no such thing."""
        found = two_sorts(self.y)
        if found is None:
            return None
        odd = np.zeros(self.count, dtype=bool)
        odd[found.known] = found.odd
        return odd

    def _measure(self) -> str:
        if self.rows is not None:
            return "AUROC" if self.odd is not None else "surrogate"
        return "probe" if self.y is not None and self.settings["purpose"] == "embed" else "nats"

    def recipe(self, seconds: float) -> Recipe:
        """The recipe, fitted once: it tells the kind and the settings, and how long a trial takes.

        Trials have the recipe's own budget where that is not longer than twice `seconds`, else `seconds`, all of them, the recipe too.
        """
        until = time.monotonic() + LONG * seconds

        def patient(record: Record) -> None:
            if time.monotonic() > until:
                raise _TooLong

        try:
            with following(patient):
                fitted = self._fit(self._training(self.seed)[0], {}, self.seed)
        except _TooLong:
            self.minutes = seconds / 60
            fitted = self._fit(self._training(self.seed)[0], {}, self.seed)
        if not self.free:
            self.settings["code_size"] = fitted.model_.settings["code_size"]  # a larger code would always tell more
        self.taken = dict(fitted.model_.settings)
        return Recipe(fitted.model_.kind, self.taken)

    def value(self, chosen: dict[str, Any], seed: int) -> float:
        """What a candidate is worth, fitted with that seed and judged on rows it did not learn from; higher is better."""
        training, judged = self._training(seed)
        fitted = self._fit(training, changed(self.taken, chosen), seed)
        if judged is None:
            _, held_out, labels = vars(fitted)["_samples"]
            if held_out is None or not held_out.count:
                raise BadData("there are too few samples to hold any out, and nothing to judge by; give more")
            return worth(fitted.model_, self.measure, held_out, labels)
        batch = results.everything(self.reader.module, self.reader.pieces(judged[0]), fitted.model_.facts)
        return worth(fitted.model_, self.measure, batch, judged[1])

    def whole(self, chosen: dict[str, Any]) -> Autoencoder:
        """The candidate fitted on everything, but for rows that are labelled as anomalies."""
        X = self.X if self.odd is None else _taken(self.rows, np.flatnonzero(~self.odd))
        return self._fit(X, changed(self.taken, chosen), self.seed, y=None if self.odd is not None else self.y)

    def _fit(self, X: Any, given: dict[str, Any], seed: int, y: Any = None) -> Autoencoder:
        model = Autoencoder(**{**self.settings, **given, "minutes": self.minutes, "random_state": seed})
        return model.fit(X, y if y is not None else self.y if self.rows is None else None)

    def _training(self, seed: int) -> tuple[Any, tuple[Any, Any] | None]:
        """Rows to train on, and rows with their labels to judge by; None where the fit's own held-out ones do."""
        if self.rows is None:
            return self.X, None
        chance = np.random.default_rng(seed)
        normal = np.arange(self.count) if self.odd is None else np.flatnonzero(~self.odd)
        order = chance.permutation(normal)
        held = max(1, round(HELD * len(order)))
        if len(order) - held < 2:
            raise BadData(f"{self.name}: too few normal rows to search with; give at least 8")
        judged = order[:held] if self.odd is None else np.concatenate([order[:held], np.flatnonzero(self.odd)])
        return _taken(self.rows, np.sort(order[held:])), (_taken(self.rows, judged), None if self.odd is None else self.odd[judged])


def _taken(rows: Any, numbers: Array) -> Any:
    """Some rows of an array, or of a frame of any library."""
    if isinstance(rows, np.ndarray):
        return rows[numbers]
    return nw.from_native(rows, eager_only=True)[numbers.tolist()].to_native()
