"""The report as one page: everything inside, nothing fetched, no script."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from hourglass.model import Model
from hourglass.report import charts, codecs, masked, ways
from hourglass.report.against import linearly
from hourglass.report.cards import HOURGLASS, card, document
from hourglass.report.verdicts import Verdict, conclusion, number
from hourglass.report.words import counted

__all__ = ["Samples", "page"]

Measures = dict[str, Any]
SIGNS = {"good": "✓", "note": "i", "warn": "!", "bad": "✕"}


@dataclass(frozen=True)
class Samples:
    """What only the caller knows: names, cards with samples to look at or to listen to, and the names of columns or sensors."""

    name: str = "An autoencoder"
    data: str = ""
    cards: Sequence[str] = ()
    elements: Sequence[str] = field(default=())


def page(model: Model, measures: Measures, verdicts: Sequence[Verdict], samples: Samples | None = None) -> str:
    """The report in HTML, from `measure` and `verdicts`; sections that have nothing to show are left out."""
    samples = samples or Samples()
    cards = [
        *samples.cards,
        ways.card_of(measures),
        masked.card_of(measures),
        codecs.card_of(measures),
        _curves(measures),
        _sizes(measures),
        _worst(measures, samples),
        _codes(measures),
        _histogram(measures),
        _usage(measures),
    ]
    # An odd number of narrow cards would leave a hole: then the comparison, which suits any width, is wide.
    odd = "".join(cards).count('class="half"') % 2 == 0
    sections = [_answer(verdicts), _changes(verdicts), _comparison(measures, odd), *cards, _numbers(measures)]
    return document(f"{samples.name} - report", _header(model, measures, samples), sections, _footer(measures))


def _header(model: Model, measures: Measures, samples: Samples) -> str:
    setting, rows, history = measures.get("setting") or {}, measures.get("rows") or {}, measures.get("history") or []
    many = f"{setting['members']} x " if (setting.get("members") or 1) > 1 else ""
    facts = {
        "Data": samples.data,
        "Rows": f"{rows['training']:,} training, {rows['held_out']:,} held out" if rows else "",
        "Network": f"{many}{setting['network']}" if setting else "",
        "Bottleneck and loss": f"{setting['bottleneck']}, {setting['loss']}" if setting else "",
        "Weights": f"{setting['weights']:,}" if setting else "",
        "Size of a sample": " x ".join(str(n) for n in setting.get("shape", [])),
        "Size of the code": f"{model.code_size:,}",
        "Training": _training(history, setting),
        "Loss of a held-out sample": _nats(measures),
        "Purpose": setting.get("purpose") or "",
    }
    items = "".join(f"<div><dt>{name}</dt><dd>{escape(str(text))}</dd></div>" for name, text in facts.items() if text)
    title = f'<p class="mark-line">{HOURGLASS}hourglass report</p><h1>{escape(samples.name)}</h1>'
    return f'<header>{title}<dl class="facts">{items}</dl></header>'


def _unit(measures: Measures) -> str:
    """What the loss is counted in."""
    if measures.get("codec"):
        return "bits and squared errors, weighed by quality"
    return "nats per sample" if (measures.get("setting") or {}).get("likelihood", True) else "loss per sample (no nats)"


def _nats(measures: Measures) -> str:
    found = (measures.get("nats") or {}).get("held_out") or {}
    if None in (found.get("loss"), found.get("cost")):
        return ""
    if _unit(measures) != "nats per sample":
        return f"{number(found['loss'])}, which are no nats"
    code = f" + {number(found['cost'])} for the code" if found["cost"] else ""
    return f"{number(found['loss'])}{code} nats"


def _training(history: list[dict[str, Any]], setting: dict[str, Any]) -> str:
    if not history:
        return "none recorded"
    last = history[-1]
    seconds = last.get("seconds") or 0.0
    time = f"{seconds / 60:.1f} minutes" if seconds >= 90 else f"{seconds:.3g} seconds"
    rate = f", learning rate {setting['learning_rate']}" if setting.get("learning_rate") else ""
    passes = last.get("epoch", len(history))
    epochs = f"{passes:.4g} epoch{'s' * (passes != 1)}"
    return f"{epochs}, {last.get('step') or 0:,} steps, {time}{rate}"


def _answer(verdicts: Sequence[Verdict]) -> str:
    """The verdicts with coloured marks."""
    items = "".join(
        f'<li class="{v.level}"><span class="sign" aria-label="{v.level}">{SIGNS[v.level]}</span><span class="name">{escape(v.name)}</span>'
        f'<span class="words">{escape(v.sentence)}</span></li>'
        for v in verdicts
    )
    body = f'<p class="answer">{escape(conclusion(list(verdicts)))}</p><ul class="verdicts">{items}</ul>'
    return card("Did it learn something?", body, wide=True)


def _changes(verdicts: Sequence[Verdict]) -> str:
    asked = dict.fromkeys((v.name, v.advice) for v in verdicts if v.level != "good" and v.advice)
    body = "".join(f"<li>{escape(advice)} <span class='note'>({escape(name)})</span></li>" for name, advice in asked)
    return card("What to change", f'<ol class="changes">{body}</ol>' if body else "<p>Nothing: all is well.</p>", wide=True)


def _comparison(measures: Measures, wide: bool) -> str:
    """Errors of the model and of what it must beat."""
    error, texts = measures.get("error") or {}, counted(measures)
    names = {
        "model": "this model",
        "code": "its code alone",
        "pca": "PCA, same code size",
        "random": "random encoder",
        "mean": "commonest symbols" if texts else "column means",
        "training": "(on training rows)",
        "unlike": "(on unlike data)",
    }
    shown = {text: error[name] * (100 if texts else 1) for name, text in names.items() if error.get(name) is not None}
    note = f"{'Share of wrong symbols' if texts else 'Mean squared error'} on held-out rows; shorter is better."
    unit = (
        "symbols (bytes, and the end of the text) that come back wrong, in percent" if texts else "in units of the network's input, squared"
    )
    return card("Against what it must beat", charts.bars(shown, unit) if shown else "", note, wide)


def _curves(measures: Measures) -> str:
    history = measures.get("history") or []
    epochs = [row.get("epoch") for row in history]
    distinct = len(set(epochs)) == len(epochs) and None not in epochs
    at = "epoch" if distinct else "step"
    series = {
        text: [(float(row[at]), float(row[name])) for row in history if row.get(name) is not None and row.get(at) is not None]
        for name, text in (("training", "training"), ("held_out", "held out"), ("cost", "cost of the code"))
    }
    if not any(value for _, value in series["cost of the code"]):
        del series["cost of the code"]
    note = f"Loss and cost of the code together, {_unit(measures)}; lower is better. {escape(measures.get('stopped') or '')}"
    return card("Training", charts.lines(series, at, _unit(measures)), note)


def _sizes(measures: Measures) -> str:
    """Error against code size, of the network and of PCA."""
    found = measures.get("sizes") or {}
    if not found or None in [*found["pca"], *found["errors"], found["model"]]:
        return ""
    own = "this code, cut" if found["from"] == "ordered" else "short trainings"
    series = {
        "this model": [(float(found["code"]), found["model"])],
        "PCA": list(zip(map(float, found["pca_sizes"]), found["pca"], strict=True)),
        own: list(zip(map(float, found["sizes"]), found["errors"], strict=True)),
    }
    words = linearly(measures)
    note = f"Where the curve is flat, a larger code holds no more. {words}{'.' if words else ''}"
    return card(
        "Error against code size", charts.lines(series, "numbers in the code", "mean squared error, logarithmic", marked=True), note
    )


def _worst(measures: Measures, samples: Samples) -> str:
    """The columns that come back worst."""
    body = ""
    for row in measures.get("columns") or []:
        at, error, variance = row["column"], row["error"], row["variance"]
        name = samples.elements[at] if at < len(samples.elements) else f"column {at + 1}"
        shown = "not a number" if error is None else number(error)
        kept = "does not vary" if error is None or not variance else "nothing" if error > variance else f"{1 - error / variance:.0%}"
        body += f"<tr><td>{escape(str(name))}</td><td>{shown}</td><td>{kept}</td></tr>"
    sort = "sensor" if len((measures.get("setting") or {}).get("shape") or []) == 2 else "column"
    head = f"<tr><th>{sort}</th><th>squared error</th><th>explained</th></tr>"
    table = f'<div class="scroll"><table>{head}{body}</table></div>' if body else ""
    return card(f"{sort.title()}s that come back worst", table, f"Of the variance of each {sort}, how much is explained.")


def _codes(measures: Measures) -> str:
    """Codes in a plane, by label or by error."""
    found = measures.get("map") or {}
    places = [(i, (x, y)) for i, (x, y) in enumerate(found.get("points") or []) if x is not None and y is not None]
    if len(places) < 3:
        return ""
    points, labels = [place for _, place in places], found.get("labels")
    if labels:
        body, note = charts.scatter(points, groups=[labels[i] for i, _ in places]), "coloured by label, which the network never saw"
    else:
        errors = [found["errors"][i] or 0.0 for i, _ in places]
        order = {value: rank for rank, value in enumerate(sorted(errors))}
        body = charts.scatter(points, shades=[order[value] / max(len(errors) - 1, 1) for value in errors])
        note = "the darker, the larger the error"
    return card("Map of the codes", body, f"Codes of held-out rows on their first two principal components; {note}.")


def _histogram(measures: Measures) -> str:
    found = measures.get("histogram")
    if not found or None in found["edges"] or not all(math.isfinite(edge) and edge > 0 for edge in found["edges"]):
        return ""
    counts = {"held out": found["held_out"], "unlike the data": found["unlike"]}
    note = "A network that learned what belongs together gives nonsense back badly: the two shapes stand apart."
    return card(
        "Errors, row by row",
        charts.histogram(found["edges"], counts, "share of wrong symbols" if counted(measures) else "mean squared error of a row"),
        note,
    )


def _usage(measures: Measures) -> str:
    code = measures.get("code") or {}
    values = [value for value in code.get("usage") or [] if value is not None]
    if not values:
        return ""
    note = f"{code['active']:,} of {code['units']:,} units in use; variance of each over held-out rows, largest first."
    if len(values) < code["units"]:
        note += f" The first {len(values)} are shown."
    return card("Use of the code", charts.usage(values, code["floor"] or 0.0, "code unit", "variance"), note)


def _numbers(measures: Measures) -> str:
    """All numbers as JSON, a line per entry."""
    entries = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in measures.items())
    body = f"<details><summary>JSON</summary><pre>{escape('{' + entries + '}', quote=False)}</pre></details>"
    return card("All numbers", body, wide=True)


def _footer(measures: Measures) -> str:
    words = (
        "Errors are measured on rows that training did not see" if (measures.get("rows") or {}).get("held_out") else "No rows were held out"
    )
    return f"{words}. A random encoder has the same architecture, random weights and the best linear decoder."
