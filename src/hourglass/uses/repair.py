"""Which column of an unusual row is at fault: the one that, put right, makes the row most ordinary; and what it would then be.

Where columns contradict one another, all of them are badly rebuilt, and a wide code copies them all. So each column in question is
hidden: the rows of the training data that are nearest in all other columns tell what belongs there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.uses import detect
from hourglass.uses.embed import rebuilt
from hourglass.uses.near import References, bent, distances, unbent

__all__ = ["repaired"]

ASKED = 8  # columns of a row that are tried, those that add most to its score
VOICES = 5  # nearest rows that are asked for the hidden column


def repaired(model: Model, batch: Batch, owner: Tensor, worth: Tensor) -> tuple[Tensor, Tensor]:
    """How much lower a row's score is with one column put right (B, C), 0 where that was not tried, and what belongs there (B, F).

    `owner` (F,) is the column of each element; `worth` (B, C), what each column adds to the score, says which are tried.
    """
    expected, gains = rebuilt(model, batch).clone(), torch.zeros_like(worth)
    before = detect.scores(model, batch)
    tried = worth.topk(min(ASKED, worth.shape[1]), dim=1).indices
    for column in tried.unique().tolist():
        rows = torch.nonzero((tried == column).any(1)).flatten()
        inside = owner == column
        mended = _mended(model, batch[rows], inside)
        gains[rows, column] = (before[rows] - detect.scores(model, mended)).to(gains.dtype)
        expected[rows[:, None], torch.nonzero(inside).flatten()] = mended.x[:, inside]
    return gains.clamp_min(0), expected


def _mended(model: Model, batch: Batch, inside: Tensor) -> Batch:
    """The rows with the elements `inside` taken from a row of the training data that is like them in all others.

    Of the nearest it is the one in the middle of their values: a value that occurs, and no mean of two.
    """
    width = len(inside)
    points, units = model.arrays["detect.points"][:, :width].to(batch.x.dtype), detect.units(model).to(batch.x.dtype)
    real = model.arrays.get("detect.real")
    real = None if real is None else real[:, :width]
    shown = ~inside.expand(batch.count, -1) if batch.mask is None else batch.mask & ~inside
    asked = References(bent(batch.x * units) * shown, shown)
    near = distances(asked, References(points, real), VOICES)[1]
    voices = points[near][:, :, inside]  # (B, K, f)
    middle = (voices - voices.median(1, keepdim=True).values).square().sum(2).argmin(1, keepdim=True)
    chosen = near.gather(1, middle).squeeze(1)
    x = torch.where(inside, unbent(points[chosen]) / units, batch.x)
    if batch.mask is None and real is None:
        return Batch(x)
    mask = torch.ones_like(batch.x, dtype=torch.bool) if batch.mask is None else batch.mask
    mask = torch.where(inside, True if real is None else real[chosen], mask)
    return Batch(x * mask, mask)
