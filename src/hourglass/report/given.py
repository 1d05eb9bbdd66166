"""What a report looks at, of what a user gives."""

from __future__ import annotations

from typing import Any

import torch

from hourglass import reading, results
from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["halves"]


def halves(model: Model, reader: reading.Reader, source: Any, y: Any) -> tuple[Batch, Batch, Any]:
    """The user's data as training samples, held-out samples and the labels of these; `y` where they are not in the data."""
    pieces = reader.pieces(source)
    batch = results.everything(reader.module, pieces, model.facts)
    labels = reading.labels(reader.module, pieces, model.facts) if y is None else reading.counted(y, batch.count)
    order = torch.randperm(batch.count, generator=torch.Generator().manual_seed(0))
    order = torch.arange(batch.count) if model.facts.get("cut") else order  # parts of one recording stay together
    half = batch.count // 2
    return batch[order[:half]], batch[order[half:]], None if labels is None else labels[order[half:].numpy()]
