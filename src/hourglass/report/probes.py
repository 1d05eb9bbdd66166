"""What labels say about a network that never saw them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from hourglass.report.baselines import Principal, filled
from hourglass.report.passes import Seen, square_error

__all__ = ["probe"]

CLASSES = 100  # more distinct labels than this are no classes


def probe(seen: Seen, fitted: Principal, labels: Any) -> dict[str, float] | None:
    """Labels 0 and 1: how well the error tells them apart (AUROC). Other classes: how often the nearest code has the same label.

    Both with PCA beside it. None where the labels are all alike, or all different.
    """
    labels = np.asarray(labels)
    given = np.array([label is not None and label == label for label in labels], dtype=bool)
    if given.sum() < 3:
        return None
    keep = torch.from_numpy(given)
    seen, labels = seen.rows(keep), labels[given]
    values = set(labels.tolist())
    x = filled(seen.x, seen.mask)
    if len(values) == 2 and values <= {0, 1}:
        scores = (square_error(seen.x, back, seen.mask).nan_to_num().numpy() for back in (seen.back, fitted.reconstruct(x, seen.mask)))
        model, pca = (float(roc_auc_score(labels.astype(int), score)) for score in scores)
        return {"auroc": model, "auroc_pca": pca, "anomalies": int(labels.sum())}
    if len(values) < 2 or len(values) > min(CLASSES, len(labels) // 2):
        return None
    _, classes = np.unique(labels.astype(str), return_inverse=True)
    numbers = torch.from_numpy(classes)
    return {"nearest": _nearest(seen.z, numbers), "nearest_pca": _nearest(fitted.encode(x, seen.mask), numbers), "classes": len(values)}


def _nearest(codes: Tensor, classes: Tensor) -> float:
    """The share of rows whose nearest other row is of their class."""
    distance = torch.cdist(codes, codes).fill_diagonal_(torch.inf)
    return float((classes[distance.argmin(1)] == classes).float().mean())
