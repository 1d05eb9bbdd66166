"""What a trained network is worth to a purpose, as one number to be raised: what a search goes by.

`nats`       minus loss and cost of held-out samples, in nats per sample
`probe`      how well labels are told from codes of held-out samples, by cross-validation
`AUROC`      how well labelled anomalies are told from normal held-out samples
`surrogate`  how well held-out samples are told from mixtures of them: a third of the elements of each come from another sample
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from hourglass.batches import shuffler
from hourglass.judging import judge
from hourglass.model import Model
from hourglass.objectives import spoiler
from hourglass.parts import Batch
from hourglass.uses import goals, heads, rowwise, ways

__all__ = ["MEASURES", "mixed", "worth"]

MEASURES = ("nats", "probe", "AUROC", "surrogate")
SHARE = 1 / 3  # of the elements that a mixture has from another sample
FOLDS = 5
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)


def worth(model: Model, measure: str, held_out: Batch, labels: Any = None) -> float:
    """The number for `held_out` samples, which the network did not learn from; higher is better. `labels` for `probe` and `AUROC`."""
    if measure == "nats":
        damage = spoiler(model.settings["spoil"], torch.Generator().manual_seed(0), model)
        judged = judge(model, held_out, damage) if model.settings["purpose"] == "denoise" else judge(model, held_out)
        return -(judged.loss + judged.cost)
    if measure == "probe":
        return _probe(model, held_out, labels)
    if measure == "AUROC":
        odd = np.asarray(labels).astype(bool)
        return goals.Goal([False, True]).score(_two(_scores(model, held_out)), odd.astype(np.int64))
    strange = mixed(held_out, 0)
    scores = np.concatenate([_scores(model, held_out), _scores(model, strange)])
    odd = np.repeat([0, 1], [held_out.count, strange.count])
    return goals.Goal([False, True]).score(_two(scores), odd)


def mixed(batch: Batch, seed: int) -> Batch:
    """Samples of which a third of the elements come from another sample each: every value is ordinary, their company is not."""
    generator = shuffler(seed, 11)
    count, size = batch.count, batch.x[0].numel()
    other = (torch.arange(count) + torch.randint(1, max(2, count), (count,), generator=generator)) % count
    taken = (torch.rand(count, size, generator=generator) < SHARE).reshape(batch.x.shape)

    def mix(part: Tensor) -> Tensor:
        return torch.where(taken, part[other], part)

    return Batch(mix(batch.x), None if batch.mask is None else mix(batch.mask))


def _scores(model: Model, batch: Batch) -> Any:
    return np.asarray(rowwise.rated(model, batch, None).scores, dtype=np.float64)


def _two(scores: Any) -> Any:
    return np.stack([np.zeros_like(scores), scores], 1)


def _probe(model: Model, batch: Batch, labels: Any) -> float:
    """The best probe of the code, on folds of the held-out samples."""
    rows, goal = goals.classes(np.asarray(labels, dtype=object), partly=True)
    seen = heads.seen(model, batch[torch.from_numpy(rows)], "code")
    y = goal.targets(np.asarray(labels, dtype=object)[rows])
    best = -np.inf
    parts = ways.folds(y, goal, FOLDS, 0)
    for strength in STRENGTHS:
        scores = []
        for train, held in parts:
            head = heads.probe(seen[torch.from_numpy(train)], y[train], goal.outputs, strength)
            with torch.inference_mode():
                scores.append(goal.score(head(seen[torch.from_numpy(held)]).numpy(), y[held]))
        best = max(best, float(np.nanmean(scores)))
    return float(best)
