"""The page of a search: its history, which settings mattered, the best trials, and the finding compared with the recipe."""

from __future__ import annotations

from html import escape
from typing import Any

from hourglass.report import charts
from hourglass.report.style import STYLE

__all__ = ["page"]

SHOWN = 12


def page(finding: Any) -> str:
    """HTML, one file without scripts, of what `tuning.search` found."""
    cards = [
        _card("Trials", "Each dot a trial; the line is the best so far. Given-up trials have none.", _history(finding)),
        _card("What mattered", "The share of each setting in what made trials differ.", _mattered(finding)),
        _card("The best trials", "What each changed of the recipe.", _best(finding), wide=True),
    ]
    facts = {
        "Raised": MEASURES.get(finding.measure, finding.measure),
        "Trials": f"{len(finding.trials)}, {sum(each.value is None for each in finding.trials)} given up",
        "Minutes": f"{finding.minutes:.1f}",
        "Taken": "the best that was found" if finding.taken else "the recipe",
    }
    told = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())
    body = f'<h1>Search</h1><dl class="facts">{told}</dl><p class="answer">{escape(finding.verdict)}</p>'
    body += f'<div class="grid-of-cards">{"".join(cards)}</div>'
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Search</title>'
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body><main>{body}</main></body></html>'


MEASURES = {
    "nats": "minus the held-out loss and cost, nats per sample",
    "probe": "a probe of held-out codes, by the labels",
    "AUROC": "labelled anomalies against held-out normal rows (AUROC)",
    "surrogate": "held-out rows against mixtures of them (AUROC), for want of labels",
}


def _card(title: str, note: str, body: str, wide: bool = False) -> str:
    return f'<section{" class=wide" if wide else ""}><h2>{title}</h2><p class="note">{note}</p>{body}</section>'


def _history(finding: Any) -> str:
    """The value of every trial, and the best so far."""
    known = [(float(number), each.value) for number, each in enumerate(finding.trials) if each.value is not None]
    best: list[tuple[float, float]] = []
    for number, value in known:
        best.append((number, max(value, best[-1][1] if best else value)))
    if len(known) < 2:
        return "<p>Too few trials ended.</p>"
    return charts.lines({"best so far": best, "this trial": known}, "trial", finding.measure)


def _mattered(finding: Any) -> str:
    if not finding.importance:
        return "<p>Too few trials to say.</p>"
    return charts.bars({_plain(name): 100 * share for name, share in finding.importance.items()}, "percent")


def _best(finding: Any) -> str:
    """The best trials as a table."""
    done = sorted((each for each in finding.trials if each.value is not None), key=lambda each: -each.value)[:SHOWN]
    rows = "".join(f"<tr><td>{each.value:.4g}</td><td>{each.seconds:.1f}</td><td>{escape(_words(each.changed))}</td></tr>" for each in done)
    return f"<table><thead><tr><th>{escape(finding.measure)}</th><th>seconds</th><th>changed</th></tr></thead><tbody>{rows}</tbody></table>"


def _words(changed: dict[str, Any]) -> str:
    """What a trial changed, in words."""
    parts = [f"{_plain(name)} {format(value, '.3g') if isinstance(value, float) else value}" for name, value in changed.items()]
    return ", ".join(parts) or "nothing: the recipe"


def _plain(name: str) -> str:
    return name.removeprefix("network.").replace("_", " ")
