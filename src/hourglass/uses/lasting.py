"""What lasts, told from what flickers: scores of a series averaged over some windows; how many of its windows tell something new."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from scipy.stats import t as student
from torch import Tensor

from hourglass.kinds._tensors import EDGE
from hourglass.model import Model

__all__ = ["independent", "learned", "steps", "stretched", "threshold", "units"]

# M: machine temperature of NAB, five seeds: before the weakest of its three later failures comes to stand out, 6 other things do; in means
# over two windows 4 to 6, over three 2 to 6, over four 2 or 3
WINDOWS = 4
ROUNDS, SURE = 3, 0.01  # of leaving out known stretches that are anomalies; the rate at which they would be found
FURTHEST = 20.0  # log of the greatest distance that is told apart: beyond, squares would be no numbers
SERIES = {"window", "hop", "rows"}


def steps(model: Model) -> int:
    """Over how many steps scores are averaged; 0 for what is no series."""
    return WINDOWS * int(model.facts["window"]) if model.facts.keys() >= SERIES else 0


def units(model: Model) -> Callable[[Tensor], Tensor]:
    """Sensors in true spreads, for measuring how far off they are: the network sees values far out drawn in, each as its logarithm.

    M: the pump of SKAB, a month after its training data, is so far out that what goes wrong then was hardly seen: VUS-PR 0.67, so 0.93.
    """
    return stretched if steps(model) else lambda x: x


def stretched(x: Tensor) -> Tensor:
    """Values in true spreads, of those that the network sees drawn in."""
    size = x.abs()
    if not bool((size > EDGE).any()):
        return x
    return x.sign() * (size.clamp_max(EDGE) + torch.expm1((size - EDGE).clamp(0, FURTHEST)))


def independent(model: Model) -> int:
    """How many known scores do not depend on each other: windows of a series overlap, and tell as much as those side by side."""
    count = len(model.arrays["detect.scores"])
    return min(count, max(3, int(model.facts["rows"]) // int(model.facts["window"]))) if steps(model) else count


def learned(model: Model, scored: Tensor, count: int) -> dict[str, Tensor]:
    """The known scores in the order of time, averaged and sorted; `count` were looked at in all."""
    if not steps(model) or len(scored) < 3:
        return {}
    width = min(len(scored), max(1, round(steps(model) * count / int(model.facts["rows"]))))
    sums = torch.cat([torch.zeros(1, dtype=torch.float64), scored.double().cumsum(0)])
    return {"detect.lasting": ((sums[width:] - sums[:-width]) / width).float().sort().values}


def threshold(model: Model, false_alarms: float) -> float:
    """The averaged score above which an event begins, so that about this share of normal stretches is above.

    By the middle and the spread of the known ones, whose cube roots are nearly normal: so few of them are independent that a quantile
    would be the worst of them. The middle is the median, and known stretches that would begin an event are left out, so that an anomaly
    in the training data does not hide the next ones (Grubbs 1969, one after the other).
    """
    roots = model.arrays["detect.lasting"].double().clamp_min(0) ** (1 / 3)
    count = max(3, independent(model) // WINDOWS)
    kept = roots
    for _ in range(ROUNDS):
        kept = kept[kept <= _far(kept, count, SURE)]
    return _far(kept, count, false_alarms) ** 3


def _far(roots: Tensor, count: int, rate: float) -> float:
    """Above which a share `rate` of normal values would be, judged by values of which `count` are independent."""
    far = float(student.ppf(1 - max(rate, 1e-6), count - 1)) * math.sqrt(1 + 1 / count)
    return float(roots.median()) + far * float(roots.std())
