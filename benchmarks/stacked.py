"""Pretraining layer by layer beside plain training of the same network, with the same seeds and the same number of epochs in all.

    python benchmarks/run.py --only stacked [--data DIR] [--quick]

Errors are measured on pictures that no training saw, as a share of their variance, mean of two seeds. PCA has as many components as the
code has numbers.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from quality import digits, pictures

from hourglass import Autoencoder
from hourglass.report.baselines import principal

Array = NDArray[Any]
Rows = list[dict[str, Any]]

CODE = 16
DEEP = "widths=[512,256,128,64]"
BARE = f"dense:{DEEP},activation=tanh,beside=false"


class Trial(NamedTuple):
    """A network on a data set, and its budget."""

    data: str
    network: str
    epochs: int
    batch_size: int
    told: str


FACES = (
    Trial("faces", BARE, 60, 32, "dense, tanh, no linear path"),
    Trial("faces", BARE, 200, 32, "the same, longer"),
    Trial("faces", f"dense:{DEEP},beside=false", 60, 32, "dense, relu, no linear path"),
    Trial("faces", f"dense:{DEEP},activation=tanh", 60, 32, "dense, tanh, with the path"),
    Trial("faces", "conv:widths=[16,32,64],beside=false", 60, 32, "conv, no linear path"),
)
MNIST = (
    Trial("MNIST", BARE, 5, 64, "dense, tanh, no linear path"),
    Trial("MNIST", BARE, 15, 64, "the same, longer"),
    Trial("MNIST", f"dense:{DEEP},activation=tanh", 5, 64, "dense, tanh, with the path"),
)
DIGITS = (
    Trial("digits", "dense:widths=[64,64,64,32],activation=tanh,beside=false", 10, 64, "dense, tanh, no linear path"),
    Trial("digits", "dense:widths=[64,64,64,32],activation=tanh", 10, 64, "dense, tanh, with the path"),
)


def stacking(data: Path | None, quick: bool) -> Rows:
    """Plain and stacked training for as many epochs, code 16. Error: the share of the variance that is lost on held-out pictures."""
    sets: dict[str, tuple[Array, Array]] = {"digits": digits()[1:3]}
    if data is not None:
        found = {split.name.split(",")[0].split()[0]: split for split in pictures(data, quick)}
        mnist, faces = found["MNIST"], found["AT&T"]
        sets |= {"MNIST": (mnist.train[:5000], mnist.test), "faces": (faces.train, faces.test)}
    trials = [trial for trial in (*DIGITS, *FACES, *MNIST) if trial.data in sets]
    return [_tried(trial, *sets[trial.data], seeds=(0,) if quick else (0, 1)) for trial in (trials[:3] if quick else trials)]


def _tried(trial: Trial, train: Array, test: Array, seeds: tuple[int, ...]) -> dict[str, Any]:
    """One line of the table."""
    flat, rows = (torch.from_numpy(part.reshape(len(part), -1).astype("f4")) for part in (train, test))
    total = float((rows - flat.mean(0)).square().mean())
    lost: dict[str, list[float]] = {"plain": [], "stacked": []}
    seconds: dict[str, float] = {}
    for name in lost:
        begun = time.process_time()
        lost[name] = [_error(trial, train, test, seed, name == "stacked") / total for seed in seeds]
        seconds[name] = (time.process_time() - begun) / len(seeds)
    means = {name: float(np.mean(found)) for name, found in lost.items()}
    pca = float((principal(flat, CODE).reconstruct(rows) - rows).square().mean()) / total
    return (
        {"data": f"{trial.data}, {len(train):,}", "network": trial.told, "epochs": trial.epochs, "PCA": pca, **means}
        | {"stacked / plain": means["stacked"] / means["plain"]}
        | {f"{name}, CPU s": value for name, value in seconds.items()}
    )


def _error(trial: Trial, train: Array, test: Array, seed: int, stacked: bool) -> float:
    """Mean squared error on pictures, in their own units."""
    options = {"network": trial.network, "epochs": trial.epochs, "batch_size": trial.batch_size, "learning_rate": 1e-3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Autoencoder(code_size=CODE, spoil="none", stacked=stacked, random_state=seed, **options).fit(train)
    return float(np.square(np.asarray(model.reconstruct(test), "f4") - test.astype("f4")).mean())


def main(data: Path | None = None, quick: bool = False) -> dict[str, Rows]:
    """All tables, by title."""
    torch.set_num_threads(1)
    return {str(stacking.__doc__): stacking(data, quick)}
