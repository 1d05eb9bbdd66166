"""Trainings made to fail: each must recover to within 10 % of the healthy error, or end with the right verdict in its report.

    python benchmarks/trouble.py [--json]

`healthy` and `got` are mean squared errors on rows that no training saw, each column in units of its own variance, over the columns that
the case leaves alone. `model` and `PCA` are what the case's own report measures on its held-out rows, in network units; a case whose
error is within 10 % of the healthy one in either sense has recovered; one within 25 % that beats PCA is near.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hourglass import Autoencoder

Array = NDArray[Any]
CODE, COLUMNS, SPOILED = 4, 16, 3  # the column that cases spoil
RECOVERED, NEAR = 1.1, 1.25  # times the healthy error


def rows(count: int, columns: int = COLUMNS, seed: int = 0) -> Array:
    """Rows on a curved sheet of `CODE` dimensions, with a little noise."""
    random, shape = np.random.default_rng(seed), np.random.default_rng(99)
    hidden = random.normal(size=(count, CODE))
    straight, bent = shape.normal(size=(2, CODE, columns))
    return (hidden @ straight + np.tanh(2 * hidden) @ bent + 0.1 * random.normal(size=(count, columns))).astype("f4")


class Trial(NamedTuple):
    """What a case gives to `fit`, and what to try it on."""

    X: Array
    options: dict[str, Any]
    test: Array | None = None  # rows to try it on, damaged as `X` is where that is the data's nature; none where nothing compares


@dataclass(frozen=True)
class Result:
    """One line of the table; `done` is what training says it did about the trouble, `outcome` recovered, told, near or SILENT."""

    case: str
    healthy: float | None
    got: float | None
    model: float | None
    pca: float | None
    verdicts: list[str]
    done: list[str]
    outcome: str
    seconds: float


class Ground:
    """Healthy data and a healthy model, made once for all cases."""

    def __init__(self, count: int = 3000, **options: Any) -> None:
        self.X, self.test, self.options = rows(count), rows(1000, seed=1), options

    @cache  # noqa: B019 - lives as long as the run
    def healthy(self, network: str = "dense") -> Autoencoder:
        """What training gives when nothing is wrong."""
        return self.fit(self.trial(network=network))

    def trial(self, **options: Any) -> Trial:
        """The healthy data, with other options."""
        return Trial(self.X, options, self.test)

    def fit(self, trial: Trial) -> Autoencoder:
        """Train as a case asks, quietly."""
        options = {"code_size": CODE, "random_state": 0, **self.options, **trial.options}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # constant and missing columns are named, as they should be
            return Autoencoder(**options).fit(trial.X)

    def error(self, model: Autoencoder, test: Array) -> float:
        """On the columns that no case spoils."""
        kept = [column for column in range(COLUMNS) if column != SPOILED]
        missed = (np.asarray(model.reconstruct(test)) - test)[:, kept]
        return float(((missed**2).mean(0) / test[:, kept].var(0)).mean())

    def spoiled(self, change: Callable[[Array], Any], nature: bool = True) -> Trial:
        """The healthy data with their spoiled column changed; the test rows too, where that is the data's nature."""
        changed, test = self.X.astype("f8"), self.test.astype("f8")
        change(changed)
        if nature:
            change(test)
        return Trial(changed, {}, test)

    def started(self, network: str, weights: float | None, biases: float) -> Trial:
        """Training that starts from a model with these weights (None: as trained) and biases."""
        begun = copy.deepcopy(self.healthy(network))
        with torch.no_grad():
            for name, parameter in begun.model_.modules().named_parameters():
                if name.endswith("bias"):
                    parameter.fill_(biases)
                elif weights is not None:
                    parameter.fill_(weights)
        return self.trial(init=begun, network=network)


def _column(factor: float) -> Callable[[Array], None]:
    def change(X: Array) -> None:
        X[:, SPOILED] *= factor

    return change


def _set(value: float, at: Any = slice(None)) -> Callable[[Array], None]:
    def change(X: Array) -> None:
        X[at, SPOILED] = value

    return change


def _heavy(X: Array) -> None:
    X[:, SPOILED] = np.sinh(3 * X[:, SPOILED])


BARE = "dense:beside=false"  # without the linear path that starts at PCA, so that nothing holds the network up
TRAINED = ("trouble in training",)
POOR = ("loses to PCA", "untrained", "no better than random")
LOWERED = (*TRAINED, *POOR)

# A name, the trial, and the verdicts of which one must stand in the report where the case does not recover.
CASES: dict[str, tuple[Callable[[Ground], Trial], tuple[str, ...]]] = {
    "learning rate x 1000": (lambda g: g.trial(learning_rate=2.0), LOWERED),
    "learning rate x 1,000,000": (lambda g: g.trial(learning_rate=2000.0), LOWERED),
    "learning rate x 1000, deep and bare": (
        lambda g: g.trial(learning_rate=2.0, network="dense:widths=[64,64,64,64],beside=false"),
        LOWERED,
    ),
    "learning rate x 1000, three members": (lambda g: g.trial(learning_rate=2.0, members=3), LOWERED),
    "learning rate / 1000": (lambda g: g.trial(learning_rate=2e-6), ("training length", *POOR)),
    "a column x 1e9": (lambda g: g.spoiled(_column(1e9)), ()),
    "a column x 1e-9": (lambda g: g.spoiled(_column(1e-9)), ()),
    "an outlier of 1e30": (lambda g: g.spoiled(_set(1e30, 7), nature=False), ()),
    "a column with heavy tails": (lambda g: g.spoiled(_heavy), ("training length",)),
    "a column missing everywhere": (lambda g: g.spoiled(_set(np.nan)), ()),
    "a constant column": (lambda g: g.spoiled(_set(7.0)), ()),
    "all columns constant": (lambda g: Trial(np.ones((200, 5)), {}), ("constant data",)),
    "all-zero start": (lambda g: g.started("dense", 0.0, 0.0), TRAINED),
    "all-zero start, bare": (lambda g: g.started(BARE, 0.0, 0.0), TRAINED),
    "dead ReLU start": (lambda g: g.started("dense", None, -100.0), TRAINED),
    "dead ReLU start, bare": (lambda g: g.started(BARE, None, -100.0), TRAINED),
    "start from NaN": (lambda g: g.started("dense", np.nan, np.nan), TRAINED),
    "KL weight 50": (lambda g: g.trial(bottleneck="gaussian:beta=50"), ("collapsed code",)),
    "12 rows": (lambda g: Trial(g.X[:12], {}, g.test), ("few rows",)),
    "200 rows x 100 columns, 500 epochs": (lambda g: Trial(rows(200, 100), {"epochs": 500}), ("overfits",)),
    "the same with 2 x 512 units, code 30": (
        lambda g: Trial(rows(200, 100), {"epochs": 500, "network": "dense:widths=[512]", "code_size": 30}),
        ("overfits", "loses to PCA", "no better than PCA"),
    ),
    "a code as wide as the data": (lambda g: Trial(g.X, {"code_size": COLUMNS}), ("merely copies",)),
    "one batch an epoch, 2 epochs": (lambda g: g.trial(batch_size=10**6, epochs=2), ("training length", *POOR)),
    "the same, bare": (lambda g: g.trial(batch_size=10**6, epochs=2, network=BARE), POOR),
    "nothing but noise": (
        lambda g: Trial(np.random.default_rng(3).normal(size=g.X.shape), {}),
        ("copying", "learned nothing", "random encoder"),
    ),
}


def run(name: str, ground: Ground) -> Result:
    """Train one case and judge it."""
    begun = time.perf_counter()
    make, wanted = CASES[name]
    trial = make(ground)
    model = ground.fit(trial)
    seconds = time.perf_counter() - begun
    report = model.report()
    error = report.measures["error"]
    healthy = got = None
    far = np.inf
    if trial.test is not None:
        well = ground.healthy(trial.options.get("network", "dense"))
        healthy, got = ground.error(well, ground.test), ground.error(model, trial.test)
        inside = well.report().measures["error"]["model"]
        far = min(got / healthy, (error.get("model") or np.inf) / inside)
    told = [verdict.name for verdict in report.verdicts if verdict.level != "good"]
    near = far <= NEAR and (error.get("model") or np.inf) < (error.get("pca") or 0.0)
    outcome = "recovered" if far <= RECOVERED else "told" if set(told) & set(wanted) else "near" if near else "SILENT"
    names = [f"{verdict.level} {verdict.name}" for verdict in report.verdicts if verdict.level != "good"]
    done = list(model.model_.record["troubles"])
    return Result(name, healthy, got, error.get("model"), error.get("pca"), list(dict.fromkeys(names)), done, outcome, round(seconds, 2))


def table() -> list[dict[str, Any]]:
    """`healthy`, `got`: on fresh rows, a share of the variance, spoiled column aside. `model`, `pca`: on held-out rows, all columns."""
    torch.set_num_threads(1)
    ground, found = Ground(), []
    for name in CASES:
        result = run(name, ground)
        told = {"case": name} | {
            key: "-" if (value := getattr(result, key)) is None else value for key in ("healthy", "got", "model", "pca")
        }
        found.append(told | {"outcome": result.outcome, "verdicts": ", ".join(result.verdicts), "mended": "yes" if result.done else ""})
    return found


def main() -> int:
    """Print the table; exit 1 where a case ended badly and nothing was said."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a table")
    torch.set_num_threads(1)
    asked, ground = parser.parse_args(), Ground()
    results = [run(name, ground) for name in CASES]
    if asked.json:
        print(json.dumps([asdict(result) for result in results], indent=1))
    else:
        print("| case | healthy | got | model | PCA | outcome | verdicts | what was done |\n|---|---|---|---|---|---|---|---|")
        for result in results:
            print(f"| {' | '.join(_cells(result))} |")
    return int(any(result.outcome == "SILENT" for result in results))


def _cells(result: Result) -> list[str]:
    """One line of the table as text."""
    numbers = (result.healthy, result.got, result.model, result.pca)
    shown = ["-" if value is None else f"{value:.4g}" for value in numbers]
    return [result.case, *shown, result.outcome, ", ".join(result.verdicts), "; ".join(result.done)]


if __name__ == "__main__":
    raise SystemExit(main())
