"""Search: whether what it finds is better than the recipe on rows that neither saw.

Protocol: 30 trials in at most 10 minutes. Of tables 70 % of the rows are searched on, with the labels of anomalies; what was found and the
recipe are then fitted to the normal ones of these with three seeds, and judged on the other 30 %. Of digits 20,000 are searched on, with
their labels; judged by logistic regression on the codes of 2,000 of them, tested on the test set.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hourglass import Autoencoder, search
from hourglass.spaces import changed

Rows = list[dict[str, Any]]
LEAST, TABLES, SEEDS = 200, 4, 3  # rows of the rarer class; so many tables, the first ones


def main(data: Path | None = None, quick: bool = False) -> dict[str, Rows]:
    """One table."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if data is None:
        return {}
    trials, minutes = (4, 0.3) if quick else (30, 10.0)
    rows: Rows = []
    for path in sorted((data / "tables").glob("*.npz")):
        held = np.load(path)
        if min(np.bincount(held["y"].astype(int))) >= LEAST and len(rows) < TABLES:
            rows.append(table(path.stem.split("_", 1)[1], held["X"].astype(np.float32), held["y"].astype(int), trials, minutes))
            print(rows[-1], flush=True)
    rows.append(digits(data, trials, minutes))
    return {f"What {trials} trials in {minutes:g} minutes find, on rows they never saw: AUROC, of digits accuracy, in percent": rows}


def told(name: str, found: Any, seconds: float, best: list[float], recipe: list[float]) -> dict[str, Any]:
    """A row."""
    apart = np.asarray(best) - np.asarray(recipe)
    words = (
        ", ".join(f"{setting.removeprefix('network.')} {value}" for setting, value in found.best.items()) if found.taken else "the recipe"
    )
    return {
        "data": name,
        "recipe": f"{100 * np.mean(recipe):.2f} ± {100 * np.std(recipe):.2f}",
        "given by the search": f"{100 * np.mean(best):.2f} ± {100 * np.std(best):.2f}",
        "difference": f"{100 * apart.mean():+.2f} ± {100 * apart.std(ddof=1) / np.sqrt(len(apart)):.2f}",
        "minutes": f"{seconds / 60:.1f}",
        "given up": f"{sum(each.value is None for each in found.trials)}",
        "changed": words if found.taken else "nothing",
    }


def settings_of(found: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Constructor keywords of what is given, and of the recipe."""
    return (changed(found.recipe, found.best) if found.taken else {}), {}


def table(name: str, X: Any, y: Any, trials: int, minutes: float) -> dict[str, Any]:
    """Anomalies in a table: AUROC."""
    order = np.random.default_rng(0).permutation(len(y))
    known, asked = order[: int(0.7 * len(y))], order[int(0.7 * len(y)) :]
    begun = time.monotonic()
    found = search(X[known], y[known], purpose="detect", trials=trials, minutes=minutes, random_state=0)
    seconds = time.monotonic() - begun
    values: list[list[float]] = []
    for given in settings_of(found):
        made = [Autoencoder(purpose="detect", random_state=100 + seed, **given).fit(X[known][y[known] == 0]) for seed in range(SEEDS)]
        values.append([float(roc_auc_score(y[asked], -model.score_samples(X[asked]))) for model in made])
    return told(name, found, seconds, *values)


def digits(data: Path, trials: int, minutes: float) -> dict[str, Any]:
    """Features of digits: accuracy of a linear probe."""
    train, test = (np.load(data / "digits" / f"mnist_{part}.npz") for part in ("train", "test"))
    X, y = train["x"][:20_000, ..., None], train["y"][:20_000]
    begun = time.monotonic()
    found = search(X, y, trials=trials, minutes=minutes, random_state=0)
    seconds = time.monotonic() - begun
    values: list[list[float]] = []
    for given in settings_of(found):
        scores = []
        for seed in range(SEEDS):
            model = Autoencoder(random_state=100 + seed, **{**given, "minutes": found.trial_minutes}).fit(X)
            probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
            probe.fit(model.transform(X[:2000]), y[:2000])
            scores.append(float(probe.score(model.transform(test["x"][..., None]), test["y"])))
        values.append(scores)
    return told("digits", found, seconds, *values)
