"""How well maps and scores of pictures find the defects that masks show, beside what finds them without a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hourglass.report import specks
from hourglass.report.cards import card
from hourglass.report.charts import bars
from hourglass.report.peers import NAMES
from hourglass.report.words import Measures, Verdict
from hourglass.uses.truth import Truth

__all__ = ["JUDGES", "Masked", "card_of"]

SAME = 0.005  # a difference that never counts
FAR = 0.05  # behind: bad
UNITS = {
    "image_auroc": "pictures: how often one with defects scores higher than a good one",
    "pixel_auroc": "pixels: the same of their maps",
}


class Masked:
    """Call it with each picture and its map, then ask for `figures()`."""

    def __init__(self, paths: Mapping[str, Path], where: str) -> None:
        self.ways = {name: Truth(paths, where) for name in ("model", "differences")}

    def __call__(self, picture: Any, found: NDArray[Any]) -> None:
        """Take in one picture and its map (H, W)."""
        self.ways["model"](picture, found)
        self.ways["differences"](picture, specks.mapped(picture))

    def figures(self) -> dict[str, Any]:
        """Pictures, those with defects, and of each way the areas under the ROC curve for pictures and for pixels (None: not known)."""
        found = {name: truth.figures() for name, truth in self.ways.items()}
        own = self.ways["model"]
        ways = {name: {unit: figures[unit] for unit in UNITS} for name, figures in found.items()}
        return {"pictures": len(own.scores), "defects": found["model"]["defects"], "ways": ways}


def judge(measures: Measures) -> Verdict | None:
    """Whether the model finds the defects better than differences of Gaussians do."""
    found = measures.get("masks")
    if not found:
        return None
    own, other = (found["ways"][name] for name in ("model", "differences"))
    whom = f"By their masks {found['defects']:,} of {found['pictures']:,} pictures have defects"
    if own["image_auroc"] is None:
        alone = f"; area under the ROC curve of pixels {own['pixel_auroc']:.3f}" if own["pixel_auroc"] is not None else ""
        advice = "Give good pictures and pictures with defects together."
        return Verdict("masks", "note", f"{whom}: all or none, so that no picture can be told from another{alone}.", advice)
    words = f"{whom}. Area under the ROC curve of pictures {own['image_auroc']:.3f}, of pixels {own['pixel_auroc']:.3f}"
    words += f"; {NAMES['differences']}, without a network: {other['image_auroc']:.3f}, {other['pixel_auroc']:.3f}."
    behind = other["image_auroc"] - own["image_auroc"]
    if behind <= SAME:
        return Verdict("masks", "good", words)
    advice = "Train longer, on more good pictures in the light of later use; or use what needs no network."
    return Verdict("loses to differences", "bad" if behind > FAR else "warn", words, advice)


JUDGES = (judge,)


def card_of(measures: Measures) -> str:
    """A card with both areas of each way; nothing where there were no masks."""
    found = measures.get("masks")
    if not found:
        return ""
    names = {"model": "this model", "differences": NAMES["differences"]}
    body = ""
    for unit, words in UNITS.items():
        values = {names[name]: way[unit] for name, way in found["ways"].items() if way[unit] is not None}
        body += bars(values, words) if values else ""
    note = f"Area under the ROC curve, by the masks of {found['defects']:,} of {found['pictures']:,} pictures; longer is better."
    return card("Finding defects", body, note)
