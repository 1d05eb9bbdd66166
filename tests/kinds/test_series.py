"""Series: windows of rows and back, whatever their times."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hourglass.errors import BadData, BadOption, DamagedFile, SchemaMismatch
from hourglass.kinds import series

START = np.datetime64("2024-03-01T00:00:00")


def waves(rows: int = 400, channels: int = 2, period: float = 25.0) -> np.ndarray[Any, Any]:
    """Sines of one period with a little noise, (rows, channels)."""
    noise = np.random.default_rng(0).normal(0, 0.05, (rows, channels))
    return np.sin(2 * np.pi * np.arange(rows)[:, None] / period + np.arange(channels)) * [3.0, 0.1, 40.0][:channels] + 7 + noise


def frame(rows: int = 400, seconds: Any = None, **more: Any) -> pa.Table:
    """A table of two sensors whose rows lie 5 s apart, or at `seconds`."""
    values = waves(rows)
    times = START + (np.arange(rows) * 5.0 if seconds is None else np.asarray(seconds)).__mul__(1e6).astype("timedelta64[us]")
    return pa.table({"when": times, "flow": values[:, 0], "heat": values[:, 1], **more})


def learned(source: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
    """The first chunk and the facts."""
    pieces = series.read(source, **{name: options[name] for name in ("time", "group", "label", "ignore") if name in options})
    return pieces.load(0), series.learn(pieces, **options)


def again(chunk: Any, facts: dict[str, Any]) -> Any:
    """A chunk cut and put together again."""
    batch, layout = series.cut(chunk, facts)
    return series.join(batch.x, facts, layout, chunk)


def close(one: pa.Table, other: pa.Table, names: tuple[str, ...] = ("flow", "heat")) -> None:
    assert one.schema.names == other.schema.names
    for name in one.column_names:
        if name in names:
            np.testing.assert_allclose(np.asarray(one[name]), np.asarray(other[name]), rtol=1e-5, atol=1e-5)
        else:
            assert one[name].to_pylist() == other[name].to_pylist()


def test_what_is_learned() -> None:
    chunk, facts = learned(frame())
    assert facts["names"] == ["flow", "heat"]
    assert (facts["shape"], facts["fields"], facts["step"], facts["cut"]) == ([2, 32], [["number", 0, 2]], 5.0, True)
    assert facts["reading"] == "2 sensors, 400 steps of 5 s in 1 recording; windows of 32 (kind=table reads single rows)"
    assert facts["resolution"].shape == (2, 1)
    assert facts["notes"] == []
    assert series.element_names(facts) == ["flow"] * 32 + ["heat"] * 32
    told = dict(series.describe(facts))
    assert told["time"] == "when, in steps of 5 s"
    assert told["flow"].startswith("sensor, mean 6.99")
    batch = series.to_tensor(chunk, facts)
    assert batch.x.shape == (24, 2, 32)  # (400 - 32) / 16 + 1
    assert batch.x.dtype == torch.float32
    assert batch.mask is None
    assert batch.x.mean().abs() < 0.1
    assert abs(batch.x.std() - 1) < 0.1


def test_windows_follow_a_clear_period_and_the_length() -> None:
    assert learned(waves(1000, period=50))[1]["window"] == 64
    assert learned(waves(1000, period=9))[1]["window"] == 16
    assert learned(np.random.default_rng(0).normal(size=(2000, 1)))[1]["window"] == 64
    assert learned(np.random.default_rng(0).normal(size=(300, 1)))[1]["window"] == 16
    assert learned(waves(1000), window=48)[1]["shape"] == [2, 48]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_irregular_times_come_back_exactly(data: st.DataObject) -> None:
    """Rows late or early by up to 0.2 steps, rows left out, long gaps: every row comes back with its own value and time."""
    rows = data.draw(st.integers(20, 90))
    random = np.random.default_rng(data.draw(st.integers(0, 999)))
    steps = np.cumsum(random.choice([1, 1, 1, 1, 2, 3, 40], rows)) + random.uniform(-0.2, 0.2, rows)
    table = frame(rows, 5.0 * steps)
    if data.draw(st.booleans()):
        table = table.take(np.arange(rows)[::-1])
    chunk, facts = learned(table, window=data.draw(st.integers(4, 16)), step=5)
    close(again(chunk, facts), table)
    batch, layout = series.cut(chunk, facts)
    assert series.spread(np.ones(batch.count), facts, layout).tolist() == [1.0] * rows
    cut = series.training(chunk, facts, np.random.default_rng(0))
    assert bool((cut.begin >= 0).all() and (cut.end <= 1 + 1e-9).all() and (cut.begin <= cut.end).all())


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 70), st.integers(2, 12), st.integers(1, 3), st.sampled_from(["float32", "float64", "int16"]))
def test_arrays_come_back_exactly(rows: int, window: int, channels: int, dtype: str) -> None:
    array = (100 * waves(max(rows, window), channels)).astype(dtype)
    chunk, facts = learned(array, window=window)
    back = again(chunk, facts)
    assert back.dtype == array.dtype
    np.testing.assert_allclose(back, array, rtol=1e-5)
    assert series.to_tensor(chunk, facts).x.dtype == (torch.float64 if dtype == "float64" else torch.float32)


def test_overlaps_fade_without_seams() -> None:
    """Windows that disagree by a constant are joined by slopes, never by jumps."""
    chunk, facts = learned(waves(320, 1), window=32)
    batch, layout = series.cut(chunk, facts)
    steps = 0.1 * torch.arange(batch.count, dtype=torch.float64)[:, None, None].expand(batch.x.shape)
    joined = series.join(steps, facts, layout, chunk)[:, 0]
    scaled = (joined - facts["mean"].item()) / facts["scale"].item()
    assert np.abs(np.diff(scaled)).max() < 0.015
    assert scaled[:8].max() < 1e-9


def test_holes_are_masked_and_missing_cells_stay_missing() -> None:
    values = waves(200)
    values[50, 0] = np.nan
    chunk, facts = learned(values, window=16)
    batch, _ = series.cut(chunk, facts)
    assert batch.mask is not None
    assert not batch.mask.all()
    assert (batch.x[~batch.mask] == 0).all()
    back = again(chunk, facts)
    assert np.isnan(back[50, 0])
    assert np.isnan(back).sum() == 1
    whole = frame(200)
    table = whole.filter(np.arange(200) % 50 != 20)  # four rows are not there
    chunk, facts = learned(table, window=16)
    batch, layout = series.cut(chunk, facts)
    assert batch.mask is not None
    close(again(chunk, facts), table)
    alone = series.join(batch.x, facts, layout)
    close(alone, table)  # the times, too, for they lie on the grid


def test_short_recordings_are_padded() -> None:
    chunk, facts = learned(waves(100), window=32)
    batch, layout = series.cut(chunk.rows[:5], facts)
    assert batch.count == 1
    assert batch.mask is not None
    assert batch.mask.sum() == 10
    np.testing.assert_allclose(series.join(batch.x, facts, layout, chunk.rows[:5]), chunk.rows[:5], rtol=1e-6)
    one = chunk.rows[:1]
    np.testing.assert_allclose(again(one, facts), one, rtol=1e-6)


def test_machines_in_one_table() -> None:
    rows = 120
    table = frame(rows, np.repeat(np.arange(rows // 2), 2) * 5.0, machine=["a", "b"] * (rows // 2))
    chunk, facts = learned(table, group="machine", window=8)
    assert facts["recordings"] == 2
    assert facts["names"] == ["flow", "heat"]
    close(again(chunk, facts), table)
    cut = series.training(chunk, facts, np.random.default_rng(0))
    assert cut.source.unique().tolist() == [0, 1]
    assert [float(cut.end[cut.source == i].max()) for i in (0, 1)] == [1.0, 1.0]
    batch, layout = series.cut(chunk, facts)
    alone = series.join(batch.x, facts, layout)
    assert alone["machine"].to_pylist() == table["machine"].to_pylist()
    with pytest.raises(BadData, match=r"rows 0 and 1 .*group='machine'"):
        learned(table, ignore=["machine"])
    with pytest.raises(SchemaMismatch, match="no column 'plant'"):
        learned(table, group="plant")


def test_samples_of_one_length() -> None:
    cube = waves(600).reshape(20, 30, 2)
    chunk, facts = learned(cube)
    assert facts["shape"] == [2, 30]
    assert facts["reading"] == "2 sensors, 600 steps in 20 recordings; windows of 30"
    batch, layout = series.cut(chunk, facts)
    assert batch.x.shape == (20, 2, 30)
    np.testing.assert_allclose(again(chunk, facts), cube, rtol=1e-6)
    assert series.spread(np.arange(20.0), facts, layout).tolist() == list(range(20))
    assert series.training(chunk, facts, np.random.default_rng(0)).source.tolist() == list(range(20))
    np.testing.assert_allclose(series.from_tensor(batch.x, facts), cube, rtol=1e-6)
    np.testing.assert_allclose(series.from_tensor(batch.x, facts, cube), cube, rtol=1e-6)
    assert learned(cube, window=10)[1]["shape"] == [2, 10]
    with pytest.raises(BadOption, match="no columns"):
        learned(cube, ignore=["x1"])


def test_generated_samples_are_a_table_of_steps() -> None:
    _, facts = learned(frame(valve=pa.array(np.arange(400) % 7 > 2)))
    made = series.from_tensor(torch.zeros(3, 3, 32), facts)
    assert made.column_names == ["sample", "step", "flow", "heat", "valve"]
    assert made["sample"].to_pylist() == [0] * 32 + [1] * 32 + [2] * 32
    assert made["step"].to_pylist() == list(range(32)) * 3
    assert made["valve"].type == pa.bool_()
    _, facts = learned(waves())
    assert series.from_tensor(torch.zeros(3, 2, 32), facts).shape == (3, 32, 2)


def test_training_windows_are_dense_but_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk, facts = learned(waves(), window=16)
    cut = series.training(chunk, facts, np.random.default_rng(0))
    assert cut.samples.count == 385
    assert float(cut.begin[0]) == 0
    assert float(cut.end[-1]) == 1
    monkeypatch.setattr("hourglass.kinds._series_learn.WINDOWS", 100)
    chunk, facts = learned(waves(), window=16)
    assert 90 <= series.training(chunk, facts, np.random.default_rng(0)).samples.count <= 100


def test_frames_of_any_library_come_back() -> None:
    table = frame(60, anomaly=np.arange(60) % 2)
    for source in (table.to_pandas(), pl.from_arrow(table), table):
        chunk, facts = learned(source, label="anomaly")
        back = series.restore(again(chunk, facts), source)
        assert type(back) is type(source)
        assert series.labels(chunk, facts).tolist() == [0, 1] * 30
        np.testing.assert_allclose(np.asarray(back["flow"]), np.asarray(table["flow"]), rtol=1e-5)
        assert np.asarray(back["when"]).astype("datetime64[us]").tolist() == np.asarray(table["when"]).tolist()
    indexed = table.to_pandas().set_index("when")
    assert series.claims(indexed) == 2
    chunk, facts = learned(indexed, label="anomaly")
    assert facts["step"] == 5
    back = series.restore(again(chunk, facts), indexed)
    pd.testing.assert_frame_equal(back, indexed, rtol=1e-5, check_index_type=False)


def test_flags_whole_numbers_and_dead_sensors() -> None:
    table = frame(60, valve=np.arange(60) % 3 == 0, count=np.arange(60) ** 2, still=np.full(60, 4.5), gone=pa.nulls(60, pa.float64()))
    chunk, facts = learned(table)
    assert len(facts["notes"]) == 2
    assert "constant" in facts["notes"][0]
    assert "'still'" in facts["notes"][0]
    assert "missing in every row" in facts["notes"][1]
    assert "'gone'" in facts["notes"][1]
    close(again(chunk, facts), table, ("flow", "heat", "still"))
    with pytest.raises(BadData, match="every cell of every sensor"):
        learned(pa.table({"a": pa.nulls(30, pa.float64())}))


def test_other_columns_and_schemas() -> None:
    chunk, facts = learned(frame(60))
    more = frame(60, anomaly=np.zeros(60))
    with pytest.warns(UserWarning, match="carried along, not looked at: 'anomaly'"):
        back = again(more, facts)
    assert back["anomaly"].to_pylist() == [0.0] * 60
    with pytest.raises(SchemaMismatch, match="lacks the sensors 'heat'"):
        series.cut(frame(60).drop(["heat"]), facts)
    with pytest.raises(SchemaMismatch, match="no column 'when'"):
        series.cut(frame(60).drop(["when"]), facts)
    with pytest.raises(SchemaMismatch, match="X has 3 features"):
        series.cut(waves(60, 3), learned(waves(60))[1])
    assert chunk.name == "the data"


def test_wild_values_and_infinities() -> None:
    values = waves(200)
    values[70, 1] = 1e9
    chunk, facts = learned(values)
    assert facts["scale"][1] < 100
    np.testing.assert_allclose(again(chunk, facts), values, rtol=1e-6)
    values[30, 1] = np.inf
    with pytest.raises(BadData, match=r"row 30 \(counting from 0\) has infinity for 'x1'"):
        learned(values)


def test_windows_lost_to_damage_leave_gaps() -> None:
    chunk, facts = learned(waves(100), window=20)
    batch, layout = series.cut(chunk, facts)
    x = batch.x.clone()
    x[3:5] = torch.nan
    alone = series.join(x, facts, layout)
    assert np.isnan(alone[40:50]).all()
    assert not np.isnan(alone[:40]).any()
    for wrong in ({}, {"lengths": [100, 1]}, {"lengths": [90, 1], "places": [0, 90]}, {"lengths": [100, 1], "places": [50, 100]}):
        with pytest.raises(DamagedFile):
            series.join(x, facts, wrong)


def test_values_of_steps_are_spread_too() -> None:
    chunk, facts = learned(waves(64), window=16)
    batch, layout = series.cut(chunk, facts)
    errors = np.zeros((batch.count, 16))
    errors[0, 3] = 1.0
    rows = series.spread(errors, facts, layout)
    assert rows[3] == 1.0
    assert rows.sum() == 1.0


def test_nothing_is_said_of_ordinary_series() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chunk, facts = learned(frame(60))
        again(chunk, facts)


def test_unusual_rows_are_told_with_their_time_and_sensor() -> None:
    table = frame(100, machine=["a"] * 100)
    chunk, facts = learned(table, window=20, group="machine")
    assert list(series.places(chunk, facts)) == ["group", "time"]
    assert series.places(chunk, facts)["time"].to_pylist() == table["when"].to_pylist()
    batch, layout = series.cut(chunk, facts)
    residuals = torch.zeros_like(batch.x)
    residuals[2, 1] = 5.0
    expected = table.set_column(2, "heat", pa.array(np.full(100, 7.25)))
    told = series.because(residuals, expected, chunk, facts, layout, [25, 30])
    assert told == [f"heat {table['heat'][row].as_py():.4g}, expected 7.25" for row in (25, 30)]
    residuals[2, 1, 3] = 50.0  # row 23, of the window that begins with row 20
    told = series.because(residuals, expected, chunk, facts, layout, [23, 30, 90])
    worst = f"{table['heat'][23].as_py():.4g}, expected 7.25"
    assert told[:2] == [f"heat {worst}", f"heat at {table['when'][23].as_py()} {worst}"]
    assert "at 2" not in told[2], "a window away it is no longer told"
    cube = waves(600).reshape(20, 30, 2)
    chunk, facts = learned(cube)
    batch, layout = series.cut(chunk, facts)
    assert series.places(chunk, facts) == {}
    residuals = torch.zeros_like(batch.x)
    residuals[4, 1, 7] = 5.0
    assert series.because(residuals, cube, chunk, facts, layout, [4]) == [
        f"x1 at step 7 {cube[4, 7, 1]:.4g} does not fit the windows around it"
    ]
