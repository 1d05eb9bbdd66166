"""Training rows that hold anomalies: how much less is found then, what it brings to say their share, and whether the rates of false
alarms still hold.

Protocol: as for tables of normal rows alone, but a stated share of the training rows are anomalies, which are not tested on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from detect import ENOUGH, PEERS, RATES, Array, Rows, halves, quietly
from sklearn.metrics import roc_auc_score

from hourglass import Autoencoder
from hourglass.uses.detect import p_values

SHARES = (0.0, 0.01, 0.02, 0.05, 0.1)
HALF = 0.5  # of a table's anomalies at most are trained on; tables that would need more are left out


def mixed(path: Path, seed: int, share: float) -> tuple[Array, Array, Array] | None:
    """Rows to train on with a share of anomalies, rows to test on, which of these are anomalies; None where there are too few."""
    train, test, odd = halves(path, seed)
    few = round(share / (1 - share) * len(train))
    if few > HALF * odd.sum():
        return None
    wild = np.flatnonzero(odd)[:few]
    return np.concatenate([train, test[wild]]), np.delete(test, wild, 0), np.delete(odd, wild)


def detectors(train: Array, test: Array, seed: int, share: float) -> dict[str, Array]:
    """Scores by name; of ours the p-values too, after "p ": without a word about the share, and with it."""
    found: dict[str, Array] = {}
    for name, told in (("not told", 0.0), ("told", share)):
        model, _ = quietly(lambda told=told: Autoencoder(purpose="detect", anomalies=told, random_state=seed).fit(train))
        found[name] = -model.score_samples(test)
        found[f"p {name}"] = p_values(model.model_, torch.from_numpy(found[name])).numpy()
    for name, make in PEERS.items():
        found[name] = quietly(lambda make=make: make(train, seed)(test))[0]
    return found


def main(data: Path | None = None, quick: bool = False) -> dict[str, Rows]:
    """All tables, by title."""
    torch.set_num_threads(1)
    if data is None:
        return {}
    paths = sorted((data / "tables").glob("*.npz"))[: 3 if quick else None]
    seeds = range(1 if quick else 3)
    paths = [path for path in paths if mixed(path, 0, max(SHARES))]  # the same tables for all shares
    areas: Rows = []
    alarms: Rows = []
    for share in SHARES:
        sums: dict[str, list[float]] = {}
        told: dict[str, list[list[float]]] = {}
        for path in paths:
            for seed in seeds:
                train, test, odd = mixed(path, seed, share) or ((),) * 3
                for name, scores in detectors(train, test, seed, share).items():
                    if not name.startswith("p "):
                        sums.setdefault(name, []).append(100 * roc_auc_score(odd, scores))
                    elif len(train) >= ENOUGH:
                        told.setdefault(name[2:], []).append([float((scores[odd == 0] <= rate).mean()) for rate in RATES])
        areas.append({"anomalies": f"{share:.0%}", **{name: f"{np.mean(found):.2f}" for name, found in sums.items()}})
        alarms.append(
            {
                "anomalies": f"{share:.0%}",
                **{f"{name}, {rate:.0%} asked": _percent(found, i) for name, found in told.items() for i, rate in enumerate(RATES)},
            }
        )
    title = f"AUROC in percent after training on rows of which a share are anomalies, means of {len(paths)} tables and {len(seeds)} seeds"
    return {title: areas, f"New normal rows called anomalies, in percent, tables with {ENOUGH:,} training rows and more": alarms}


def _percent(found: list[list[float]], column: int) -> Any:
    return f"{100 * np.mean(found, 0)[column]:.3g}"
