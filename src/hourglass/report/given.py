"""What a report looks at, of what a user gives."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from hourglass import reading, results
from hourglass.errors import BadData
from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.report.detection import on_rows

__all__ = ["given"]

Given = tuple[Batch | None, Batch | None, Any, dict[str, Any] | None]


def given(model: Model, reader: reading.Reader, source: Any, y: Any, training: Any) -> Given:
    """The user's data as training samples, held-out samples, the labels of these, and how well labelled anomalies are found.

    `training` is a batch of what the model was trained on, or data of the user's that are the same, or None.
    """
    known = training
    if training is not None and not isinstance(training, Batch):
        known = results.everything(reader.module, reader.pieces(training), model.facts)
    try:
        found = on_rows(model, reader, source, y, known) if model.settings.get("purpose") == "detect" else None
    except BadData as trouble:
        found = None
        warnings.warn(f"no comparison on labels: {trouble}", UserWarning, stacklevel=3)
    return *_halves(model, reader, source, y), found


def _halves(model: Model, reader: reading.Reader, source: Any, y: Any) -> tuple[Batch, Batch, Any]:
    """One half of the samples stands for training, the other is held out."""
    pieces = reader.pieces(source)
    batch = results.everything(reader.module, pieces, model.facts)
    labels = reading.labels(reader.module, pieces, model.facts) if y is None else reading.counted(y, pieces.count)
    if labels is not None and len(labels) != batch.count:  # labels of time steps are none of windows
        labels = None
    order = torch.randperm(batch.count, generator=torch.Generator().manual_seed(0))
    order = torch.arange(batch.count) if model.facts.get("cut") else order  # parts of one recording stay together
    half = batch.count // 2
    return batch[order[:half]], batch[order[half:]], None if labels is None else labels[order[half:].numpy()]
