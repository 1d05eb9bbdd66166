"""What `detect` found, as one page: the histogram of scores, the threshold, and the worst rows with why they are unusual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourglass.report import events, ways
from hourglass.report.cards import HOURGLASS, card, document
from hourglass.report.charts import histogram
from hourglass.report.words import number

__all__ = ["Findings", "page"]

BINS = 40
COLUMNS = 30  # of the rows as they were given
NUMBERS = ("score", "p_value", "q_value")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Findings:
    """What the page tells: counts in words, scores known and new (n,), the threshold, the worst rows, and what is shown of them.

    `steps` are the times of the rows where these are steps of a series (empty: their numbers), None where they are none; `events` what
    happened in it, None where that was not looked for. `cards` are cards with pictures, `cells` the worst rows as they were given, by
    number; `measures` may hold the comparison on labels.
    """

    title: str
    answer: str
    facts: dict[str, str]
    known: Array
    scores: Array
    threshold: float
    top: Sequence[dict[str, Any]]
    notes: Sequence[str] = ()
    steps: Sequence[str] | None = None
    events: Sequence[Mapping[str, Any]] | None = None
    cards: Sequence[str] = ()
    cells: Mapping[int, dict[str, Any]] = field(default_factory=dict)
    measures: dict[str, Any] = field(default_factory=dict)


def page(found: Findings) -> str:
    """The page in HTML: everything inside, no script, nothing fetched."""
    facts = "".join(f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in found.facts.items() if text)
    head = f'<p class="mark-line">{HOURGLASS}hourglass detect</p><h1>{escape(found.title)}</h1><dl class="facts">{facts}</dl>'
    notes = "".join(f"<li>{escape(note.removeprefix('note: '))}</li>" for note in found.notes)
    answer = f'<p class="answer">{escape(found.answer)}</p>' + (f'<ul class="changes">{notes}</ul>' if notes else "")
    beside = ways.card_of(found.measures)
    sections = [
        card("What stands out", answer, wide=True),
        "" if found.steps is None else events.over_time(found.scores, found.threshold, found.steps, found.events),
        events.card_of(found.events),
        _histogram(found, not beside),
        beside,
        *found.cards,
        _worst(found),
    ]
    foot = "The known scores are those of normal rows that the network was not trained on. This page shows some of your data."
    return document(f"{found.title} - anomalies", f"<header>{head}</header>", sections, foot)


def _histogram(found: Findings, wide: bool) -> str:
    """Known scores beside the new ones, and the threshold."""
    new = found.scores[np.isfinite(found.scores)]
    both = np.concatenate([found.known, new])
    positive = both[both > 0]
    if not len(positive):
        return ""
    low = max(float(np.quantile(positive, 0.001)), 1e-3 * float(np.median(positive)))
    top = max(float(positive.max()), found.threshold * 1.1 if np.isfinite(found.threshold) else 0.0, low * 1.01)
    edges = np.geomspace(low, top * 1.001, BINS + 1)
    counts = {
        name: np.histogram(values.clip(edges[0], edges[-1]), edges)[0].astype(float).tolist()
        for name, values in (("normal rows not trained on", found.known), ("these rows", new))
    }
    note = "Where the two shapes differ, the new rows are not like the training rows. A row is an anomaly to the right of the line."
    line = (found.threshold, f"threshold {number(found.threshold)}") if np.isfinite(found.threshold) else None
    return card("Scores", histogram(edges.tolist(), counts, "score (1 is usual)", line, wide), note, wide)


def _worst(found: Findings) -> str:
    """The most unusual rows, the worst first."""
    if not found.top:
        return ""
    names = [name for name in found.top[0] if name not in ("anomaly", "because")]
    given = list(dict.fromkeys(name for row in found.cells.values() for name in row))[:COLUMNS]
    head = "".join(f"<th>{escape(name)}</th>" for name in (*names, "because", *given))
    body = ""
    for row in found.top:
        cells = "".join(f"<td>{escape(_cell(name, row[name]))}</td>" for name in names)
        kind = ' class="odd"' if row["anomaly"] else ""
        raw = found.cells.get(row["row"], {})
        beside = "".join(f'<td class="given">{escape(_cell("", raw.get(name)))}</td>' for name in given)
        body += f'<tr{kind}>{cells}<td class="why">{escape(row["because"] or "")}</td>{beside}</tr>'
    note = f"The {len(found.top)} highest scores; anomalies are marked." + (" Behind them the rows as they were given." if given else "")
    return card("The most unusual", f'<div class="scroll"><table class="findings"><tr>{head}</tr>{body}</table></div>', note, wide=True)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "score":
        return number(value)
    return f"{value:.2g}" if name in NUMBERS else f"{value:.6g}" if isinstance(value, float) else str(value)
