"""The report as an object: measured numbers, verdicts, a text for the terminal and a page."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hourglass.errors import BadData, BadOption
from hourglass.model import Model
from hourglass.parts import Batch, find
from hourglass.report import codecs
from hourglass.report.detection import on_samples
from hourglass.report.measures import measure, plain
from hourglass.report.noticed import Noticed
from hourglass.report.page import Samples, page
from hourglass.report.shown import shown
from hourglass.report.verdicts import Verdict, summary, verdicts
from hourglass.writing import atomic

__all__ = ["Report", "Taught", "make_report"]

Taught = Batch | list[Any] | None


@dataclass(frozen=True)
class Report:
    """`measures` (JSON), `verdicts` (name, level, sentence, advice), `text` for a terminal and `html` for a browser."""

    measures: dict[str, Any]
    verdicts: list[Verdict]
    model: Model = field(repr=False)
    samples: Samples = field(repr=False, default_factory=Samples)

    @property
    def text(self) -> str:
        """The answer in a few lines."""
        return summary(self.measures, self.verdicts)

    @property
    def html(self) -> str:
        """One self-contained page."""
        return page(self.model, self.measures, self.verdicts, self.samples)

    def __str__(self) -> str:
        return self.text

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the page (.html) or the numbers and verdicts (.json)."""
        suffix = Path(path).suffix.lower()
        if suffix not in (".html", ".htm", ".json"):
            raise BadOption(f"a report is written as .html or .json; this is {str(path)!r}")
        told = {"measures": self.measures, "verdicts": [verdict._asdict() for verdict in self.verdicts]}
        text = json.dumps(told, indent=1) if suffix == ".json" else self.html
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def make_report(
    model: Model,
    training: Taught,
    held_out: Taught,
    labels: Any = None,
    found: dict[str, Any] | None = None,
    rows: Noticed | None = None,
) -> Report:
    """Measure a model on samples; without any, the measures of its last report. The measures are kept in `model.record["report"]`.

    Of a picture codec the samples are lists of whole pictures.
    `found`: how well it finds labelled anomalies, where that was measured on other rows than these. `rows`: what was noticed in these.
    """
    if training is None or held_out is None:
        measures = model.record.get("report")
        if measures is None:
            raise BadData("a report needs data to measure on: give some, report(X) or hourglass report MODEL DATA")
        return Report(measures, verdicts(measures), model, Samples(name=_name(model)))
    if isinstance(held_out, list) or isinstance(training, list):
        assert isinstance(held_out, list)
        assert isinstance(training, list)
        model.record["report"] = measures = codecs.measure(model, training, held_out)
        return Report(measures, verdicts(measures), model, Samples(_name(model), f"pictures, {len(training) + len(held_out):,}"))
    if held_out.count == 0:
        held_out = training
    measures = measure(model, training, held_out, labels=labels)
    measures |= plain({"detection": found or on_samples(model, training, held_out, labels), "training_labels": _labelled(model)})
    measures |= plain({"masks": rows.masks}) if rows is not None and rows.masks is not None else {}
    model.record["report"] = measures
    return Report(measures, verdicts(measures), model, _samples(model, held_out, [] if rows is None else rows.cards))


def _labelled(model: Model) -> dict[str, Any] | None:
    """How many training rows were anomalies by their labels, and how many the user assumed."""
    found = model.record.get("labels")
    return None if not found else {**found, "assumed": float(model.settings.get("anomalies") or 0.0)}


def _name(model: Model) -> str:
    return f"Autoencoder for {model.settings.get('purpose', 'embed')}"


def _samples(model: Model, held_out: Batch, noticed: list[str]) -> Samples:
    """What was noticed, a few held-out samples beside their reconstructions, and the user's names of columns or sensors."""
    data = f"{model.kind}, {model.record.get('samples', held_out.count):,} samples"
    names = getattr(find("kinds", model.kind), "element_names", None)
    elements = [] if names is None or len(model.shape) > 2 else names(model.facts)
    per_sensor = elements[:: model.shape[1]] if len(model.shape) == 2 else elements
    return Samples(_name(model), data, [*noticed, *shown(model, held_out)], tuple(per_sensor))
