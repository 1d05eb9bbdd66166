"""How well maps and scores of pictures tell defects from what is good, where masks say where the defects are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from hourglass.errors import BadData
from hourglass.kinds._picture_masks import mask_of, read_mask
from hourglass.uses.maps import peak

__all__ = ["Truth"]

BINS = 8192  # of the values of pixels: so many pictures as one likes, in bounded memory


class Truth:
    """Call it with each picture and its map, then ask for `figures()`. Pictures without a mask, or with a black one, are good.

    `paths` tells where each picture of a name lies, `where` where its mask is: a folder, or what follows its stem.
    """

    def __init__(self, paths: Mapping[str, Path], where: str) -> None:
        self.masks = {name: mask_of(path, name, where) for name, path in paths.items()}
        if not any(self.masks.values()):
            raise BadData(f"no picture has a mask at {where!r}; for {next(iter(paths.values()))} none was found; see --masks")
        self.scores: list[float] = []
        self.hurt: list[bool] = []
        self.counts = np.zeros((2, BINS))  # good pixels and those of defects, by value

    def __call__(self, picture: Any, found: NDArray[Any]) -> None:
        """Take in one picture and its map (H, W)."""
        path = self.masks.get(picture.name)
        mask = np.zeros(found.shape, bool) if path is None else read_mask(path, (found.shape[0], found.shape[1]))
        self.scores.append(float(peak(torch.from_numpy(found))))
        self.hurt.append(bool(mask.any()))
        place = ((found / (1 + np.abs(found)) + 1) * (BINS / 2)).astype(np.int64).clip(0, BINS - 1)
        for of_defects in (False, True):
            self.counts[int(of_defects)] += np.bincount(place[mask == of_defects], minlength=BINS)

    def figures(self) -> dict[str, Any]:
        """Pictures with defects; the chance that such a one scores higher than a good one, and likewise for pixels (None: not known)."""
        both = 0 < sum(self.hurt) < len(self.hurt)
        good, hurt = self.counts
        ahead = (hurt * (np.cumsum(good) - good / 2)).sum()
        return {
            "defects": sum(self.hurt),
            "image_auroc": float(roc_auc_score(self.hurt, self.scores)) if both else None,
            "pixel_auroc": float(ahead / (good.sum() * hurt.sum())) if good.sum() and hurt.sum() else None,
        }
