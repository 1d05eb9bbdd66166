"""Holes in tables and series are filled in with what belongs there, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from hourglass import Autoencoder
from hourglass.errors import BadOption
from hourglass.objectives import spoiler
from hourglass.parts import Batch
from hourglass.results import completed

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def table() -> tuple[Array, Array]:
    """Eight columns that follow from two, and the same with a fifth of the cells missing."""
    random = np.random.default_rng(0)
    two = random.normal(size=(600, 2))
    truth = np.tanh(two @ random.normal(size=(2, 8))) + 0.02 * random.normal(size=(600, 8))
    return truth, np.where(random.random(truth.shape) < 0.2, np.nan, truth)


@pytest.fixture(scope="module")
def model(table: tuple[Array, Array]) -> Autoencoder:
    return Autoencoder("denoise", spoil="mask", epochs=200, random_state=0).fit(table[1])


def missed(made: Array, table: tuple[Array, Array]) -> float:
    """Of the variance of the missing cells, what is not explained."""
    truth, gone = table[0], np.isnan(table[1])
    return float(np.square(made - truth)[gone].mean() / truth[gone].var())


def test_holes_are_filled_and_the_rest_stays(model: Autoencoder, table: tuple[Array, Array]) -> None:
    made = model.reconstruct(table[1], fill=True)
    there = ~np.isnan(table[1])
    assert np.array_equal(made[there], table[1][there])
    assert missed(made, table) < 0.12


def test_a_network_that_never_saw_holes_fills_worse(model: Autoencoder, table: tuple[Array, Array]) -> None:
    plain = Autoencoder("denoise", spoil="none", epochs=20, random_state=0).fit(table[1])
    assert missed(plain.reconstruct(table[1], fill=True), table) > 2 * missed(model.reconstruct(table[1], fill=True), table)


def test_nothing_is_filled_with_what_never_was(model: Autoencoder, table: tuple[Array, Array]) -> None:
    wild = table[1].copy()
    wild[:, 0] = 1e6
    made = model.reconstruct(wild, fill=True)
    known = np.nanmax(np.abs(table[1]))
    assert np.abs(made[np.isnan(wild)]).max() <= known * (1 + 1e-5)


def test_frames_with_categories_dates_and_whole_numbers(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    kind = random.integers(0, 3, 400)
    frame = pd.DataFrame({"shop": np.array(["north", "south", "east"])[kind], "items": kind * 10 + 1, "on": kind == 1, "far": 5.0 * kind})
    holes = frame.copy()
    for place, name in enumerate(frame.columns):
        holes[name] = holes[name].astype(object)
        holes.loc[place * 7 :: 40, name] = None
    path = tmp_path / "shops.csv"
    holes.to_csv(path, index=False)
    model = Autoencoder("denoise", spoil="mask", epochs=60, random_state=0).fit(path)
    model.reconstruct(path, fill=True, to=tmp_path / "full.csv")
    full = pd.read_csv(tmp_path / "full.csv")
    assert not full.isna().any().any()
    assert list(full.columns) == list(frame.columns)
    assert (full["shop"] == frame["shop"]).mean() > 0.97
    assert ((full["items"] - frame["items"]).abs() < 3).mean() > 0.97


def test_holes_in_series() -> None:
    steps = np.arange(900)
    truth = np.stack([np.sin(steps / 9), np.cos(steps / 9)], 1)
    holes = truth.copy()
    holes[20::50, 0] = np.nan
    model = Autoencoder("denoise", kind="series", spoil="mask", epochs=30, random_state=0).fit(holes)
    made = model.reconstruct(holes, fill=True)
    there = ~np.isnan(holes)
    assert np.array_equal(made[there], holes[there])
    assert np.abs(made - truth).max() < 0.6


def test_what_has_no_holes_is_refused() -> None:
    pictures = np.arange(6 * 64, dtype=np.uint8).reshape(6, 8, 8)
    with pytest.raises(BadOption, match="for tables and series"):
        Autoencoder(epochs=1, random_state=0).fit(pictures).reconstruct(pictures, fill=True)


def test_words_for_missing_are_missing() -> None:
    chunk, back = pa.table({"a": ["x", "NA", None], "b": [1.5, None, float("nan")]}), pa.table({"a": ["1", "2", "3"], "b": [7.0, 8.0, 9.0]})
    assert completed(chunk, back).to_pydict() == {"a": ["x", "2", "3"], "b": [1.5, 8.0, 9.0]}


def test_whole_cells_are_hidden(model: Autoencoder) -> None:
    """A value and the flag that it is there go together."""
    x = torch.ones(500, 16)
    shown = spoiler("mask:0.3", torch.Generator().manual_seed(0), model.model_)(Batch(x))[0].x
    assert torch.equal(shown[:, :8], shown[:, 8:])
    assert (shown == 0).float().mean() == pytest.approx(0.3, abs=0.02)
