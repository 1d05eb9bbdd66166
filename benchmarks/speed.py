"""How fast fitting and scoring are beside peers, and how small the error is that the time bought.

    python benchmarks/run.py --only speed [--data DIR] [--quick]

CPU time of one thread, all candidates in turn in one process, the median of several rounds; the first call of each is not counted.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import peers
import torch
from numpy.typing import NDArray

from hourglass import Autoencoder, objectives
from hourglass.layers import by_hand

Array = NDArray[Any]
Rows = list[dict[str, Any]]


def race(candidates: dict[str, Callable[[], Any]], rounds: int = 7) -> tuple[dict[str, float], dict[str, Any]]:
    """CPU seconds (the median) of every candidate, and what its last call gave."""
    warnings.simplefilter("ignore")  # of columns that are constant in MNIST
    given = {name: call() for name, call in candidates.items()}
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            clock = time.process_time()
            given[name] = call()
            times[name].append(time.process_time() - clock)
    return {name: statistics.median(taken) for name, taken in times.items()}, given


def told(seconds: dict[str, float], errors: dict[str, float] | None = None) -> Rows:
    """Rows of a table: times, and each as a multiple of the first."""
    first = next(iter(seconds.values()))
    return [
        {"": name, "ms": 1000 * taken, "times ours": taken / first} | ({"held-out error": errors[name]} if errors else {})
        for name, taken in seconds.items()
    ]


def correlated(count: int, columns: int, seed: int = 0) -> Array:
    """Rows of ten hidden causes, bent, with noise; every column of mean 0 and variance 1."""
    turn = np.random.default_rng(99).normal(size=(10, columns))
    draw = np.random.default_rng(seed)
    x = np.tanh(draw.normal(size=(count, 10)) @ turn) + 0.1 * draw.normal(size=(count, columns))
    return ((x - x.mean(0)) / x.std(0)).astype("f4")


@contextmanager
def without_bfloat16() -> Iterator[None]:
    """As on a processor that lacks it."""
    kept = by_hand.fast_bfloat16
    by_hand.fast_bfloat16 = objectives.fast_bfloat16 = lambda: False
    try:
        yield
    finally:
        by_hand.fast_bfloat16 = objectives.fast_bfloat16 = kept


def in_float32(call: Callable[[], Any]) -> Callable[[], Any]:
    """The call without bfloat16."""

    def narrow() -> Any:
        with without_bfloat16():
            return call()

    return narrow


def small(rounds: int = 9) -> Rows:
    """`fit` as a whole: 40,000 x 32 rows, hidden layer 64, code 16, batch 256, 3 epochs."""
    x, test = correlated(40_000, 32), correlated(5_000, 32, 1)
    seconds, models = race(
        {
            "hourglass": lambda: Autoencoder(network="dense:widths=[64]", code_size=16, batch_size=256, epochs=3, random_state=0).fit(x),
            "PyOD AutoEncoder": lambda: peers.pyod(x, [64, 16], 3),
            "torch, DataLoader loop": lambda: peers.loader_loop(x, [64, 16], 3),
            "scikit-learn MLPRegressor": lambda: peers.sklearn_loop(x, [64, 16], 3),
        },
        rounds,
    )
    rebuilt = [
        models["hourglass"].reconstruct(test),
        peers.pyod_rebuilt(models["PyOD AutoEncoder"], test),
        peers.loader_rebuilt(models["torch, DataLoader loop"], test),
        models["scikit-learn MLPRegressor"].predict(test),
    ]
    errors = {name: float(((values - test) ** 2).mean()) for name, values in zip(seconds, rebuilt, strict=True)}
    return told(seconds, errors)


def digits(data: Path | None, count: int) -> tuple[Array, Array]:
    """MNIST as rows (0 to 1), or rows like it where it is absent: training, test."""
    if data is not None and (data / "digits" / "mnist_train.npz").exists():
        parts = [np.load(data / "digits" / f"mnist_{part}.npz") for part in ("train", "test")]
        found = [next(part[key] for key in part.files if part[key].ndim > 1).reshape(-1, 784) for part in parts]
        return (found[0][:count] / 255).astype("f4"), (found[1][:2000] / 255).astype("f4")
    both = correlated(count + 2000, 784)
    return both[:count], both[count:]


def wide(data: Path | None, rounds: int = 5) -> Rows:
    """784-512-64-512-784 on 20,000 digits as rows, 5 epochs of batches of 256. Error: mean square as a share of the variance."""
    x, test = digits(data, 20_000)

    def ours() -> Autoencoder:
        return Autoencoder(network="dense:widths=[512]", code_size=64, batch_size=256, epochs=5, random_state=0).fit(x)

    seconds, models = race(
        {
            "hourglass": ours,
            "hourglass, float32 only": in_float32(ours),
            "PyOD AutoEncoder": lambda: peers.pyod(x, [512, 64], 5, preprocessing=False),
            "torch, DataLoader loop": lambda: peers.loader_loop(x, [512, 64], 5),
        },
        rounds,
    )
    rebuilt = {name: model.reconstruct(test) for name, model in models.items() if name.startswith("hourglass")}
    rebuilt["PyOD AutoEncoder"] = peers.pyod_rebuilt(models["PyOD AutoEncoder"], test)
    rebuilt["torch, DataLoader loop"] = peers.loader_rebuilt(models["torch, DataLoader loop"], test)
    spread = x.var(0).mean()
    return told(seconds, {name: float(((rebuilt[name] - test) ** 2).mean() / spread) for name in seconds})


def scoring(count: int, rounds: int = 7) -> Rows:
    """`decision_function` of float32 rows of 32 columns (hidden layer 64, code 16)."""
    x = correlated(count, 32)
    ours = Autoencoder(network="dense:widths=[64]", code_size=16, batch_size=256, epochs=1, random_state=0).fit(x[:20_000])
    theirs = peers.pyod(x[:20_000], [64, 16], 1)
    seconds, _ = race({"hourglass": lambda: ours.decision_function(x), "PyOD AutoEncoder": lambda: theirs.decision_function(x)}, rounds)
    return told(seconds)


def members(rounds: int = 5) -> Rows:
    """`fit` of 1 and 4 members (each on its own 80 % of the rows): 10,000 x 32 rows, hidden layer 64, code 16, 5 epochs."""
    x = correlated(10_000, 32)

    def fit(count: int) -> Callable[[], Any]:
        options = {"network": "dense:widths=[64]", "code_size": 16, "epochs": 5, "members": count}
        return lambda: Autoencoder(**options, random_state=0).fit(x)

    seconds, _ = race({"1 member": fit(1), "4 members": fit(4)}, rounds)
    return told(seconds)


def conv(rounds: int = 5) -> Rows:
    """`fit` of 512 colour pictures of 64 x 64, conv:widths=[24,48,96], 8 epochs."""
    draw = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64] / 64
    phases = draw.uniform(0, 6.28, (512, 3, 2)).astype("f4")[..., None, None]
    waves = 0.5 + 0.25 * (np.sin(6 * rows + phases[:, :, 0]) + np.cos(6 * columns + phases[:, :, 1]))
    pictures = (255 * waves.transpose(0, 2, 3, 1)).clip(0, 255).astype("u1")
    test, x = pictures[:64], pictures[64:]

    def ours() -> Autoencoder:
        return Autoencoder(network="conv:widths=[24,48,96]", code_size=16, epochs=8, random_state=0).fit(x)

    seconds, models = race({"hourglass": ours, "hourglass, float32 only": in_float32(ours)}, rounds)
    spread = (test / 255.0).var()
    errors = {name: float(((model.reconstruct(test) / 255.0 - test / 255.0) ** 2).mean() / spread) for name, model in models.items()}
    return told(seconds, errors)


def main(data: Path | None = None, quick: bool = False) -> dict[str, Rows]:
    """All tables, by title."""
    torch.set_num_threads(1)
    return {
        str(small.__doc__): small(3 if quick else 9),
        str(wide.__doc__): wide(data, 1 if quick else 5),
        f"{scoring.__doc__} 40,000 rows.": scoring(40_000, 5 if quick else 15),
        **({} if quick else {f"{scoring.__doc__} 1,000,000 rows.": scoring(1_000_000, 5)}),
        str(members.__doc__): members(3 if quick else 5),
        str(conv.__doc__): conv(1 if quick else 3),
    }
