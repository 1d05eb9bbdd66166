"""Linear paths straight from a whole sample to its code and back, which start at PCA, for networks with a flat code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from hourglass.layers.principal import start_beside
from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["start_straight", "straight"]

HEAVY = 2_000_000  # weights: more would outweigh the network, and take longer than its layers


def straight(code_size: int, shape: Sequence[int], outputs: int = 0) -> nn.Linear | None:
    """The path from samples of `shape` to the code, or, with `outputs` per element, back. None where it would be too heavy."""
    size = torch.Size(shape).numel()
    if size * code_size > HEAVY:
        return None
    return nn.Linear(code_size, size * outputs) if outputs else nn.Linear(size, code_size)


def start_straight(model: Model, batch: Batch) -> None:
    """Set the paths `beside` the layers to the PCA of `batch`, each `last` layer silent; without a path, begin near zero."""
    enters: Any = getattr(model.encoder, "each", [model.encoder])
    leaves: Any = getattr(model.decoder, "each", [model.decoder])
    for enter, leave in zip(enters, leaves, strict=True):
        if enter.beside is not None and leave.beside is not None and leave.beside.weight.shape[0] == model.input_size:
            start_beside(model, batch, (enter.beside, enter.last), (leave.beside, leave.last))
        else:
            _hush(leave.last)


def _hush(layer: nn.Linear) -> None:
    """Make a layer small; Adam's steps are no smaller for it."""
    with torch.no_grad():
        layer.weight.mul_(0.1)
