"""Series on a page: the scores of all steps, and the events among them, as a table and where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourglass.report.cards import card
from hourglass.report.charts import strip
from hourglass.report.words import number

__all__ = ["card_of", "over_time"]

POINTS, MOST = 800, 50  # of the curve; events told
PLACES = ("file", "group", "start", "end", "peak", "first_row", "last_row", "peak_row", "rows", "score", "p_value", "kind", "sensors")

Event = Mapping[str, Any]


def over_time(scores: NDArray[np.float64], threshold: float, steps: Sequence[str], events: Sequence[Event] | None = None) -> str:
    """The scores (n,) of a series, step after step, unusual ones marked, and behind them the events; `steps` are their times or nothing."""
    if len(scores) < 2:
        return ""
    size = -(-len(scores) // POINTS)
    starts = np.arange(0, len(scores), size)
    highest = np.maximum.reduceat(np.nan_to_num(scores), starts)
    points = list(zip(starts.tolist(), highest.tolist(), strict=True))
    marks = [(float(i), steps[i]) for i in np.linspace(0, len(scores) - 1, 4).round().astype(int)] if len(steps) else []
    note = "The score of every step" + (f", the highest of each {size:,}" if size > 1 else "")
    note += "; steps above the line are anomalies, in red." + (" Events are shaded." if events else "")
    shaded = [(event["first_row"], event["last_row"], str(event["kind"])) for event in events or ()]
    drawn = strip(points, threshold, "time" if marks else "step", "score", marks, shaded)
    return card("Over time", drawn, note, wide=True)


def card_of(events: Sequence[Event] | None) -> str:
    """The events as a table, in the order of time; nothing where they were not looked for."""
    if events is None:
        return ""
    if not events:
        return card("Events", "<p>None: nothing lasts, what is unusual are single steps.</p>", wide=True)
    names = [name for name in PLACES if name in events[0]]
    names = [name for name in names if "start" not in names or not name.endswith("_row")]
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{escape(_cell(name, event[name]))}</td>' for name in names)}</tr>" for event in events[:MOST])
    note = "Unusual steps that follow one another, averaged over four windows; the sensors with most of it, the first one foremost."
    note += f" The first {MOST} of {len(events):,} are shown." if len(events) > MOST else ""
    return card("Events", f'<div class="scroll"><table class="findings">{head and f"<tr>{head}</tr>"}{body}</table></div>', note, wide=True)


def _cell(name: str, value: Any) -> str:
    if name == "score":
        return number(value)
    return f"{value:.2g}" if name == "p_value" else f"{value:,}" if name == "rows" else str(value)
