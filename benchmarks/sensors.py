"""Anomalies in sensors: NAB and SKAB, scores per step without point adjustment, beside windowed PCA and isolation forest.

    python benchmarks/run.py --only sensors [--data DIR] [--quick]

NAB: the first 15 % of each series to train on, the rest to score, its windows as labels; a series without any is left out. SKAB: trained
on the anomaly-free part, every valve test scored. A peer sees windows as long as hourglass does, standardised by the training rows, at
most 5,000 of them in training; a step's score is the mean over the windows that hold it. Sub-PCA weighs each component's distance by its
variance, as PyOD's PCA and the TSB-AD benchmark do; "PCA residual" is what the components of nine tenths of the variance leave.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from vus import best_f1, runs, vus_pr

from hourglass import Autoencoder

Array = NDArray[Any]
Rows = list[dict[str, Any]]
FIRST, MOST, VARIANCE = 0.15, 5000, 0.9
MACHINE = "realKnownCause/machine_temperature_system_failure.csv"
Score = Callable[[Array], Array]


class Split(NamedTuple):
    """A series: its set, the frame to train on, and the frames to score with their labels."""

    group: str
    train: pd.DataFrame
    tests: list[tuple[pd.DataFrame, Array]]


def marked(frame: pd.DataFrame, windows: list[list[str]]) -> Array:
    """1 within the windows of NAB, else 0."""
    time_ = frame["timestamp"]
    return np.array(sum(((time_ >= begin) & (time_ <= end)).astype(int) for begin, end in windows) + np.zeros(len(frame), int)).clip(0, 1)


def splits(data: Path) -> Iterator[Split]:
    """All series that have an anomaly to find."""
    known = json.loads((data / "sensors/nab/windows.json").read_text())
    for path in sorted((data / "sensors/nab").glob("*/*.csv")):
        frame = pd.read_csv(path, parse_dates=["timestamp"])
        cut = int(FIRST * len(frame))
        test = frame[cut:].reset_index(drop=True)
        labels = marked(test, known.get(f"{path.parent.name}/{path.name}", []))
        if labels.any():
            yield Split("NAB", frame[:cut], [(test, labels)])
    train = pd.read_csv(data / "sensors/skab/anomaly-free/anomaly-free.csv", sep=";", parse_dates=["datetime"])
    tests = []
    for path in sorted((data / "sensors/skab/valve1").glob("*.csv")):
        frame = pd.read_csv(path, sep=";", parse_dates=["datetime"])
        tests.append((frame[list(train.columns)], frame["anomaly"].to_numpy().astype(int)))
    yield Split("SKAB", train, tests)


def ours(split: Split, seed: int) -> tuple[list[Array], int]:
    """hourglass as it comes: scores of the tests, and the length of its windows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Autoencoder("detect", kind="series", random_state=seed).fit(split.train)
        return [-model.score_samples(test) for test, _ in split.tests], model.model_.facts["window"]


def windowed(split: Split, width: int, make: Callable[[Array, int], Score], seed: int) -> list[Array]:
    """Scores of a peer that sees windows of `width` steps."""
    rows = split.train.iloc[:, 1:].to_numpy(float)
    mean, spread = rows.mean(0), rows.std(0) + 1e-9
    known = cut((rows - mean) / spread, width)
    score = make(known[:: max(1, len(known) // MOST)], seed)
    found = []
    for test, _ in split.tests:
        each = score(cut((test.iloc[:, 1:].to_numpy(float) - mean) / spread, width))
        sums, step = np.concatenate([[0.0], np.cumsum(each)]), np.arange(len(test))
        begin, end = np.maximum(step - width + 1, 0), np.minimum(step, len(each) - 1) + 1
        found.append((sums[end] - sums[begin]) / (end - begin))
    return found


def cut(rows: Array, width: int) -> Array:
    """All windows (n - width + 1, C * width)."""
    return np.lib.stride_tricks.sliding_window_view(rows, width, axis=0).reshape(len(rows) - width + 1, -1)


def _forest(known: Array, seed: int) -> Score:
    forest = IsolationForest(random_state=seed).fit(known)
    return lambda windows: np.asarray(-forest.score_samples(windows))


def _parted(known: Array) -> tuple[Array, Array, Array]:
    """The mean, the directions and their variances."""
    mean = known.mean(0)
    _, sizes, directions = np.linalg.svd(known - mean, full_matrices=False)
    return mean, directions, sizes**2 / len(known)


def _weighed(known: Array, seed: int) -> Score:
    mean, directions, variances = _parted(known)
    weights = 1 / (variances + 1e-3 * variances.mean())
    return lambda windows: np.asarray((((windows - mean) @ directions.T) ** 2) @ weights)


def _left(known: Array, seed: int) -> Score:
    mean, directions, variances = _parted(known)
    kept = int(np.searchsorted(np.cumsum(variances) / variances.sum(), VARIANCE)) + 1
    axes = directions[: min(kept, len(directions) - 1)]
    return lambda windows: np.asarray(((windows - mean) ** 2).sum(1) - (((windows - mean) @ axes.T) ** 2).sum(1))


PEERS: dict[str, Callable[[Array, int], Score]] = {"Sub-PCA": _weighed, "PCA residual": _left, "isolation forest": _forest}


def compared(data: Path, seeds: int, quick: bool) -> Rows:
    """VUS-PR (window 100), best F1 of steps, means over series and seeds; CPU seconds of fitting and scoring, summed over all series."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    clocks: dict[str, float] = {}
    for split in list(splits(data))[:: 6 if quick else 1]:
        for seed in range(seeds):
            made, width = {}, 0
            for name in ("hourglass", *PEERS):
                clock = time.process_time()
                if name == "hourglass":
                    made[name], width = ours(split, seed)
                elif seed == 0 or name == "isolation forest":
                    made[name] = windowed(split, width, PEERS[name], seed)
                clocks[name] = clocks.get(name, 0.0) + (time.process_time() - clock) / (1 if name.endswith(("PCA", "residual")) else seeds)
            for name, scores in made.items():
                pairs = [(vus_pr(y, s), best_f1(y, s)) for s, (_, y) in zip(scores, split.tests, strict=True)]
                found.setdefault((name, split.group), []).extend(pairs)
    rows: Rows = []
    for name in ("hourglass", *PEERS):
        row: dict[str, Any] = {"detector": name}
        for group in ("NAB", "SKAB"):
            means = np.mean(found.get((name, group), [(np.nan, np.nan)]), axis=0)
            row |= {f"{group}, VUS-PR": float(means[0]), f"{group}, best F1": float(means[1])}
        rows.append(row | {"CPU s": clocks[name]})
    return rows


def machine(data: Path, seeds: int) -> Rows:
    """Events in NAB's machine temperature, trained on its first 15 %, all of it looked at; the last of its windows is the failure."""
    frame = pd.read_csv(data / "sensors/nab" / MACHINE, parse_dates=["timestamp"])
    windows = runs(marked(frame, json.loads((data / "sensors/nab/windows.json").read_text())[MACHINE]))
    rows: Rows = []
    for seed in range(seeds):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = Autoencoder("detect", kind="series", random_state=seed).fit(frame[: int(FIRST * len(frame))])
            events = model.explain(frame, events=True)
        begins = events["first_row"].to_numpy()
        hit = [((begins >= begin) & (begins < end)).any() for begin, end in windows]
        begin, end = windows[-1]
        early = ((begins >= begin) & (begins < (begin + end) // 2)).any()
        outside = sum(not any(a <= at < b for a, b in windows) for at in begins)
        rows.append(
            {
                "seed": str(seed),
                "windows with an event that begins inside": int(sum(hit)),
                "of": len(windows),
                "failure, before its window's middle": "yes" if early else "no",
                "events outside": int(outside),
            }
        )
    return rows


def main(data: Path | None = None, quick: bool = False) -> dict[str, Rows]:
    """All tables, by title."""
    torch.set_num_threads(1)
    if data is None:
        return {}
    seeds = 1 if quick else 2
    return {str(compared.__doc__): compared(data, seeds, quick), str(machine.__doc__): machine(data, 1 if quick else 10)}
