"""What a report looks at, of what a user gives."""

from __future__ import annotations

import warnings
from itertools import islice
from typing import Any

import torch

from hourglass import photos, reading, results
from hourglass.batches import held_out_rows
from hourglass.errors import BadData
from hourglass.kinds import image
from hourglass.model import Model
from hourglass.parts import Batch, Cut
from hourglass.report.detection import on_rows
from hourglass.report.noticed import Noticed, noticed

PICTURES = 64  # whole ones, that a codec is looked at with

__all__ = ["given", "labels_of"]

Given = tuple[Batch | list[Any] | None, Batch | list[Any] | None, Any, dict[str, Any] | None, Noticed | None]


def given(model: Model, reader: reading.Reader, source: Any, y: Any, training: Any, masks: str | None = None) -> Given:
    """The user's data as training samples, held-out samples, the labels of these, how well labelled anomalies are found, what is noticed.

    `training` is a batch of what the model was trained on, or data of the user's that are the same, or None.
    """
    if photos.is_codec(model):
        whole = (picture.pixels for chunk in reading.chunks(reader.pieces(source)) for picture in image.pictures(chunk))
        return [], list(islice(whole, PICTURES)), None, None, None
    known = training
    if training is not None and not isinstance(training, Batch):
        known = results.everything(reader.module, reader.pieces(training), model.facts)
    try:
        found = on_rows(model, reader, source, y, known) if model.settings.get("purpose") == "detect" else None
    except BadData as trouble:
        found = None
        warnings.warn(f"no comparison on labels: {trouble}", UserWarning, stacklevel=3)
    return *_halves(model, reader, source, y), found, noticed(model, reader, source, masks)


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


def labels_of(run: Any, labels: Any, count: int, cut: Cut | None) -> Any:
    """The labels of the held-out samples, for a report right after the fit; None where there are none."""
    if labels is None or (cut is not None and int(cut.source.max()) + 1 != len(labels)):  # labels of time steps are none of windows
        return None
    labels = labels if cut is None else labels[cut.source.numpy()]
    _, held_out = held_out_rows(count, run.seed, run.model.members, cut)
    return labels[held_out.numpy()] if len(held_out) else None
