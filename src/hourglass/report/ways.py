"""On the page: how well labelled anomalies are found, by the model and by what needs no network."""

from __future__ import annotations

from html import escape

from hourglass.report.cards import card
from hourglass.report.charts import bars
from hourglass.report.peers import NAMES
from hourglass.report.words import Measures

__all__ = ["card_of"]

WORDS = {
    "auroc": "AUROC: how often an anomaly scores higher than a normal row; 0.5 is chance",
    "auprc": "AUPRC: precision averaged over all thresholds; {:.2g} is chance",
}


def card_of(measures: Measures) -> str:
    """A card with AUROC and AUPRC of each way to score; nothing where there are no labels."""
    found = measures.get("detection")
    if not found:
        return ""
    names = {"model": "this model", **NAMES}
    body = ""
    for number, words in WORDS.items():
        values = {names[name]: way[number] for name, way in found["ways"].items()}
        body += bars(values, words.format(found["anomalies"] / found["rows"]))
    counts = f"{found['anomalies']:,} of {found['rows']:,} are {escape(repr(found['anomaly']))}"
    note = f"On the labels of {found['where']}: {counts}; longer is better."
    return card("Finding anomalies", body, note)
