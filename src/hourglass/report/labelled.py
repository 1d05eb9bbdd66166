"""Labels that say which rows are anomalies, in whatever spelling, and how well scores tell them from the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from hourglass.errors import BadData

__all__ = ["Labels", "auroc", "placed", "precision", "two_sorts"]

NORMAL = ("0", "false", "no", "n", "normal", "good", "ok", "inlier", "negative", "benign", "regular", "healthy")
ODD = ("anomaly", "anomalous", "abnormal", "outlier", "fraud", "attack", "defect", "defective", "bad", "faulty", "failure", "true", "yes")
SHOWN = 6

Array = NDArray[np.float64]


class Labels(NamedTuple):
    """Which rows have a label (n,), which of these are anomalies (k,), and how each sort is called."""

    known: NDArray[np.bool_]
    odd: NDArray[np.bool_]
    anomaly: str
    normal: str

    def of(self, rows: NDArray[np.int64]) -> Labels:
        """The labels of some rows alone."""
        odd = np.zeros(len(self.known), dtype=bool)
        odd[self.known] = self.odd
        return self._replace(known=self.known[rows], odd=odd[rows][self.known[rows]])


def two_sorts(labels: Any, name: str = "the labels") -> Labels | None:
    """Labels of two sorts as anomalies and normal rows; missing ones are left out. None where all are alike or missing.

    Which is the anomaly is told by the spelling where that is one that everybody knows (0 and 1, normal and anomaly, false and true), else
    it is the rarer one. More than two sorts raise `BadData`.

    >>> two_sorts(["ok", "ok", "scratch", None]).odd.tolist()
    [False, False, True]
    """
    given = np.asarray(labels, dtype=object).ravel()
    known = np.array([value is not None and value == value and value != "" for value in given], dtype=bool)
    spelled = np.array([_spelled(value) for value in given[known]], dtype=object)
    sorts = sorted(set(spelled.tolist()))
    if len(sorts) > 2:
        some = ", ".join(map(repr, sorts[:SHOWN])) + (", ..." if len(sorts) > SHOWN else "")
        raise BadData(
            f"{name} has {len(sorts):,} different values ({some}); scores can be compared with two: normal rows and anomalies. "
            "Make a column with 0 for normal rows and 1 for anomalies"
        )
    if len(sorts) < 2:
        return None
    odd = _anomaly(sorts, spelled)
    return Labels(known, spelled == odd, odd, next(each for each in sorts if each != odd))


def _spelled(value: Any) -> str:
    """A label as text: 1.0 is 1, and letters around it do not matter."""
    number = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value) if number else value).strip()


def _anomaly(sorts: list[str], spelled: NDArray[Any]) -> str:
    normal = [each for each in sorts if each.lower() in NORMAL]
    odd = [each for each in sorts if each.lower() in ODD]
    if len(normal) == 1:
        return next(each for each in sorts if each != normal[0])
    if len(odd) == 1:
        return odd[0]
    return min(sorts, key=lambda each: int((spelled == each).sum()))


def placed(scores: Array, odd: NDArray[np.bool_]) -> tuple[Array, Array]:
    """For each anomaly the share of normal rows below it, and for each normal row the share of anomalies above it; ties count half."""

    def below(of: Array, among: Array) -> Array:
        ordered = np.sort(among)
        return np.asarray((np.searchsorted(ordered, of, "left") + np.searchsorted(ordered, of, "right")) / (2 * len(ordered)))

    return below(scores[odd], scores[~odd]), 1 - below(scores[~odd], scores[odd])


def auroc(scores: Array, odd: NDArray[np.bool_]) -> float:
    """How often an anomaly scores higher than a normal row.

    >>> auroc(np.array([0.1, 0.9, 0.5]), np.array([False, True, True]))
    1.0
    """
    return float(placed(scores, odd)[0].mean())


def precision(scores: Array, odd: NDArray[np.bool_]) -> float:
    """The area under precision against recall (average precision)."""
    return float(average_precision_score(odd, scores))
