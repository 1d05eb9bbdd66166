"""How many errors an answer may hold: the share of false discoveries among many rows, and the rates that known scores can bear."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hourglass.errors import BadOption
from hourglass.model import Model
from hourglass.uses import lasting

__all__ = ["Control", "controlled", "note", "with_q"]

Array = NDArray[np.float64]


class Control(NamedTuple):
    """The score above which rows are anomalies, and the q-value (n + 2,) of a p-value of k / (n + 1), by k."""

    threshold: float
    q: Array


def controlled(model: Model, p: Array, share: float) -> Control:
    """The threshold by which at most a `share` of the rows called anomalies are normal, on average (Benjamini, Hochberg 1995).

    `p` (m,) are the p-values of all rows asked about together; that it holds for conformal ones is shown by Bates et al. 2023. They
    are never below 1 / (n + 1), so that few anomalies among very many rows may not be told from chance: then a warning says so.
    """
    if isinstance(share, bool) or not isinstance(share, int | float | np.number) or not 0 < share < 1:
        raise BadOption(
            f"false_discoveries={share!r}: give the share of false ones among the anomalies found, between 0 and 1, such as 0.1"
        )
    known = model.arrays["detect.scores"].double().numpy()
    count = len(known)
    ranks = np.clip(np.rint(np.asarray(p, float) * (count + 1)).astype(int), 1, count + 1)
    at = np.bincount(ranks, minlength=count + 2)
    below = at.cumsum()
    raw = np.where(at > 0, np.arange(count + 2) / (count + 1) * len(ranks) / np.maximum(below, 1), np.inf)
    raw[0] = np.inf
    q = np.minimum.accumulate(raw[::-1])[::-1].clip(max=1.0)
    found = np.flatnonzero((at > 0) & (q <= share))
    if not len(found):
        _warn(count, len(ranks), int(at[1]), float(share))
        return Control(math.inf, q)
    worst = int(found[-1])  # a p-value of k / (n + 1) says that k - 1 known scores are at least as high
    return Control(float(known[count - worst]) if worst <= count else -math.inf, q)


def _warn(known: int, rows: int, beyond: int, share: float) -> None:
    """Say why nothing was found, where rows do stand out: the p-values cannot get small enough."""
    needed = math.ceil(rows / (share * (known + 1)) - 1e-9)
    if not beyond or beyond >= needed:
        return
    stand = f"{beyond:,} of {rows:,} rows stand" if beyond > 1 else f"1 of {rows:,} rows stands"
    told = f"{stand} out from all {known:,} known scores, but it would take {needed:,} of them"
    if needed > rows:
        told = f"{known:,} known scores are too few for any"
    text = f"false_discoveries={share:g} finds nothing: {told}; train on more rows, ask for a larger share, or use false_alarms"
    warnings.warn(text, UserWarning, stacklevel=5)


def with_q(table: Any, control: Control) -> Any:
    """Findings with a column `q_value`: the least share of false discoveries at which the row would still be found."""
    ranks = np.rint(table["p_value"].to_numpy() * (len(control.q) - 1)).astype(int)
    return table.add_column(table.column_names.index("p_value") + 1, "q_value", [control.q[ranks]])


def note(model: Model, false_alarms: float) -> str:
    """Said where fewer scores are known than the rate asked for needs; else empty."""
    count = lasting.independent(model)
    if false_alarms * (count + 1) >= 1:
        return ""
    asked = f"one false alarm in {1 / false_alarms:,.0f} normal rows" if false_alarms > 0 else "no false alarm at all"
    return (
        f"{count:,} known scores cannot tell where {asked} would be: the threshold is drawn on beyond them, as if they followed a gamma "
        f"distribution, and no p_value is below {1 / (count + 1):.2g}; train on more rows, or allow {1 / (count + 1):.2g}"
    )
