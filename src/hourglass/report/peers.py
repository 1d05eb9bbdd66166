"""What finds anomalies without a network: nearest neighbours, an isolation forest and PCA, each fitted to the model's own training rows."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from sklearn.ensemble import IsolationForest
from torch import Tensor

from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.report.baselines import effective, filled, principal
from hourglass.report.passes import choose, square_error, take
from hourglass.uses.near import unbent

__all__ = ["ADVICE", "NAMES", "Scorer", "fitted", "kept"]

NAMES = {"neighbours": "nearest neighbours", "forest": "isolation forest", "pca": "PCA", "differences": "differences of Gaussians"}
ADVICE = {
    "neighbours": "the mean distance to the 5 nearest training rows (sklearn.neighbors.NearestNeighbors)",
    "forest": "sklearn.ensemble.IsolationForest",
    "pca": "the squared residual of PCA (sklearn.decomposition.PCA)",
    "differences": "differences of Gaussians (scipy.ndimage.gaussian_filter)",
}
ROWS, NEIGHBOURS = 5000, 5
NUMBERS = 2e7  # in the rows that peers are fitted to: wide samples are fewer
PRODUCTS = 2e7  # distances at a time
SHARE = 0.9  # of the variance that PCA keeps where the code is as wide as the data

Scorer = Callable[[Batch], Tensor]


def fitted(model: Model, training: Batch) -> dict[str, Scorer]:
    """By name, what gives each sample of a batch a score (B,), higher for more unusual. Columns are scaled to one spread."""
    some = take(training, choose(training.count, ROWS, NUMBERS / math.prod(model.shape), 0))
    flat = _flat(some)
    mean, spread = flat.mean(0), flat.std(0, correction=0)
    spread = torch.where(spread > 1e-6, spread, 1.0)

    def scaled(batch: Batch) -> Tensor:
        return (_flat(batch) - mean) / spread

    known = scaled(some)
    forest = IsolationForest(random_state=0).fit(known.numpy())
    axes = principal(known, min(model.code_size, known.shape[1]))
    kept = model.code_size if model.code_size < known.shape[1] else effective(axes.spectrum, SHARE)
    axes = axes.first(max(1, min(kept, known.shape[1] - 1)))

    def by_pca(batch: Batch) -> Tensor:
        x = scaled(batch)
        return square_error(x, axes.reconstruct(x), None)

    return {
        "neighbours": lambda batch: _distance(known, scaled(batch)),
        "forest": lambda batch: torch.from_numpy(-forest.score_samples(scaled(batch).numpy())),
        "pca": by_pca,
    }


def kept(model: Model) -> Batch | None:
    """The training rows that the model keeps to compare new ones with; None where it keeps none."""
    points = model.arrays.get("detect.points")
    if points is None:
        return None
    real, width = model.arrays.get("detect.real"), math.prod(model.shape)
    x = unbent(points[:, :width].float())
    for sort, begin, size in model.facts["fields"]:
        if sort == "category":
            x[:, begin : begin + size] *= 2**0.5  # which the distances count half
    return Batch(x.reshape(-1, *model.shape), None if real is None else real[:, :width].reshape(-1, *model.shape))


def _flat(batch: Batch) -> Tensor:
    """Samples as rows of numbers (B, D), what is missing as 0, which is the mean of what the kind scaled."""
    return filled(batch.x.float(), batch.mask).flatten(1)


def _distance(known: Tensor, rows: Tensor) -> Tensor:
    """The mean distance to the nearest known rows."""
    nearest = min(NEIGHBOURS, len(known))
    pieces = rows.split(max(1, int(PRODUCTS / len(known))))
    return torch.cat([torch.cdist(piece, known).topk(nearest, largest=False).values.mean(1) for piece in pieces])
