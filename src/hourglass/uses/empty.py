"""Samples without any value: which they are, and how unusual that is."""

from __future__ import annotations

import torch
from torch import Tensor

from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["TOLD", "empty", "rated"]

TOLD = "the row has no value at all"


def empty(model: Model, batch: Batch) -> Tensor:
    """Which samples have no value at all (B,); in rows of a table, flags that say so do not count as values."""
    if batch.mask is None:
        return torch.zeros(batch.count, dtype=torch.bool)
    values = batch.mask.flatten(1)
    if "presence" in model.facts:
        start, values = model.facts["presence_start"], values.clone()
        values[:, start : start + len(model.facts["presence"])] = False
    return values.any(1).logical_not()


def rated(model: Model, known: Tensor, lacking: Tensor, normal: Tensor) -> dict[str, Tensor]:
    """The score of empty samples where training had some: as unusual among the `known` scores as they were there; else nothing.

    Series tell what share of their rows was empty; of other data it is that of `lacking` (n,) samples among `normal` ones.
    """
    share = float(model.facts["empty"] if "empty" in model.facts else lacking.sum() / normal.sum())
    return {"detect.empty": torch.quantile(known, 1 - share)} if share else {}
