"""VUS-PR: the volume under the precision-recall surface of scores over time, without point adjustment.

Paparrizos, Boniol, Palpanas, Tsay, Elmore, Franklin: Volume under the surface (PVLDB 2022). For every length l of a buffer from 0 to
`window`, labels are 1 within an anomaly and sqrt(1 - d / l) at a distance d of up to l / 2 from it. Precision is the share of what was
called an anomaly that these labels cover; recall the share of the anomalies (their size the mean of that with and without buffer) that is
covered, times the share of anomalies that were touched at all. The surface is the curve of average precision over l; the volume its mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
THRESHOLDS = 250


def runs(flags: Array) -> list[tuple[int, int]]:
    """Begins and ends (not included) of what is above 0.

    >>> runs(np.array([0, 1, 1, 0, 1]))
    [(1, 3), (4, 5)]
    """
    steps = np.diff(np.concatenate([[0], flags > 0, [0]]).astype(int))
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))


def buffered(labels: Array, length: int) -> Array:
    """Labels (n,) with slopes of half a `length` beside each anomaly.

    >>> buffered(np.array([0, 0, 1, 0, 0]), 2).round(2).tolist()
    [0.0, 0.71, 1.0, 0.71, 0.0]
    """
    soft, half = labels.astype(float), length // 2
    for begin, end in runs(labels):
        for apart in range(1, half + 1):
            for place in (begin - apart, end - 1 + apart):
                if 0 <= place < len(soft):
                    soft[place] = max(soft[place], np.sqrt(1 - apart / length))
    return soft


def vus_pr(labels: Array, scores: Array, window: int = 100) -> float:
    """The volume, from 0 to 1; scores (n,) higher where something is unusual.

    >>> labels = np.zeros(400, int); labels[200:230] = 1
    >>> [round(vus_pr(labels, scores), 2) for scores in (buffered(labels, 100), labels * 1.0, np.arange(400.0) % 7)]
    [1.0, 0.7, 0.18]
    """
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    limits = falling[np.linspace(0, len(scores) - 1, THRESHOLDS).astype(int)]
    called = np.searchsorted(-falling, -limits, side="right")
    areas = []
    for length in range(window + 1):
        soft = buffered(labels, length)
        size = (labels.sum() + soft.sum()) / 2
        covered = np.cumsum(soft[order])[called - 1]
        highest = np.array([scores[begin:end].max() for begin, end in runs(soft)])
        touched = (highest[None] >= limits[:, None]).mean(1)
        recall = np.concatenate([[0.0], np.minimum(covered / size, 1) * touched])
        areas.append(float((np.diff(recall) * (covered / called)).sum()))
    return float(np.mean(areas))


def best_f1(labels: Array, scores: Array) -> float:
    """F1 of single steps at the threshold that suits best.

    >>> best_f1(np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.8, 0.2]))
    1.0
    """
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(labels[order])
    last = np.append(np.diff(scores[order]) != 0, True)  # equal scores are called together
    return float((2 * right / (np.arange(1, len(labels) + 1) + labels.sum()))[last].max())
