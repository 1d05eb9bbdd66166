"""What default models learn: held-out error beside PCA and a random encoder.

    python benchmarks/run.py --only quality [--data DIR] [--quick]

Rebuilding: errors on rows that no training saw, as a share of these rows' variance in the network's units (standardised columns; pixels
centred and scaled). PCA has as many components as the code has numbers; the random encoder is the same network untrained, with the best
linear decoder.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from detect import halves
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from hourglass import Autoencoder
from hourglass.parts import find
from hourglass.report.baselines import filled, principal, random_codes, ridge

Array = NDArray[Any]
Rows = list[dict[str, Any]]


class Split(NamedTuple):
    """A data set: rows or pictures to train on and to test on, and settings that are no defaults."""

    name: str
    train: Array
    test: Array
    settings: dict[str, Any]


def tables(data: Path) -> Iterator[Split]:
    """The normal rows of ADBench sets."""
    for path in sorted((data / "tables").glob("*.npz")):
        train, test, odd = halves(path, 0)
        yield Split(path.stem, train, test[odd == 0], {})


def pictures(data: Path, quick: bool) -> Iterator[Split]:
    """MNIST and the AT&T faces, of which two pictures of each person are held out."""
    parts = [np.load(data / "digits" / f"mnist_{part}.npz")["x"] for part in ("train", "test")]
    count = 3_000 if quick else 20_000
    yield Split(f"MNIST, {count:,} pictures", parts[0][:count], parts[1][:2000], {"code_size": 16})
    with np.load(data / "faces" / "att_faces.npz") as file:
        faces = file["x"].reshape(400, 56, 2, 46, 2).mean((2, 4)).astype("u1")
    held = np.arange(400) % 10 >= 8
    yield Split("AT&T faces, 56 x 46", faces[~held], faces[held], {"code_size": 16})


def digits() -> Split:
    """scikit-learn's digits as rows of 64."""
    x = np.random.default_rng(0).permutation(load_digits().data.astype("f4"))
    return Split("scikit-learn digits", x[:1400], x[1400:], {"code_size": 16})


def rebuilding(data: Path | None, quick: bool) -> Rows:
    """Held-out error of default models: the share of the variance that is lost, with PCA's and a random encoder's."""
    splits = [digits()]
    if data is not None:
        splits += [*tables(data), *pictures(data, quick)]
    return [_rebuilt(split) for split in (splits[:4] if quick else splits)]


def _rebuilt(split: Split) -> dict[str, Any]:
    clock = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Autoencoder(random_state=0, **split.settings).fit(split.train).model_
    seconds = time.process_time() - clock
    kind = find("kinds", model.kind)
    train, test = (kind.to_tensor(part, model.facts) for part in (split.train, split.test))
    train, test = (batch.with_x(batch.x.float()) for batch in (train, test))
    flat, rows = train.x.flatten(1), test.x.flatten(1)
    with torch.no_grad():
        ours = torch.cat([model.reconstruct(test[at : at + 256]) for at in range(0, test.count, 256)]).flatten(1)
    theirs = principal(flat, model.code_size).reconstruct(rows)
    found = random_codes(model, train, test, 0)
    assert found is not None
    drawn = ridge(found[0].z, filled(found[0].x, found[0].mask), found[1])
    total = float((rows - flat.mean(0)).square().mean())
    shares = [float((values - rows).square().mean()) / total for values in (ours, theirs, drawn)]
    lost = dict(zip(("hourglass", "PCA", "random encoder"), shares, strict=True))
    size = "x".join(map(str, model.shape))
    return (
        {"data": split.name, "rows": len(split.train), "shape": size, "code": model.code_size}
        | lost
        | {"times PCA": shares[0] / shares[1], "CPU s": seconds}
    )


def main(data: Path | None = None, quick: bool = False) -> dict[str, Rows]:
    """All tables, by title."""
    torch.set_num_threads(1)
    return {str(rebuilding.__doc__): rebuilding(data, quick)}
