"""Missing values filled in: a fifth of all cells hidden at random, beside the mean, nearest neighbours and chained ridge."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourglass import Autoencoder

ROWS, SHARE = 3000, 0.2
Array = NDArray[Any]


def main(data: Path | None, quick: bool) -> dict[str, list[dict[str, Any]]]:
    """Tables by title."""
    paths = [] if data is None else sorted((data / "tables").glob("*.npz"))[: 2 if quick else None]
    if not paths:
        return {"no tables: give --data": []}
    rows = [of_table(path, quick) for path in paths]
    title = (
        f"Missing values: {SHARE:.0%} of the cells of up to {ROWS:,} rows hidden at random; root mean squared error of these, in standard "
        "deviations of their columns; CPU s to learn and fill in"
    )
    names = [name for name in rows[0] if name not in ("data", "CPU s")]
    won = {name: f"lower on {sum(row['hourglass'] < row[name] for row in rows)} of {len(rows)}" for name in names if name != "hourglass"}
    told = [{name: f"{value:.3f}" if name in names else value for name, value in row.items()} for row in rows]
    return {title: [*told, {"data": "hourglass is", **won}]}


def of_table(path: Path, quick: bool) -> dict[str, Any]:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

    random = np.random.default_rng(0)
    with np.load(path) as file:
        X = file["X"].astype(np.float64)
    X = X[random.permutation(len(X))[:ROWS]]
    X = X[:, X.std(0) > 1e-9]
    truth, hidden = (X - X.mean(0)) / X.std(0), random.random(X.shape) < SHARE
    holes = np.where(hidden, np.nan, truth)
    begun = time.process_time()
    ours = filled(holes, quick)
    seconds = time.process_time() - begun
    row: dict[str, Any] = {"data": path.stem, "hourglass": error(ours, truth, hidden)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, peer in {"mean": SimpleImputer(), "kNN (5)": KNNImputer(), "chained ridge": IterativeImputer(random_state=0)}.items():
            row[name] = error(peer.fit_transform(holes), truth, hidden)
    return row | {"CPU s": seconds}


def filled(holes: Array, quick: bool) -> Array:
    model = Autoencoder("denoise", spoil="mask", random_state=0, **({"epochs": 1} if quick else {}))
    made: Array = model.fit(holes).reconstruct(holes, fill=True)
    return made


def error(made: Array, truth: Array, hidden: Array) -> float:
    return float(np.sqrt(np.square(made - truth)[hidden].mean()))
