"""How fast detectors answer: lines of a stream one by one through `hourglass detect MODEL -`, and very many rows at once.

    python benchmarks/run.py --only stream [--data DIR] [--quick]

A line's time is from writing it into the command's standard input until its answer can be read from standard output, both in one process
on the same machine, after the first 20 lines. Rows at once: 100,000 rows like those trained on, one thread, the middle of five, in turn.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import peers
import planted
import torch
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from hourglass import Autoencoder

Rows = list[dict[str, Any]]
WARM, MANY = 20, 100_000
MACHINE = "sensors/nab/realKnownCause/machine_temperature_system_failure.csv"


def answered(model: Autoencoder, rows: Any) -> NDArray[Any]:
    """Milliseconds (n,) until each line of a frame is answered."""
    header, *lines = rows.to_csv(index=False).encode().splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.hourglass")
        command = [sys.executable, "-m", "hourglass", "detect", f"{folder}/model.hourglass", "-", "--json"]
        found = []
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as asked:
            write, read = asked.stdin, asked.stdout
            assert write is not None
            assert read is not None
            write.write(header)
            for line in lines:
                begun = time.perf_counter()
                write.write(line)
                write.flush()
                if not read.readline():
                    raise RuntimeError("the stream was not answered")
                found.append(1000 * (time.perf_counter() - begun))
            write.close()
    return np.array(found[WARM:])


def fitted(rows: Any, **options: Any) -> Autoencoder:
    """A model of a frame or an array."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Autoencoder(random_state=0, **options).fit(rows)


def lines(data: Path | None, count: int) -> Rows:
    """Time from a line to its answer"""
    payments = fitted(planted.normal(5000, 0), purpose="detect")
    tried = {"payments, 6 columns, 2,000 neighbours": (payments, planted.normal(count, 1))}
    if data is not None:
        series = pd.read_csv(data / MACHINE, parse_dates=["timestamp"])
        first = int(0.15 * len(series))
        tried["machine temperature, windows of 64, 8 members"] = (fitted(series[:first], purpose="detect"), series[first : first + count])
    found: Rows = []
    for name, (model, rows) in tried.items():
        times = answered(model, rows)
        middle, most = np.percentile(times, [50, 99])
        found.append(
            {"lines of": name, "lines": len(times), "median, ms": float(middle), "99 %, ms": float(most), "longest, ms": float(times.max())}
        )
    return found


def at_once(rounds: int) -> Rows:
    """Rows scored at once, 32 columns"""
    random = np.random.default_rng(0)
    mixing = random.normal(size=(8, 32))
    rows = (np.tanh(random.normal(size=(MANY, 8)) @ mixing) + 0.1 * random.normal(size=(MANY, 32))).astype("f4")
    train = rows[:6000]
    known = peers.pyod(train, [64, 32], 5, batch_norm=True, dropout_rate=0.2, batch_size=32)  # its own defaults, fewer epochs
    forest = IsolationForest(random_state=0).fit(train)
    tried: dict[str, Callable[[], Any]] = {
        "hourglass, 4 networks and 2,000 neighbours": partial(fitted(train, purpose="detect", epochs=5).score_samples, rows),
        "hourglass, residuals of one network": partial(
            fitted(train, network="dense:widths=[64]", code_size=16, epochs=5).score_samples, rows
        ),
        "PyOD AutoEncoder": partial(known.decision_function, rows),
        "isolation forest": partial(forest.score_samples, rows),
    }
    times: dict[str, list[float]] = {name: [] for name in tried}
    for _ in range(rounds):
        for name, score in tried.items():
            begun = time.process_time()
            score()
            times[name].append(time.process_time() - begun)
    middles = {name: float(np.median(found)) for name, found in times.items()}
    return [
        {"detector": name, "rows/s": round(MANY / each), "times PyOD": middles["PyOD AutoEncoder"] / each} for name, each in middles.items()
    ]


def main(data: Path | None = None, quick: bool = False) -> dict[str, Rows]:
    """All tables, by title."""
    torch.set_num_threads(1)
    return {str(lines.__doc__): lines(data, 200 if quick else 2000), str(at_once.__doc__): at_once(1 if quick else 5)}
