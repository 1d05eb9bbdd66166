"""`--label` and `--training` of commands that use a model: which rows are anomalies, and what others make of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hourglass.cli import _places
from hourglass.errors import BadData, BadOption, did_you_mean

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder

__all__ = ["compared", "flags", "name_label"]

Function = TypeVar("Function", bound=Callable[..., Any])


def flags(function: Function) -> Function:
    """The two flags; a command gets them as `label` and `training`."""
    label = "A column of DATA that says which rows are anomalies; never seen by the network."
    data = "Data that the model was trained on, for what is compared with it, where the model keeps none."
    function = click.option("--training", metavar="DATA", type=click.Path(), help=data)(function)
    return click.option("--label", metavar="COLUMN", help=label)(function)


def name_label(found: Autoencoder, source: Any, label: str | None) -> None:
    """From now on the label column is this one; refused where the data have none such, or the network was trained on it."""
    if label is None:
        return
    reader, facts = found._reader(), found.model_.facts
    if "ignored" not in facts:
        raise BadOption(f"--label {label}: only tables and series have columns; pictures are labelled by their folders")
    if label in reader.module.element_names(facts):
        raise BadOption(f"--label {label}: the network was trained on this column as on any other; fit again with --label {label}")
    chunk = reader.pieces(source).load(0)
    here = getattr(getattr(chunk, "rows", chunk), "column_names", [])
    if label not in here:
        raise BadOption(f"--label {label}: the data have no such column; {did_you_mean(label, here)}")
    if facts["label"] not in (None, label):
        facts["ignored"] = [*facts["ignored"], facts["label"]]
    facts["label"] = label


def compared(found: Autoencoder, source: Any, label: str | None, training: str | None) -> dict[str, Any] | None:
    """How well the scores find labelled anomalies, beside what others do; None where there are no labels."""
    from hourglass import results
    from hourglass.report.detection import on_rows

    reader, model = found._reader(), found.model_
    known = None
    if training is not None:
        _places.missing(training)
        known = results.everything(reader.module, reader.pieces(training), model.facts)
    try:
        return on_rows(model, reader, source, None, known)
    except BadData as trouble:
        if label is not None:
            raise
        warnings.warn(f"no comparison on labels: {trouble}", UserWarning, stacklevel=2)
        return None
