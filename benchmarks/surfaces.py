"""Surfaces: defects found by networks that saw good pieces alone, beside what needs no network.

Two thirds of the good pieces, by a seeded shuffle, are trained on; the others are tested against all defects.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

Grey = NDArray[np.float32]
Mapping = Callable[[Grey], Grey]
DEFECTS = ("blowhole", "crack")
BORDER = 15  # pixels beside the sides, which baselines leave out: pieces end there, which is no defect
SCALES, WIDER = (1.0, 1.4, 2.0, 2.8, 4.0), 1.6
PEAK = 30  # pixels, the highest, whose mean is a picture's score, where a map has no score of its own


def grey(path: Path) -> Grey:
    """A picture from 0 to 1."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"), np.float32) / 255


def differences(good: list[Grey]) -> Mapping:
    """|Difference of Gaussians| of the logarithm, smoothed; of the scales that whose maxima vary least over good pieces, for their mean."""

    def at(scale: float) -> Mapping:
        def mapped(picture: Grey) -> Grey:
            bright = np.log(picture + 0.02)
            change = gaussian_filter(bright, scale) - gaussian_filter(bright, WIDER * scale)
            return inner(gaussian_filter(np.abs(change), 2.0))

        return mapped

    def uneven(scale: float) -> float:
        peaks = np.array([at(scale)(picture).max() for picture in good[:60]])
        return float(peaks.std() / peaks.mean())

    return at(min(SCALES, key=uneven))


def principal(good: list[Grey], side: int = 16, kept: int = 32) -> Mapping:
    """What the principal components of patches of the logarithm leave over, smoothed."""
    random = np.random.default_rng(0)
    logs = [np.log(picture + 0.02) for picture in good]

    def patch(picture: Grey) -> Grey:
        row, column = (random.integers(0, length - side + 1) for length in picture.shape)
        return picture[row : row + side, column : column + side].ravel()

    pca = PCA(kept, random_state=0).fit(np.stack([patch(logs[number]) for number in random.integers(0, len(logs), 20_000)]))

    def mapped(picture: Grey) -> Grey:
        views = np.lib.stride_tricks.sliding_window_view(np.log(picture + 0.02), (side, side))
        found, hits = np.zeros(picture.shape, np.float32), np.zeros(picture.shape, np.float32)
        for row in range(0, views.shape[0], 4):
            rows = views[row, ::4].reshape(-1, side * side)
            left = (rows - pca.inverse_transform(pca.transform(rows))).reshape(-1, side, side) ** 2
            for number, part in enumerate(left):
                found[row : row + side, 4 * number : 4 * number + side] += part
                hits[row : row + side, 4 * number : 4 * number + side] += 1
        return inner(gaussian_filter(found / np.maximum(hits, 1), 2.0))

    return mapped


def inner(found: Grey) -> Grey:
    """The map with nothing near the sides."""
    made = np.zeros_like(found)
    made[BORDER:-BORDER, BORDER:-BORDER] = found[BORDER:-BORDER, BORDER:-BORDER]
    return made


def residual(files: list[str], seed: int, epochs: int) -> Mapping:
    """What a plain convolutional autoencoder with a spatial code leaves over, smoothed."""
    from hourglass import Autoencoder

    model = Autoencoder("compress", network="conv:widths=[16,32,64],code=spatial", code_size=4, epochs=epochs, random_state=seed).fit(files)

    def mapped(picture: Grey) -> Grey:
        back = np.asarray(model.reconstruct([picture])[0], np.float32).reshape(picture.shape)
        return inner(gaussian_filter((picture - back) ** 2, 2.0))

    return mapped


def detector(files: list[str], seed: int, epochs: Any) -> Mapping:
    """hourglass, as the command line trains it."""
    from hourglass import Autoencoder

    model = Autoencoder("detect", epochs=epochs, random_state=seed).fit(files)

    def mapped(picture: Grey) -> Grey:
        found: list[Grey] = []
        model.explain([Image.fromarray(np.rint(picture * 255).astype(np.uint8))], maps=lambda _, values: found.append(values))
        return found[0]

    return mapped


def measured(name: str, seed: int, make: Callable[[], Mapping], test: list[Path], folder: Path) -> dict[str, Any]:
    """Image and pixel AUROC of each sort of defect, and the processor's seconds."""
    began = time.process_time()
    mapped = make()
    row: dict[str, Any] = {"": name, "seed": seed, "fit, CPU s": time.process_time() - began}
    began = time.process_time()
    good = [peak(mapped(grey(path))) for path in test]
    for defect in DEFECTS:
        paths = sorted((folder / defect).glob("*.jpg"))
        maps = [mapped(grey(path)) for path in paths]
        truth = np.concatenate([(grey(path.with_suffix(".png")) > 0.5).ravel() for path in paths])
        row[f"{defect}, image"] = round(float(roc_auc_score([0] * len(good) + [1] * len(maps), good + [peak(each) for each in maps])), 3)
        row[f"{defect}, pixel"] = round(float(roc_auc_score(truth, np.concatenate([each.ravel() for each in maps]))), 3)
        row["pictures"] = row.get("pictures", len(good)) + len(maps)
    row["score, CPU ms a picture"] = 1000 * (time.process_time() - began) / row.pop("pictures")
    print(row, file=sys.stderr, flush=True)  # an hour in all: what was found stands in the log
    return row


def peak(found: Grey) -> float:
    """The mean of the highest pixels."""
    return float(np.partition(found.ravel(), -PEAK)[-PEAK:].mean())


def main(data: Path | None, quick: bool) -> dict[str, list[dict[str, Any]]]:
    """All methods on the same split, for each seed."""
    folder = None if data is None else data / "surfaces"
    if folder is None or not folder.is_dir():
        return {}
    torch.set_num_threads(1)
    rows = []
    for seed in (0,) if quick else range(5):
        files = sorted((folder / "good").glob("*.jpg"))
        order = np.random.default_rng(seed).permutation(len(files))
        train, test = ([files[number] for number in part] for part in np.split(order, [2 * len(files) // 3]))
        names, good = [str(path) for path in train], [grey(path) for path in train]
        methods: dict[str, Callable[[], Mapping]] = {
            "hourglass": lambda names=names, seed=seed: detector(names, seed, 1 if quick else "auto"),
            "difference of Gaussians": lambda good=good: differences(good),
            "PCA of patches": lambda good=good: principal(good),
            "plain conv autoencoder": lambda names=names, seed=seed: residual(names, seed, 1 if quick else 6),
        }
        rows += [measured(name, seed, make, test, folder) for name, make in methods.items()]
    return {str(__doc__): rows}
