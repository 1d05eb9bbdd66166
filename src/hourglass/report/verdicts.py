"""What the numbers mean, in plain words: did the network learn something, and what to change."""

from __future__ import annotations

from hourglass.report import against, codecs, detection, masked, removed, soundness
from hourglass.report.words import Measures, Verdict, number

__all__ = ["Verdict", "conclusion", "number", "summary", "verdicts"]

LEVELS = ("bad", "warn", "note", "good")
TOLD = ("loses to PCA", "no better than PCA", "learned in part")  # in the answer itself
JUDGES = (*against.JUDGES, *soundness.JUDGES, *detection.JUDGES, *masked.JUDGES, *removed.JUDGES, *codecs.JUDGES)
TROUBLE = "If the result is poor, lower the learning rate and look for extreme values in the data."


def verdicts(measures: Measures) -> list[Verdict]:
    """Judge the numbers of `measure`; the worst first. Each judgement that its numbers do not allow is left out.

    >>> verdicts({"troubles": ["the rate was halved at epoch 3"]})[0].level
    'warn'
    """
    error = measures.get("error") or {}
    if error and error.get("model") is None:
        found = [_broken()]
    else:
        found = [verdict for judge in JUDGES if (verdict := judge(measures)) is not None]
    found += [Verdict("trouble in training", "warn", text, TROUBLE) for text in measures.get("troubles") or []]
    return sorted(found, key=lambda verdict: (verdict.name != "loses to PCA", LEVELS.index(verdict.level)))


def conclusion(found: list[Verdict]) -> str:
    """The answer in one line. A network that does no better than PCA is told so before anything else."""
    names = {verdict.name for verdict in found}
    bad = list(dict.fromkeys(verdict.name for verdict in found if verdict.level == "bad" and verdict.name != "loses to PCA"))
    doubts = sum(verdict.level == "warn" and verdict.name not in TOLD for verdict in found)
    if not found:
        return "Unknown: there was nothing to measure."
    if "loses to PCA" in names:
        return f"No: it loses to PCA{('; ' + ', '.join(bad)) if bad else ''}."
    if bad:
        return f"No, not as it should: {', '.join(bad)}."
    counted = f"{doubts} reservation{'s' * (doubts > 1)}" if doubts else ""
    if "no better than PCA" in names:
        return f"No more than PCA does{f', and with {counted}' if doubts else ''}."
    if "learned in part" in names:
        return f"Only in part: less than half of what varies comes back{f', and with {counted}' if doubts else ''}."
    return f"Yes, with {counted}." if doubts else "Yes."


def summary(measures: Measures, found: list[Verdict]) -> str:
    """The report for a terminal: the answer, then a line per verdict with what to change."""
    rows = measures.get("rows") or {}
    lines = [f"Did it learn something? {conclusion(found)}"]
    for verdict in found:
        lines.append(f"  {verdict.level:<4}  {verdict.name}: {verdict.sentence}")
        if verdict.advice and verdict.level != "good":
            lines.append(f"        -> {verdict.advice}")
    lines += codecs.table(measures)
    if rows.get("held_out"):
        lines.append(f"  Measured on {rows['measured']:,} of {rows['held_out']:,} held-out rows.")
    return "\n".join(lines)


def _broken() -> Verdict:
    return Verdict(
        "broken",
        "bad",
        "The network gives back values that are not numbers.",
        "Train again with a learning rate ten times smaller; look for infinite or enormous values in the data.",
    )
