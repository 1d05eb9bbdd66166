"""Anomalies in tables beside other detectors: found, false alarms and time, and a table with planted contradictions.

    python benchmarks/run.py --only detect [--data DIR] [--quick]

One-class protocol: train on half of the normal rows, at most 6,000; test on the other half and all anomalies, at most 6,000 of each; means
of five seeds. All detectors have their defaults; times are CPU seconds on one thread in the same run.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import peers
import planted
import torch
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from hourglass import Autoencoder
from hourglass.parts import find
from hourglass.uses import near
from hourglass.uses.detect import neighbours, p_values, residuals, units

Array = NDArray[Any]
Rows = list[dict[str, Any]]
RATES = (0.1, 0.05, 0.01)
ENOUGH = 1000  # normal rows to train on, from which false alarms are averaged
OURS = ("hourglass", "its neighbours alone", "its residuals alone")


def halves(path: Path, seed: int) -> tuple[Array, Array, Array]:
    """Normal rows to train on, rows to test on, and which of these are anomalies."""
    with np.load(path) as file:
        x, y = file["X"].astype("f4"), file["y"]
    draw = np.random.default_rng(seed)
    normal, odd = draw.permutation(np.flatnonzero(y == 0)), draw.permutation(np.flatnonzero(y == 1))
    half = len(normal) // 2
    kept, other, odd = normal[:half][:6000], normal[half:][:6000], odd[:6000]
    return x[kept], x[np.concatenate([other, odd])], np.repeat([0, 1], [len(other), len(odd)])


def quietly(work: Callable[[], Any]) -> tuple[Any, float]:
    """What some work gives, and its CPU seconds."""
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = work()
    return made, time.process_time() - begun


def ours(train: Array, test: Array, seed: int) -> Iterator[tuple[str, Array, float, float]]:
    """Scores of a default model, and those of its two halves; then its p-values under the name "p"."""
    model, fit = quietly(lambda: Autoencoder(purpose="detect", random_state=seed).fit(train))
    scores, seconds = quietly(lambda: -model.score_samples(test))
    yield OURS[0], scores, fit, seconds
    inside = model.model_
    batch = find("kinds", "table").to_tensor(test, inside.facts)
    width = inside.input_size
    known = near.References(inside.arrays["detect.points"][:, :width])
    asked = near.References(near.bent(batch.x * units(inside)))
    yield OURS[1], near.distances(asked, known, neighbours(inside))[0].mean(1).numpy(), fit, seconds
    alone, seconds = quietly(lambda: residuals(inside, batch).flatten(1).mean(1).numpy())
    yield OURS[2], alone, fit, seconds
    yield "p", p_values(inside, torch.from_numpy(scores)).numpy(), fit, seconds


def _pyod(train: Array, seed: int) -> Callable[[Array], Array]:
    model = peers.pyod(train, [64, 32], 10, batch_norm=True, dropout_rate=0.2, batch_size=32, random_state=seed)  # its own defaults
    return lambda test: np.asarray(model.decision_function(test))


def _neighbours(train: Array, seed: int) -> Callable[[Array], Array]:
    mean, scale = train.mean(0), train.std(0)
    scale[scale == 0] = 1
    known = NearestNeighbors(n_neighbors=5).fit((train - mean) / scale)
    return lambda test: np.asarray(known.kneighbors((test - mean) / scale)[0][:, -1])


def _forest(train: Array, seed: int) -> Callable[[Array], Array]:
    forest = IsolationForest(random_state=seed).fit(train)
    return lambda test: np.asarray(-forest.score_samples(test))


PEERS = {"PyOD AutoEncoder": _pyod, "kNN (5)": _neighbours, "isolation forest": _forest}


def everyone(train: Array, test: Array, seed: int) -> Iterator[tuple[str, Array, float, float]]:
    """Name, scores, and CPU seconds of fitting and of scoring."""
    yield from ours(train, test, seed)
    for name, make in PEERS.items():
        score, fit = quietly(lambda make=make: make(train, seed))
        scores, seconds = quietly(lambda score=score: score(test))
        yield name, scores, fit, seconds


def tables(data: Path, seeds: int, most: int | None) -> tuple[Rows, Rows, Rows]:
    """AUROC of every table, the means and times of every detector, and the false alarms of ours."""
    areas: Rows = []
    alarms: list[list[float]] = []
    sums: dict[str, list[list[float]]] = {}
    for path in sorted((data / "tables").glob("*.npz"))[:most]:
        row: dict[str, Any] = {"data": path.stem}
        for seed in range(seeds):
            train, test, odd = halves(path, seed)
            for name, scores, fit, seconds in everyone(train, test, seed):
                if name == "p":
                    if len(train) >= ENOUGH:
                        alarms.append([float((scores[odd == 0] <= rate).mean()) for rate in RATES])
                    continue
                area, precision = 100 * roc_auc_score(odd, scores), 100 * average_precision_score(odd, scores)
                sums.setdefault(name, []).append([area, precision, fit, seconds])
                row[name] = row.get(name, 0.0) + area / seeds
        areas.append(row)
    means = [_mean(name, np.array(found), seeds) for name, found in sums.items()]
    told = [{"asked for": f"{rate:.0%}", "measured": f"{100 * share:.3g} %"} for rate, share in zip(RATES, np.mean(alarms, 0), strict=True)]
    return areas, means, told


def _mean(name: str, found: Array, seeds: int) -> dict[str, Any]:
    area, precision = found[:, :2].mean(0)
    fit, seconds = found[:, 2:].sum(0) / seeds
    return {"detector": name, "AUROC": f"{area:.2f}", "average precision": f"{precision:.2f}", "fit, CPU s": fit, "scoring, CPU s": seconds}


def contradictions(seeds: int) -> Rows:
    """Payments with planted contradictions (`benchmarks/planted.py`): AUROC, and how often the guilty column is named first."""
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        train, (odd, guilty) = planted.normal(5000, 100 * seed), planted.contradictory(500, 100 * seed + 7)
        rows = pd.concat([planted.normal(1000, 100 * seed + 50), odd], ignore_index=True)
        truth = np.repeat([0, 1], [1000, 500])
        model, _ = quietly(lambda train=train, seed=seed: Autoencoder(purpose="detect", random_state=seed).fit(train))
        found.setdefault("hourglass", []).append(roc_auc_score(truth, -model.score_samples(rows)))
        because = model.set_params(false_alarms=1.0).explain(odd)["because"]
        right = [reason.split(" ")[0] == column for reason, column in zip(because, guilty, strict=True)]
        found.setdefault("guilty column named first", []).append(float(np.mean(right)))
        seen, asked = hot(train), hot(rows)
        asked = asked.reindex(columns=seen.columns, fill_value=0.0)
        mean, scale = seen.mean(), seen.std().replace(0, 1)
        seen, asked = ((part - mean) / scale for part in (seen, asked))
        for name in ("kNN (5)", "isolation forest"):
            found.setdefault(name, []).append(roc_auc_score(truth, PEERS[name](seen.to_numpy(), seed)(asked.to_numpy())))
    return [{"": name, "mean": float(np.mean(values)), "lowest": min(values)} for name, values in found.items()]


def hot(rows: Any) -> Any:
    """Payments as numbers, categories one-hot, the date as hour, weekday and day of the year."""
    numbers = pd.get_dummies(rows[["shop", "country", "currency", "sort"]]).astype(float)
    date = rows.date.dt
    return numbers.assign(amount=rows.amount, hour=date.hour + date.minute / 60, weekday=date.dayofweek, day=date.dayofyear)


def main(data: Path | None = None, quick: bool = False) -> dict[str, Rows]:
    """All tables, by title."""
    torch.set_num_threads(1)
    seeds = 2 if quick else 5
    told = {str(contradictions.__doc__): contradictions(seeds)}
    if data is None:
        return told
    areas, means, alarms = tables(data, seeds, None)
    return {
        "Anomalies in 16 tables, means over tables and seeds; CPU seconds of all tables, one seed": means,
        f"Normal rows that training never saw and that are called anomalies, tables with {ENOUGH:,} training rows and more": alarms,
        "Area under the ROC curve in percent, by table": areas,
        **told,
    }
