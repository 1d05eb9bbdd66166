"""Rows without any value: told in tables, series, streams and events alike, and never a lesson or a threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hourglass import Autoencoder
from hourglass.kinds._lines import Lines, cells
from hourglass.uses.empty import TOLD
from hourglass.uses.stream import Stream

SENSORS = ["heat", "flow"]


def machine(rows: int, seed: int) -> pd.DataFrame:
    draw, t = np.random.default_rng(seed), np.arange(rows)
    values = np.stack([np.sin(t / 3), np.cos(t / 3)], 1) + 0.1 * draw.normal(size=(rows, 2))
    return pd.DataFrame({"at": pd.date_range("2024-01-01", periods=rows, freq="1min"), "heat": values[:, 0], "flow": values[:, 1]})


def fitted(frame: pd.DataFrame) -> Autoencoder:
    return Autoencoder("detect", kind="series:window=16", epochs=20, members=1, random_state=0).fit(frame)


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    return fitted(machine(800, 0))


@pytest.fixture
def holed() -> pd.DataFrame:
    frame = machine(300, 1)
    frame.loc[50, SENSORS] = np.nan
    frame.loc[100:159, SENSORS] = np.nan
    frame.loc[250, "heat"] = np.nan
    return frame


def test_rows_of_a_series_without_any_value_are_told(model: Autoencoder, holed: pd.DataFrame) -> None:
    found = model.explain(holed)
    nothing = holed[SENSORS].isna().all(axis=1)
    assert list(found["because"] == TOLD) == list(nothing)
    assert (model.predict(holed)[nothing] == -1).all()
    np.testing.assert_allclose(found["score"], -model.score_samples(holed))
    assert found["score"][nothing].min() > model.explain(machine(300, 1))["score"].max()
    assert found["anomaly"][:100][~nothing[:100]].sum() <= 4  # a gap does not spoil what is before it


def test_silence_is_an_event(model: Autoencoder, holed: pd.DataFrame) -> None:
    events = model.explain(holed, events=True)
    silent = events[events["kind"] == "silence"]
    assert silent[["first_row", "last_row", "rows"]].to_numpy().tolist() == [[100, 159, 60]]
    assert list(silent["sensors"]) == ["all"]


def test_a_stream_says_so_at_once(model: Autoencoder, holed: pd.DataFrame) -> None:
    lines = holed.drop(columns="at").assign(at=holed["at"])[60:110].to_csv(index=False).splitlines()
    reader, stream = Lines(*cells(lines[0]), model.model_.facts), Stream(model.model_, lambda: -model.offset_)
    found = [stream.take(reader.row(line))[0] for line in lines[1:]]
    assert all("not judged yet" in row["because"] for row in found[:15])
    assert not any("not judged yet" in row["because"] for row in found[15:])
    assert [row["because"] == TOLD for row in found[39:]] == [False, *[True] * 10]
    assert found[45]["anomaly"]


def test_what_training_had_is_as_usual_as_it_was_there() -> None:
    """One row in ten was empty: no anomaly at a share of 0.01, one at 0.2; nor do they hide a row that is far off."""
    frame = machine(800, 0)
    frame.loc[::10, SENSORS] = np.nan
    series = fitted(frame)
    assert not series.explain(frame)["anomaly"][::10].any()
    x = np.random.default_rng(0).normal(size=(300, 3)).astype("float32")
    x[:30] = np.nan
    table = Autoencoder("detect", epochs=5, random_state=0).fit(x)
    new = np.array([[np.nan] * 3, [0.1, 0.2, 0.0], [9, 9, 9]], "float32")
    assert table.predict(new).tolist() == [1, 1, -1]
    assert table.set_params(false_alarms=0.2).predict(new).tolist() == [-1, 1, -1]
    assert table.explain(new)["p_value"].to_pylist()[0] == pytest.approx(0.1, abs=0.02)


def test_nothing_teaches_nothing(model: Autoencoder) -> None:
    frame = machine(100, 2)
    frame[SENSORS] = np.nan
    before = model.offset_
    assert model.adapt(frame).offset_ == before
