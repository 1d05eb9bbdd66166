"""Few labels: what pretraining without labels brings, beside the same network from scratch and beside raw data and PCA.

Protocol: pretrained on all training samples without their labels; labels of each class drawn at random, five draws; accuracy (digits,
faces) on the test set, AUROC (tables) on all rows without a label. Nothing is augmented while labels are learned. Every probe's
strength is chosen by cross-validation on its labels alone.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hourglass import Autoencoder, TransferClassifier
from hourglass.uses import ways

Array = NDArray[Any]
Rows = list[dict[str, Any]]
BACK = "moves:shift=4,turn=0.3,scale=0.2,back=true"
CONV = {"network": "conv:beside=false", "code_size": 64}
PRETRAINING: dict[str, dict[str, Any]] = {
    "plain": {"spoil": "none"},
    "denoising": {"spoil": "noise:0.5"},
    "masked": {"spoil": "patches:0.75"},
    "variational": {"bottleneck": "gaussian"},
    "stacked": {"stacked": True},
    "moved": {"spoil": "moves:shift=4,turn=0.3,scale=0.2"},
    "moved back": {"spoil": BACK},
}
LEAST = 200  # rows of the rarer class


def main(data: Path | None = None, quick: bool = False) -> dict[str, Rows]:
    """All tables, by title."""
    torch.set_num_threads(1)
    if data is None:
        return {}
    warnings.simplefilter("ignore")
    minutes, long, draws = (0.2, 0.2, 2) if quick else (2.0, 8.0, 5)
    sets = digits(data)
    evidence, _ = pretrained(sets, minutes, draws, PRETRAINING)
    few, model = pretrained(sets, long, draws, {"moved back": PRETRAINING["moved back"]})
    return {
        f"Digits: which pretraining, {minutes:g} minutes each; probes, accuracy in percent": evidence + rivals(sets, draws),
        f"Digits: moved back, {long:g} minutes; probes": few,
        f"Digits: trained further after {long:g} minutes, and the same network from scratch, accuracy in percent": tuned(
            sets, model, draws
        ),
        "Faces of 40 people, 2 labelled pictures each, accuracy in percent on the others": faces(data, minutes, draws),
        "Tables, 5 percent of the labels: AUROC in percent, means of five draws": tables(data, draws, quick),
    }


def digits(data: Path) -> tuple[Array, Array, Array, Array]:
    """Training pictures (n, 28, 28, 1) and what they are, the same for testing."""
    train, test = (np.load(data / "digits" / f"mnist_{part}.npz") for part in ("train", "test"))
    return train["x"][..., None], train["y"], test["x"][..., None], test["y"]


def drawn(y: Array, each: int, seed: int) -> Array:
    """So many rows of each class."""
    chance = np.random.default_rng(seed)
    return np.concatenate([chance.choice(np.flatnonzero(y == sort), each, replace=False) for sort in np.unique(y)])


def spread(found: list[float]) -> str:
    """Mean and standard deviation, in percent."""
    return f"{100 * np.mean(found):.1f} ± {100 * np.std(found):.1f}"


def probed(model: Autoencoder, sets: Any, each: int, draws: int) -> list[float]:
    """The test accuracy of the better probe, by cross-validation, of each draw."""
    X, y, T, truth = sets
    found = []
    for seed in range(draws):
        rows = drawn(y, each, seed)
        made = TransferClassifier(model, way="probe", compare=False, random_state=seed).fit(X[rows], y[rows])
        found.append(float(made.score(T, truth)))
    return found


def pretrained(sets: Any, minutes: float, draws: int, ways_of: dict[str, dict[str, Any]]) -> tuple[Rows, Autoencoder]:
    """A row for each way of pretraining, and the last model."""
    rows: Rows = []
    for name, settings in ways_of.items():
        model = Autoencoder(minutes=minutes, random_state=0, **{**CONV, **settings}).fit(sets[0])
        begun = time.process_time()
        model.transform(sets[0][:10_000])
        speed = 10_000 / (time.process_time() - begun)
        rows.append(
            {
                "pretraining": name,
                "100 labels": spread(probed(model, sets, 10, draws)),
                "1,000 labels": spread(probed(model, sets, 100, draws)),
                "digits/s": f"{speed:,.0f}",
            }
        )
        print(rows[-1], flush=True)
    return rows, model


def rivals(sets: Any, draws: int) -> Rows:
    """The same probe on the raw pixels and on PCA of all of them."""
    X, y, T, truth = sets
    flat, asked = (part.reshape(len(part), -1) / np.float32(255) for part in (X, T))
    components = PCA(64, random_state=0).fit(flat)
    rows: Rows = []
    for name, change in (("none: raw pixels", lambda x: x), ("none: PCA, 64", components.transform)):
        known, new = change(flat), change(asked)
        row = {"pretraining": name}
        for title, each in (("100 labels", 10), ("1,000 labels", 100)):
            found = []
            for seed in range(draws):
                at = drawn(y, each, seed)
                found.append(float(logistic(5).fit(known[at], y[at]).score(new, truth)))
            row[title] = spread(found)
        rows.append(row)
    return rows


def tuned(sets: Any, model: Autoencoder, draws: int) -> Rows:
    """Fine-tuned and from scratch: as many steps for both, the stage of each by cross-validation."""
    X, y, T, truth = sets
    rows: Rows = []
    for labels, each, folds in (("100", 10, 5), ("1,000", 100, 1)):
        found: dict[str, list[float]] = {"fine-tuned": [], "from scratch": []}
        for seed in range(draws):
            at = drawn(y, each, seed)
            for name, way in (("fine-tuned", "fine-tune"), ("from scratch", "scratch")):
                made = TransferClassifier(model, way=way, folds=folds, compare=False, random_state=seed).fit(X[at], y[at])
                found[name].append(float(made.score(T, truth)))
            print(labels, seed, {name: values[-1] for name, values in found.items()}, flush=True)
        rows.append({"labels": labels, **{name: spread(values) for name, values in found.items()}})
    return rows


def logistic(folds: int) -> Any:
    """Logistic regression whose strength is chosen by cross-validation."""
    grid = {"logisticregression__C": [*ways.STRENGTHS, 10.0]}
    return GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)), grid, cv=folds)


def faces(data: Path, minutes: float, draws: int) -> Rows:
    """Two pictures a person have labels; all are learned from without."""
    held = np.load(data / "faces" / "att_faces.npz")
    X, y = (held[name] for name in held.files[:2])
    small = X[:, ::2, ::2, None].astype(np.uint8)  # (400, 56, 46, 1)
    model = Autoencoder(minutes=minutes, random_state=0, **{**CONV, "spoil": "moves:shift=3,turn=0.15,scale=0.1,back=true"}).fit(small)
    flat = small.reshape(len(small), -1) / np.float32(255)
    components = PCA(64, random_state=0).fit(flat)
    found: dict[str, list[float]] = {}
    for seed in range(draws):
        at = drawn(y, 2, seed)
        rest = np.setdiff1d(np.arange(len(y)), at)
        for name, way in (("chosen by cross-validation", "auto"), ("from scratch", "scratch")):
            made = TransferClassifier(model, way=way, folds=2, compare=False, random_state=seed).fit(small[at], y[at])
            found.setdefault(name, []).append(float(made.score(small[rest], y[rest])))
        for name, seen in (("raw pixels", flat), ("PCA, 64", components.transform(flat))):
            found.setdefault(name, []).append(float(logistic(2).fit(seen[at], y[at]).score(seen[rest], y[rest])))
        print("faces", {name: values[-1] for name, values in found.items()}, flush=True)
    return [{name: spread(values) for name, values in found.items()}]


def tables(data: Path, draws: int, quick: bool) -> Rows:
    """A row for each table: pretrained on all rows, labels of a twentieth, at least five of each class."""
    rows: Rows = []
    for path in sorted((data / "tables").glob("*.npz")):
        held = np.load(path)
        X, y = held["X"].astype(np.float32), held["y"].astype(int)
        if min(np.bincount(y)) < LEAST or (quick and len(rows) == 2):
            continue
        model = Autoencoder(random_state=0).fit(X)
        found: dict[str, list[float]] = {}
        for seed in range(draws):
            chance = np.random.default_rng(seed)
            at = np.concatenate([chance.choice(r := np.flatnonzero(y == sort), max(5, len(r) // 20), replace=False) for sort in (0, 1)])
            rest = np.setdiff1d(np.arange(len(y)), at)
            said = {"hourglass": TransferClassifier(model, random_state=seed, compare=False)}
            said |= {"logistic regression": logistic(3), "boosted trees": HistGradientBoostingClassifier(random_state=seed)}
            for name, way in said.items():
                found.setdefault(name, []).append(float(roc_auc_score(y[rest], way.fit(X[at], y[at]).predict_proba(X[rest])[:, 1])))
        rows.append({"table": path.stem.split("_", 1)[1], **{name: f"{100 * np.mean(values):.1f}" for name, values in found.items()}})
        print(rows[-1], flush=True)
    means = {name: f"{np.mean([float(row[name]) for row in rows]):.1f}" for name in rows[0] if name != "table"}
    return [*rows, {"table": "mean", **means}]
