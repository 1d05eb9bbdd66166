"""Anomalies: samples that the network cannot rebuild as well as it rebuilds what it was trained on, or that lie far from all of that.

Residuals are measured in units of their own usual size on samples that the members asked never saw. Where the recipe says so (tables), a
sample's score is its mean distance to the nearest `neighbours` among samples of the training data, in its own elements and its residuals;
else it is the mean of squared residuals. Either way 1 is usual.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from scipy.stats import t as student
from torch import Tensor

from hourglass.layers.members import per_member
from hourglass.model import Model
from hourglass.parts import Batch, concatenate
from hourglass.uses import lasting
from hourglass.uses.empty import empty, rated
from hourglass.uses.near import References, bent, distances
from hourglass.uses.passes import in_chunks
from hourglass.uses.unmixed import narrowed, unmixed

__all__ = ["neighbours", "p_values", "prepare", "residuals", "scores", "shares", "threshold", "units"]

ENOUGH = 5  # known scores beyond a threshold that tell where it is
FLOOR = 1e-4  # of the typical residual variance: an element that never errs must not decide alone
KEPT = 2000  # samples that new ones are compared with
WEIGHT = 0.5  # of a residual, in usual ones, against an element
ROUNDS = 3  # of leaving out the worst, where the training data are taken to hold anomalies


class Known(NamedTuple):
    """Samples to learn from: their signed residuals (n, D) and the squares of these, by members that never saw them where there are such.

    `fresh` (n,) says of which samples this is so.
    """

    samples: Batch
    errors: Tensor
    squares: Tensor
    fresh: Tensor

    def at(self, rows: Tensor) -> Known:
        """Some of the samples."""
        return Known(self.samples[rows], self.errors[rows], self.squares[rows], self.fresh[rows])


def prepare(model: Model, training: Batch, held_out: Batch, seen: Tensor | None = None) -> dict[str, Tensor]:
    """The usual size of each element's residual, the samples to compare with, and the sorted scores of samples that training never saw.

    `seen` (M, n) says which member was trained on which of the `training` samples; None: each on all. With `anomalies` in the settings,
    that share of the worst is left out of what new ones are compared with, and the known scores are told from the mixture (`unmixed`).
    """
    known = _known(model, training, held_out, seen)
    share = float(model.settings.get("anomalies") or 0.0)
    valued = ~empty(model, known.samples)
    valued, normal = valued | (int(valued.sum()) < 2), torch.ones_like(valued)
    learned, scored = _learned(model, known, valued, share)
    for left in range(ROUNDS if share else 0, 0, -1):
        normal = torch.zeros_like(normal)
        normal[scored.argsort()[: max(2, round(len(scored) * (1 - share)))]] = True
        learned, scored = _learned(model, known, normal & valued, share if left > 1 else 0.0)
    fresh = known.fresh & valued
    told = scored[fresh if int(fresh.sum()) >= 2 else valued]
    told = unmixed(told, share) if share else told
    learned |= lasting.learned(model, told, len(scored))
    learned |= rated(model, told, ~valued & normal, normal)
    count, highest = torch.tensor(len(scored)), scored[valued].max()[None]
    return learned | {"detect.scores": told.sort().values, "detect.highest": highest, "detect.count": count}


def _known(model: Model, training: Batch, held_out: Batch, seen: Tensor | None) -> Known:
    """All samples with their residuals by the members that never saw them, or by all members where each saw them."""
    samples = concatenate([part for part in (training, held_out) if part.count])
    unseen = torch.ones(samples.count, model.members, dtype=torch.bool)
    unseen[: training.count] = False if seen is None else ~seen.T
    fresh = unseen.any(1)
    weights = torch.where(fresh[:, None], unseen, True).to(samples.x.dtype if samples.x.is_floating_point() else torch.float32)
    weights = weights / weights.sum(1, keepdim=True)
    every = in_chunks(_differences(model), samples)  # (n, M, D)
    errors, squares = (torch.einsum("nmd,nm->nd", part, weights.to(part.dtype)) for part in (every, every.square()))
    return Known(samples, errors * _averaged(every, weights), squares, fresh)


def _averaged(every: Tensor, weights: Tensor) -> Tensor:
    """How much smaller the mean of all members' residuals (n, M, D) is than that of the few that `weights` (n, M) take; (n, D).

    What members err alike stays, what each errs by itself averages out. Without this, thresholds were so high that 0.7 % of normal rows
    were beyond that of 1 %.
    """
    members = every.shape[1]
    if members == 1:
        return torch.ones(1, 1, dtype=every.dtype)
    single, mean = every.square().mean((0, 1)), every.mean(1).square().mean(0)  # (D,)
    own = (single - mean) * members / (members - 1)
    alike = (single - own).clamp_min(0)
    few = (weights > 0).sum(1, keepdim=True)
    return ((alike + own / members + 1e-12) / (alike + own / few + 1e-12)).sqrt()


def _learned(model: Model, known: Known, normal: Tensor, share: float) -> tuple[dict[str, Tensor], Tensor]:
    """The arrays that scores need, learned from `normal` samples (n,), and the score of every sample, judged by the others.

    Where a `share` of them may be anomalies, which may lie together, so many more neighbours are asked.
    """
    fresh = known.fresh & normal if int((known.fresh & normal).sum()) >= 2 else normal
    real = torch.ones_like(known.squares) if known.samples.mask is None else known.samples.mask.flatten(1).to(known.squares.dtype)
    usual, scored = _usual(known.squares, real, fresh)
    learned = {"detect.usual": usual}
    if neighbours(model):
        learned["detect.level"] = torch.ones(())
        order = torch.nonzero(normal).flatten()
        order = order[torch.randperm(len(order), generator=torch.Generator().manual_seed(0))[:KEPT]]
        learned |= {"detect.scale": narrowed(model, known.samples, normal)} if model.settings.get("anomalies") else {}
        points = _points(known.samples, known.errors, usual, units(model, learned))
        learned["detect.points"] = points.points[order]
        if points.real is not None:
            learned["detect.real"] = points.real[order]
        own = torch.full((len(normal),), -1)
        own[order] = torch.arange(len(order))
        count = neighbours(model) + math.ceil(share * len(order))
        scored = distances(points, _references(learned, usual.dtype), count, own)[0].mean(1)
        learned["detect.level"] = scored[fresh].mean().clamp_min(1e-12)
        scored = scored / learned["detect.level"]
    learned["detect.empty"] = 2 * scored[fresh].max() + 1
    return learned, torch.where(empty(model, known.samples), learned["detect.empty"], scored)


def _usual(squares: Tensor, real: Tensor, judged: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of each element's squared residuals (n, D) over `judged` samples, and each sample's score by those of the other samples.

    Judged by a mean that it is part of, an unusual sample would look less so: with ten samples that made half of all false alarms.
    """
    errors, among = squares * real, judged[:, None].to(real.dtype)
    count, total = (real * among).sum(0), (errors * among).sum(0)
    usual = total / count.clamp_min(1)
    floor = FLOOR * float(usual.mean()) + 1e-12
    others = ((total - errors * among) / (count - real * among).clamp_min(1)).clamp_min(floor)
    return usual.clamp_min(floor), (errors / others).sum(1) / real.sum(1).clamp_min(1)


def _differences(model: Model) -> Callable[[Batch], Tensor]:
    """Signed residuals (B, M, D) of every member, of texts the root of each symbol's nats, 0 where masked."""

    true = lasting.units(model)

    def differences(batch: Batch) -> Tensor:
        passed = model.forward(batch)
        target = passed.target
        if "symbols" in model.facts:
            errors = model.loss.errors(passed.output, target.x, target.mask).sqrt()  # type: ignore[operator]
        else:
            errors = true(model.loss.data(passed.output)) - true(target.x)  # type: ignore[operator]
            errors = errors if target.mask is None else errors * target.mask
        apart: Tensor = per_member(errors.flatten(1), model.members).transpose(0, 1)
        return apart

    return differences


def _points(samples: Batch, errors: Tensor, usual: Tensor, scale: Tensor) -> References:
    """Samples as places among which distances are measured: their elements, times `scale`, and their residuals, both bent."""
    points = torch.cat([bent(samples.x.flatten(1) * scale.to(samples.x.dtype)), WEIGHT * bent(errors / usual.sqrt())], 1)
    if samples.mask is None:
        return References(points)
    real = samples.mask.flatten(1).repeat(1, 2)
    return References(points * real, real)


def units(model: Model, arrays: dict[str, Tensor] | None = None) -> Tensor:
    """By what elements are multiplied (F,), so that two categories that differ are one unit apart; `arrays` are the model's own if None."""
    found = torch.ones(model.input_size)
    for sort, begin, width in model.facts["fields"]:
        if sort == "category":
            found[begin : begin + width] = math.sqrt(0.5)
    scale = (model.arrays if arrays is None else arrays).get("detect.scale")
    return found if scale is None else found * scale


def neighbours(model: Model) -> int:
    """With how many samples of the training data a new one is compared; 0 where residuals alone decide."""
    return int(model.settings.get("neighbours") or 0)


def _references(arrays: dict[str, Tensor], dtype: torch.dtype) -> References:
    """The samples of the training data that new ones are compared with."""
    return References(arrays["detect.points"].to(dtype), arrays.get("detect.real"))


def _near(model: Model) -> Callable[[Batch], tuple[References, References, Tensor, Tensor]]:
    """The places of samples and of those to compare with, and the distances and numbers (B, K) of the nearest."""
    dtype = next(model.parameters()).dtype
    known, usual = _references(model.arrays, dtype), model.arrays["detect.usual"].to(dtype)
    differences, scale = _differences(model), units(model)

    def near(batch: Batch) -> tuple[References, References, Tensor, Tensor]:
        points = _points(batch, differences(batch).mean(1), usual, scale)
        return points, known, *distances(points, known, neighbours(model))

    return near


def _squares(model: Model) -> Callable[[Batch], Tensor]:
    """Squared residuals (B, *shape), of texts the nats of each symbol, averaged over members, 0 where masked."""

    true = lasting.units(model)

    def squares(batch: Batch) -> Tensor:
        if model.members == 1 and batch.mask is None and "symbols" not in model.facts:  # the same with less about it, for short rows
            code = model.encode(batch)
            errors = torch.sub(true(model.loss.data(model.decode(code.z, code.beside))), true(batch.x))  # type: ignore[operator]
            return torch.mul(errors, errors, out=errors)
        mean: Tensor = _differences(model)(batch).square_().mean(1).unflatten(1, model.shape)
        return mean

    return squares


def residuals(model: Model, batch: Batch) -> Tensor:
    """Squared residuals in units of their usual size, (B, *shape)."""
    errors = in_chunks(_squares(model), batch)
    return errors / model.arrays["detect.usual"].to(errors.dtype).reshape(model.shape)


def shares(model: Model, batch: Batch) -> Tensor:
    """What each element adds to a sample's score, (B, *shape): its residual, or its part of the squared distance to the neighbours."""
    if not neighbours(model):
        return residuals(model, batch)
    near = _near(model)

    def share(part: Batch) -> Tensor:
        points, known, _, places = near(part)
        apart = (points.points[:, None] - known.points[places]).square()  # (B, K, 2 D)
        for real in (None if points.real is None else points.real[:, None], None if known.real is None else known.real[places]):
            apart = apart if real is None else apart * real
        summed: Tensor = apart.mean(1).unflatten(1, (2, *model.shape)).sum(1)
        return summed

    return in_chunks(share, batch)


def scores(model: Model, batch: Batch) -> Tensor:
    """How unusual each sample is, (B,): 1 is usual, more is more unusual; missing elements do not count.

    What has no value at all cannot be compared with anything: it is more unusual than any that has, unless training saw such samples.
    """
    scored = in_chunks(_compared(model) if neighbours(model) else _residual(model), batch)
    nothing = empty(model, batch)
    return torch.where(nothing, model.arrays["detect.empty"].to(scored.dtype), scored) if nothing.any() else scored


def _compared(model: Model) -> Callable[[Batch], Tensor]:
    near, level = _near(model), float(model.arrays["detect.level"])
    return lambda batch: near(batch)[2].mean(1) / level


def _residual(model: Model) -> Callable[[Batch], Tensor]:
    weights = (1 / model.arrays["detect.usual"]).to(next(model.parameters()).dtype)
    squares, mean_weights = _squares(model), weights / len(weights)

    def score(part: Batch) -> Tensor:
        errors = squares(part).flatten(1)
        if part.mask is None:
            return errors @ mean_weights.to(errors.dtype)
        return (errors @ weights.to(errors.dtype)) / part.mask.flatten(1).sum(1).clamp_min(1)

    return score


def p_values(model: Model, scored: Tensor) -> Tensor:
    """The share of normal samples at least as unusual (conformal: Vovk et al. 2005), in (0, 1]."""
    known = model.arrays["detect.scores"].to(scored.dtype)
    below = torch.searchsorted(known, scored.contiguous(), right=False)
    p = (len(known) - below + 1) / (len(known) + 1)
    return p.clamp_min(1 / (lasting.independent(model) + 1))  # of a series' windows, which overlap, many tell the same


def threshold(model: Model, false_alarms: float) -> float:
    """The score above which a sample is an anomaly, so that about this share of normal samples is above.

    Where too few known scores lie beyond, the tail is that of a gamma distribution, whose cube root is nearly normal (Wilson, Hilferty
    1931), at the bound for one more sample.
    """
    known = model.arrays["detect.scores"].double()
    count = lasting.independent(model)
    observed = float(torch.quantile(known, 1 - false_alarms))
    if count < 3 or false_alarms * (count + 1) >= ENOUGH:
        return observed
    roots = known.clamp_min(0) ** (1 / 3)
    far = float(student.ppf(1 - max(false_alarms, 1e-6), count - 1))
    beyond = max(observed, float(roots.mean() + far * roots.std() * math.sqrt(1 + 1 / count)) ** 3)
    if false_alarms * int(model.arrays["detect.count"]) < 1:
        return beyond
    return min(beyond, float(model.arrays["detect.highest"]) * (1 - 1e-6))  # of so many samples one at least must be beyond
