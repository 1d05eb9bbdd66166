"""The report as an object: measured numbers, verdicts, a text for the terminal and a page."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hourglass.errors import BadData, BadOption
from hourglass.model import Model
from hourglass.parts import Batch, find
from hourglass.report.measures import measure
from hourglass.report.page import Samples, page
from hourglass.report.verdicts import Verdict, summary, verdicts
from hourglass.uses.embed import rebuilt
from hourglass.writing import atomic

__all__ = ["Report", "make_report"]

SHOWN = 8


@dataclass(frozen=True)
class Report:
    """`measures` (JSON), `verdicts` (name, level good, warn or bad, sentence, advice), `text` for a terminal and `html` for a browser."""

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


def make_report(model: Model, training: Batch | None, held_out: Batch | None, labels: Any = None) -> Report:
    """Measure a model on samples; without any, the measures of its last report. The measures are kept in `model.record["report"]`."""
    if training is None or held_out is None:
        measures = model.record.get("report")
        if measures is None:
            raise BadData("a report needs data to measure on: give some, report(X) or hourglass report MODEL DATA")
        return Report(measures, verdicts(measures), model, Samples(name=_name(model)))
    if held_out.count == 0:
        held_out = training
    measures = measure(model, training, held_out, labels=labels)
    model.record["report"] = measures
    return Report(measures, verdicts(measures), model, _samples(model, held_out[:SHOWN]))


def _name(model: Model) -> str:
    return f"Autoencoder for {model.settings.get('purpose', 'embed')}"


def _samples(model: Model, shown: Batch) -> Samples:
    """A few held-out samples beside their reconstructions, in the user's own terms."""
    back = rebuilt(model, shown).float()
    data = f"{model.kind}, {model.record.get('samples', shown.count):,} samples"
    if len(model.shape) == 3:
        return Samples(_name(model), data, pictures=(shown.x.float(), back.clamp(0, 1)))
    if model.facts.get("cut"):  # parts of something larger have no columns to show
        return Samples(_name(model), data)
    module = find("kinds", model.kind)
    originals, columns = _rows(module.from_tensor(shown.x.float(), model.facts))
    reconstructions, _ = _rows(module.from_tensor(back, model.facts))
    names = getattr(module, "element_names", None)
    return Samples(_name(model), data, None, columns, originals, reconstructions, tuple(names(model.facts)) if names is not None else ())


def _rows(chunk: Any) -> tuple[Sequence[Sequence[str]], Sequence[str]]:
    """A chunk of a table as rows of text, and the names of its columns."""
    if hasattr(chunk, "column_names"):
        columns = list(chunk.column_names)
        cells = [[_text(value) for value in column.to_pylist()] for column in chunk.columns]
        return [list(row) for row in zip(*cells, strict=True)], columns
    return [[_text(value) for value in row] for row in chunk.tolist()], [f"x{i}" for i in range(chunk.shape[1])]


def _text(value: Any) -> str:
    """A cell, short."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
