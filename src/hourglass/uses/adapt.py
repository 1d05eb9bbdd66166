"""Keeping up with slow change: the usual size of residuals and the known scores follow new data, the weights never do.

Old knowledge fades by half with every so many new samples as the model had known scores. Samples that stand far out teach nothing, so
that an anomaly does not become normal because it lasts a while. What has changed for good wants a new fit.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from hourglass.model import Model
from hourglass.parts import Batch, concatenate
from hourglass.uses import detect
from hourglass.uses.empty import empty

__all__ = ["Adapting", "adapted"]

FAR = 3.0  # times the highest known score: beyond, a sample teaches nothing
TOGETHER = 64  # samples of a stream that are taken in at once
LEAST = 256  # samples by which old knowledge fades to a half, at least


def adapted(model: Model, batch: Batch) -> str:
    """Move the scale of residuals and the known scores towards those of `batch`; returns what was done, in words."""
    return _said(_learned(model, batch))


def _said(count: int) -> str:
    return f"learned from {count:,} samples: scale and threshold moved, the weights did not"


def _learned(model: Model, batch: Batch) -> int:
    """Move both; returns of how many samples was learned."""
    known = model.arrays["detect.scores"]
    scored = detect.scores(model, batch).to(known.dtype)
    near = (scored <= FAR * known.max()) & ~empty(model, batch)
    count = int(near.sum())
    if count == 0:
        return 0
    weight = 1 - 0.5 ** (count / max(LEAST, int(model.arrays["detect.count"])))
    moved = _usual(model, batch[torch.nonzero(near).flatten()], weight)
    again = detect.scores(replace(model, arrays={**model.arrays, "detect.usual": moved}), batch)[near].to(known.dtype)
    mixed = _mixed(known, again.sort().values, weight)
    model.arrays |= {"detect.usual": moved, "detect.scores": mixed, "detect.highest": torch.maximum(mixed[-1:], _faded(model, weight))}
    model.doubled = None
    told = model.record.setdefault("adapted", {"samples": 0})
    told["samples"] += count
    return count


class Adapting:
    """Takes in samples of a stream, some at a time."""

    def __init__(self, model: Model) -> None:
        self.model, self.waiting = model, list[Batch]()
        self.learned = 0

    def take(self, sample: Batch, anomaly: bool) -> None:
        """One sample that was just scored."""
        self.waiting.append(sample)
        if len(self.waiting) >= TOGETHER:
            self.learned += _learned(self.model, concatenate(self.waiting))
            self.waiting = []

    def sentence(self) -> str:
        """What was moved, and what was not."""
        if self.waiting:
            self.learned += _learned(self.model, concatenate(self.waiting))
            self.waiting = []
        return _said(self.learned) + ", nor did the model's file"


def _usual(model: Model, batch: Batch, weight: float) -> Tensor:
    """The usual squared residuals, moved."""
    old = model.arrays["detect.usual"]
    if "detect.points" in model.arrays:  # the samples that new ones are compared with are measured by it: there the scores alone move
        return old
    ratio = detect.residuals(model, batch).flatten(1)
    real = torch.ones_like(ratio) if batch.mask is None else batch.mask.flatten(1).to(ratio.dtype)
    seen = (ratio * real).sum(0) / real.sum(0).clamp_min(1)
    moved: Tensor = old * (1 + weight * (torch.where(real.sum(0) > 0, seen, 1.0) - 1)).to(old.dtype)
    return moved


def _mixed(old: Tensor, new: Tensor, weight: float) -> Tensor:
    """As many known scores as there were, a share `weight` of them new ones, evenly chosen from either."""
    fresh = min(len(old), max(1, round(weight * len(old))))
    parts = [_even(old, len(old) - fresh), _even(new, fresh)]
    return torch.cat(parts).sort().values


def _even(sorted_: Tensor, count: int) -> Tensor:
    """`count` of sorted numbers, at even quantiles."""
    at = ((torch.arange(count) + 0.5) / max(count, 1) * len(sorted_)).long()
    return sorted_[at.clamp_max(len(sorted_) - 1)]


def _faded(model: Model, weight: float) -> Tensor:
    return model.arrays["detect.highest"] * (1 - weight)
