"""Frames come back as they were given: the names of their columns, and their time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from hourglass import Autoencoder, Part, load
from hourglass.frames import in_library

NAMES: list[Any] = [[0, 1, 2], pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "x")])]


@pytest.mark.parametrize("names", NAMES, ids=["numbers", "levels"])
def test_names_that_are_no_texts_come_back(names: Any, tmp_path: Path) -> None:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=names)
    model = Autoencoder(epochs=1, code_size=2, random_state=0).fit(X)
    model.save(tmp_path / "m.hourglass")
    for each in (model, load(tmp_path / "m.hourglass")):
        for back in (each.reconstruct(X), each.decompress(each.compress(X)), each.inverse_transform(each.transform(X)), each.sample(2)):
            assert back.columns.equals(X.columns)


@pytest.fixture(scope="module")
def ways() -> dict[str, pd.DataFrame]:
    """The same series with its time as a column, as an index, and as an index without a name."""
    time = pd.date_range("2024-01-01", periods=200, freq="min")
    column = pd.DataFrame({"when": time, "x": np.sin(np.arange(200) / 5), "y": np.cos(np.arange(200) / 3)})
    index = column.set_index("when")
    return {"column": column, "index": index, "unnamed": index.rename_axis(None)}


@pytest.mark.parametrize("fitted", ["column", "index", "unnamed"])
def test_time_may_be_a_column_or_the_index(fitted: str, ways: dict[str, pd.DataFrame]) -> None:
    model = Autoencoder(kind=Part("series", window=16), epochs=1, code_size=2, random_state=0).fit(ways[fitted])
    expected = model.score_samples(ways[fitted])
    for given in ways.values():
        assert np.allclose(model.score_samples(given), expected)
        back = model.reconstruct(given)
        assert list(back.columns) == list(given.columns)
        assert back.index.equals(given.index)
        assert back.index.name == given.index.name


def test_tables_as_frames_of_a_library() -> None:
    table = pa.table({"a": [1, 2]})
    assert isinstance(in_library(table, "pandas"), pd.DataFrame)
    assert isinstance(in_library(table, "polars"), pl.DataFrame)
    assert in_library(table, "pyarrow") is in_library(table, "") is table
