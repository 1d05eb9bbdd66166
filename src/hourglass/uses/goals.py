"""What labels ask for: a class of several, or a number; and how well an answer meets it."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hourglass.errors import BadData

__all__ = ["Goal", "classes", "numbers"]

Array = NDArray[Any]
MOST = 1000  # classes
FAR = 10.0  # standard deviations, robustly measured, beyond which a target counts as if it lay there
SHOWN = 5


class Goal(NamedTuple):
    """The `classes`, or None where the labels are numbers, which are counted from `center` in units of `spread`."""

    classes: list[Any] | None
    center: float = 0.0
    spread: float = 1.0

    @property
    def outputs(self) -> int:
        """Numbers that answer a sample."""
        return 1 if self.classes is None else len(self.classes)

    @property
    def measure(self) -> str:
        """By what answers are judged: of two classes the area under the ROC, of more the share that is right, of numbers R squared."""
        return "R2" if self.classes is None else "AUROC" if len(self.classes) == 2 else "accuracy"

    def targets(self, labels: Array) -> Array:
        """Classes as their numbers (int64), numbers standardised (float32), far ones drawn in."""
        if self.classes is None:
            return ((labels.astype(np.float64) - self.center) / self.spread).clip(-FAR, FAR).astype(np.float32)
        place = {each: number for number, each in enumerate(self.classes)}
        return np.array([place[each] for each in labels.tolist()], dtype=np.int64)

    def score(self, said: Array, y: Array) -> float:
        """How well answers (n, outputs) meet targets (n,); NaN where these are all alike."""
        from sklearn.metrics import r2_score, roc_auc_score

        if len(np.unique(y)) < 2 and self.measure != "accuracy":
            return float("nan")
        if self.measure == "accuracy":
            return float((said.argmax(1) == y).mean())
        return float(r2_score(y, said[:, 0]) if self.classes is None else roc_auc_score(y, said[:, 1] - said[:, 0]))

    def loss(self, said: Array, y: Array) -> float:
        """Nats for each label, or the squared error: what choices between settings go by, for it moves where the score does not."""
        if self.classes is None:
            return float(np.square(said[:, 0] - y).mean())
        return float(-np.log(np.maximum(self.chances(said)[np.arange(len(y)), y], 1e-12)).mean())

    def chances(self, said: Array) -> Array:
        """The probability of every class (n, classes)."""
        shifted = np.exp(said.astype(np.float64) - said.max(1, keepdims=True))
        return np.asarray(shifted / shifted.sum(1, keepdims=True))


def classes(labels: Array, name: str = "y", partly: bool = False) -> tuple[NDArray[np.int64], Goal]:
    """The rows that have a label and a class that others share, and their classes; rows without are left out, and it is said, unless labels
    are known to be there `partly`.
    """
    rows = _known(labels, name, partly)
    given = labels[rows].tolist()
    if any(isinstance(each, float) and not each.is_integer() for each in given):
        raise BadData(f"{name} is continuous ({_some(given)}): these are no classes; for numbers take TransferRegressor, or --numbers")
    found, counts = np.unique(labels[rows].astype(str), return_counts=True)
    single = {each for each, count in zip(found.tolist(), counts.tolist(), strict=True) if count == 1}
    if single:
        warnings.warn(
            f"{name}: {len(single)} of {len(found)} classes have one example only ({_some(sorted(single))}); they are left out, for nobody "
            "could tell whether they were learned",
            UserWarning,
            stacklevel=4,
        )
        rows = rows[[str(each) not in single for each in given]]
    kinds = sorted(set(labels[rows].tolist()), key=lambda each: (str(type(each)), each))
    if len(kinds) < 2:
        raise BadData(f"{name} has {len(kinds) or 'no'} class with two examples or more; give at least two such classes")
    if len(kinds) > min(MOST, len(rows) // 2):
        raise BadData(f"{name} has {len(kinds):,} classes in {len(rows):,} rows; are these names? Give a column with few classes")
    return rows, Goal(kinds)


def numbers(labels: Array, name: str = "y", partly: bool = False) -> tuple[NDArray[np.int64], Goal]:
    """The rows that have a number, and where these lie; far ones are said, and drawn in. `partly` as above."""
    rows = _known(labels, name, partly)
    try:
        given = labels[rows].astype(np.float64)
    except (ValueError, TypeError):
        raise BadData(f"{name} holds {_some(labels[rows].tolist())}, which are no numbers; for classes take TransferClassifier") from None
    if not np.isfinite(given).all():
        raise BadData(f"{name} holds infinite numbers (inf); give finite ones, or none for rows whose number is not known")
    if len(given) < 4 or given.min() == given.max():
        raise BadData(f"{name} has {len(given)} numbers" + (", all alike" if len(given) > 1 else "") + "; give at least 4 that differ")
    least, low, center, high, most = np.percentile(given, [5, 25, 50, 75, 95])
    inner = given[(given >= least) & (given <= most)]
    spread = max((high - low) / 1.349, float(inner.std())) or float(given.std())
    far = int((np.abs(given - center) > FAR * spread).sum())
    if far:
        text = (
            f"{name}: {far:,} of {len(given):,} numbers lie more than {FAR:g} usual spreads from the median ({center:g}); they count as if"
        )
        warnings.warn(f"{text} they lay there", UserWarning, stacklevel=4)
    return rows, Goal(None, float(center), float(spread))


def _known(labels: Array, name: str, partly: bool) -> NDArray[np.int64]:
    """Rows with a label."""
    there = np.array([each is not None and each == each and each != "" for each in labels.tolist()], dtype=bool)
    if not there.any():
        raise BadData(f"{name} has no label at all; give some rows one")
    if not there.all() and not partly:
        warnings.warn(f"{name}: {int((~there).sum()):,} of {len(there):,} rows have no label and are left out", UserWarning, stacklevel=5)
    return np.flatnonzero(there)


def _some(values: list[Any]) -> str:
    """A few of them, for a message."""
    return ", ".join(repr(each) for each in values[:SHOWN]) + (", ..." if len(values) > SHOWN else "")
