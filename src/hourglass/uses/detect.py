"""Anomalies: samples that the network cannot rebuild as well as it rebuilds what it was trained on.

Scores are squared residuals, each in units of its own usual size on samples that training never saw, averaged over members' errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from scipy.stats import t as student
from torch import Tensor

from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.uses.passes import in_chunks

__all__ = ["p_values", "prepare", "residuals", "scores", "threshold"]

ENOUGH = 5  # known scores beyond a threshold that tell where it is
FLOOR = 1e-4  # of the typical residual variance: an element that never errs must not decide alone


def prepare(model: Model, training: Batch, held_out: Batch) -> dict[str, Tensor]:
    """The usual size of each element's residual, and the sorted scores of held-out samples (of training ones where there are too few).

    With `anomalies` in the settings, that share of the worst samples is left out of both: they are taken not to be normal.
    """
    judged = held_out if held_out.count >= 2 else training
    flat = in_chunks(_squares(model), judged).flatten(1)
    real = torch.ones_like(flat) if judged.mask is None else judged.mask.flatten(1).to(flat.dtype)
    usual, scored = _usual(flat, real)
    kept = max(2, round(len(scored) * (1 - float(model.settings.get("anomalies") or 0.0))))
    if kept < len(scored):
        normal = scored.argsort()[:kept]
        usual, scored = _usual(flat[normal], real[normal])
    learned = {"detect.usual": usual, "detect.scores": scored.sort().values}
    seen = [scores(replace(model, arrays=learned), batch) for batch in (training, held_out) if batch.count]
    return learned | {"detect.highest": torch.cat(seen).topk(1).values, "detect.count": torch.tensor(sum(len(part) for part in seen))}


def _usual(errors: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of each element's squared residuals (n, D) where `real`, and each sample's score by those of the other samples.

    Judged by a mean that it is part of, an unusual sample would look less so: with ten samples that made half of all false alarms.
    """
    errors, count = errors * real, real.sum(0)
    usual = errors.sum(0) / count.clamp_min(1)
    floor = FLOOR * float(usual.mean()) + 1e-12
    others = ((errors.sum(0) - errors) / (count - real).clamp_min(1)).clamp_min(floor)
    return usual.clamp_min(floor), (errors / others).sum(1) / real.sum(1).clamp_min(1)


def _squares(model: Model) -> Callable[[Batch], Tensor]:
    """Squared residuals (B, *shape), of texts the nats of each symbol, averaged over members, 0 where masked."""
    numbers = "symbols" not in model.facts

    def squares(batch: Batch) -> Tensor:
        if model.members == 1 and batch.mask is None and numbers:  # the same with less about it, which counts where rows are short
            code = model.encode(batch)
            errors = torch.sub(model.loss.data(model.decode(code.z, code.beside)), batch.x)  # type: ignore[operator]
            return torch.mul(errors, errors, out=errors)
        passed = model.forward(batch)
        if not numbers:
            return model.mean(model.loss.errors(passed.output, passed.target.x, passed.target.mask))  # type: ignore[operator]
        values = model.loss.data(passed.output)  # type: ignore[operator]
        errors = torch.sub(values, passed.target.x)
        errors = torch.mul(errors, errors, out=errors)
        return model.mean(errors if passed.target.mask is None else errors * passed.target.mask)

    return squares


def residuals(model: Model, batch: Batch) -> Tensor:
    """Squared residuals in units of their usual size, (B, *shape): what made a sample unusual."""
    errors = in_chunks(_squares(model), batch)
    return errors / model.arrays["detect.usual"].to(errors.dtype).reshape(model.shape)


def scores(model: Model, batch: Batch) -> Tensor:
    """How unusual each sample is, (B,): 1 is usual, more is more unusual; missing elements do not count."""
    weights = (1 / model.arrays["detect.usual"]).to(next(model.parameters()).dtype)
    squares, mean_weights = _squares(model), weights / len(weights)

    def score(part: Batch) -> Tensor:
        errors = squares(part).flatten(1)
        if part.mask is None:
            return errors @ mean_weights.to(errors.dtype)
        return (errors @ weights.to(errors.dtype)) / part.mask.flatten(1).sum(1).clamp_min(1)

    return in_chunks(score, batch)


def p_values(model: Model, scored: Tensor) -> Tensor:
    """The share of normal samples at least as unusual (conformal: Vovk et al. 2005), in (0, 1]."""
    known = model.arrays["detect.scores"].to(scored.dtype)
    below = torch.searchsorted(known, scored.contiguous(), right=False)
    return (len(known) - below + 1) / (len(known) + 1)


def threshold(model: Model, false_alarms: float) -> float:
    """The score above which a sample is an anomaly, so that about this share of normal samples is above.

    Where too few known scores lie beyond, the tail is that of a gamma distribution, whose cube root is nearly normal (Wilson, Hilferty
    1931), at the bound for one more sample.
    """
    known = model.arrays["detect.scores"].double()
    count = len(known)
    observed = float(torch.quantile(known, 1 - false_alarms))
    if count < 3 or false_alarms * (count + 1) >= ENOUGH:
        return observed
    roots = known.clamp_min(0) ** (1 / 3)
    far = float(student.ppf(1 - max(false_alarms, 1e-6), count - 1))
    beyond = max(observed, float(roots.mean() + far * roots.std() * math.sqrt(1 + 1 / count)) ** 3)
    if false_alarms * int(model.arrays["detect.count"]) < 1:
        return beyond
    return min(beyond, float(model.arrays["detect.highest"]) * (1 - 1e-6))  # of so many samples one at least must be beyond
