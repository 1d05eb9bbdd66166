"""Findings of rows that go on from piece to piece."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import soundfile
import torch
from sklearn.metrics import roc_auc_score

from hourglass import Autoencoder
from hourglass.kinds import _sound_source
from hourglass.uses import explain


def table(scores: list[float], name: str = "a") -> pa.Table:
    because = [f"{name} {score:g}" if score > 2 else "" for score in scores]
    return pa.table(
        {
            "row": np.arange(len(scores)),
            "file": [f"{name}{i}" for i in range(len(scores))],
            "score": np.array(scores, float),
            "p_value": np.full(len(scores), 0.5),
            "anomaly": [score > 2 for score in scores],
            "because": pa.array(because, pa.string()),
        }
    )


def test_a_piece_that_counts_no_row_goes_on_with_the_row_before() -> None:
    model = SimpleNamespace(arrays={"detect.scores": torch.tensor([1.0, 2.0, 3.0])}, facts={})
    pieces = [table([1, 1]), table([9]), table([5], "b"), table([1]), table([1, 1])]
    found = pa.concat_tables(explain.numbered(model, pieces, [2, 0, 0, 1, 2], 2.0)).to_pylist()  # type: ignore[arg-type]
    assert [row["row"] for row in found] == [0, 1, 2, 3, 4]
    assert [row["score"] for row in found] == [1, 5, 1, 1, 1]
    assert [row["anomaly"] for row in found] == [False, True, False, False, False]
    assert found[1]["because"] == "a 9"  # of the piece that stands out most
    assert found[1]["file"] == "a1"
    assert found[1]["p_value"] == 0.25
    (calm,) = pa.concat_tables(explain.numbered(model, [table([1]), table([2.5])], [1, 0], 2.0)).to_pylist()  # type: ignore[arg-type]
    assert (calm["score"], calm["anomaly"], calm["because"]) == (1.75, False, "")


def test_a_long_sound_is_one_finding(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sound_source, "PIECE", 8000)
    for i, seconds in enumerate((1, 9, 1)):
        wave = np.sin(np.arange(4000 * seconds) / (7 + i)) * 0.3
        soundfile.write(tmp_path / f"{i}.wav", wave, 4000)
    model = Autoencoder(network="dense:widths=[8]", code_size=4, epochs=1, random_state=0).fit(tmp_path)
    found = model.explain(tmp_path)
    assert found.num_rows == 3
    np.testing.assert_allclose(found["score"].to_numpy(), -model.score_samples(tmp_path))
    assert found["row"].to_pylist() == [0, 1, 2]
    model.explain(tmp_path, to=tmp_path / "found.csv")
    assert len((tmp_path / "found.csv").read_text().splitlines()) == 4


def planted() -> Any:
    """The script of the benchmark."""
    path = Path(__file__).parents[2] / "benchmarks" / "planted.py"
    spec = importlib.util.spec_from_file_location("planted", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_guilty_column_of_a_contradiction_is_named_first() -> None:
    """Every value is ordinary by itself: one cell is from another row, and disagrees with the others."""
    made = planted()
    model = Autoencoder(purpose="detect", random_state=0).fit(made.normal(2500, 0))
    odd, guilty = made.contradictory(120, 7)
    rows = pd.concat([made.normal(240, 50), odd], ignore_index=True)
    assert roc_auc_score(np.repeat([0, 1], [240, 120]), -model.score_samples(rows)) > 0.9
    because = list(model.set_params(false_alarms=1.0).explain(odd)["because"])
    first = [reason.split(" ")[0] for reason in because]
    assert np.mean([name == column for name, column in zip(first, guilty, strict=True)]) > 0.8
    country = [reason for reason, column in zip(because, guilty, strict=True) if column == "country"]
    assert all(" expected " in reason for reason in country)


def test_a_row_of_nothing_is_told_as_such() -> None:
    x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    model = Autoencoder(purpose="detect", epochs=2, random_state=0).fit(x)
    x[4] = np.nan
    assert model.explain(x)["because"][4].as_py() == "the row has no value at all"
