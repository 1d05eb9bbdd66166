"""The times of series: how they are written, in what order, and what is said when they are not as they should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from hourglass.errors import BadData, BadOption
from hourglass.kinds import series
from hourglass.kinds._series_grid import from_runs, on_grid, runs
from hourglass.kinds._series_time import duration, spoken

START = pd.Timestamp("2024-03-01")


def table(seconds: Any) -> pa.Table:
    """One sensor whose rows lie at `seconds`."""
    times = START + pd.to_timedelta(np.asarray(seconds, dtype=float), unit="s")
    return pa.table({"time": times, "value": np.sin(np.arange(len(times)) / 4)})


def learned(source: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
    pieces = series.read(source, **{name: options[name] for name in ("time", "group", "label", "ignore") if name in options})
    return pieces.load(0), series.learn(pieces, **options)


def values_back(chunk: Any, facts: dict[str, Any]) -> Any:
    batch, layout = series.cut(chunk, facts)
    return np.asarray(series.join(batch.x, facts, layout, chunk)["value"])


def test_durations() -> None:
    assert [duration(step) for step in (5, "5s", "1min", "100 ms", "2h", "1 day", "2 hours", "0.5", "20us")] == [
        *(5.0, 5.0, 60.0, 0.1, 7200.0, 86_400.0, 7200.0, 0.5, pytest.approx(2e-5))
    ]
    for wrong in ("soon", "5 parsecs", 0, -3, True, [5]):
        with pytest.raises(BadOption, match="a duration such as"):
            duration(wrong)
    assert [spoken(seconds) for seconds in (1, 0.02, 300, 90, 3600, 86_400, 3e-6)] == [
        "1 s",
        "20 ms",
        "5 min",
        "1.5 min",
        "1 h",
        "1 d",
        "3 us",
    ]


def test_runs_come_back() -> None:
    for places in ([], [0, 1, 2], [3, 4, 9, 9, 1, 0], [5]):
        assert from_runs(runs(np.array(places, dtype=np.int64))).tolist() == places
    assert runs(np.arange(10)) == [0, 10]


def test_numbers_are_time_where_their_column_says_so() -> None:
    steps = np.arange(50)
    value = np.sin(steps / 4)
    assert learned(pa.table({"time": steps * 0.5, "value": value}))[1]["step"] == 0.5
    assert learned(pa.table({"timestamp": 1_700_000_000_000 + steps * 500, "value": value}))[1]["step"] == 0.5  # milliseconds
    assert learned(pa.table({"at": steps * 2, "value": value}), time="at")[1]["step"] == 2
    _, facts = learned(pa.table({"at": steps * 2, "value": value}))
    assert facts["time"] is None
    assert facts["names"] == ["at", "value"]
    chunk, facts = learned(pa.table({"time": steps * 3, "value": value}))
    batch, layout = series.cut(chunk, facts)
    alone = series.join(batch.x, facts, layout)
    assert alone["time"].to_pylist() == (steps * 3).tolist()
    assert dict(series.describe(facts))["time"] == "time, in steps of 3.0"


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%Y-%m-%dT%H:%M:%S"])
def test_times_as_text(form: str) -> None:
    times = (START + pd.to_timedelta(np.arange(50) * 60, unit="s")).strftime(form)
    chunk, facts = learned(pa.table({"time": times, "value": np.sin(np.arange(50) / 4)}))
    assert facts["step"] == 60
    batch, layout = series.cut(chunk, facts)
    if form != "%Y-%m-%dT%H:%M:%S":
        assert series.join(batch.x, facts, layout)["time"].to_pylist() == times.tolist()


def test_times_that_cannot_be_read() -> None:
    times = (START + pd.to_timedelta(np.arange(50) * 60, unit="s")).strftime("%Y-%m-%d %H:%M:%S").to_list()
    broken = [*times[:17], "yesterday", *times[18:]]
    with pytest.raises(BadData, match=r"row 17 \(counting from 0\) has 'yesterday' in the column of time 'time'"):
        learned(pa.table({"time": broken, "value": np.arange(50.0)}))
    missing = [*times[:17], None, *times[18:]]
    with pytest.raises(BadData, match=r"row 17 \(counting from 0\) has no time in column 'time', 1 of 50 rows have none"):
        learned(pa.table({"time": missing, "value": np.arange(50.0)}))
    cube = np.zeros((5, 8, 2))
    cube[3, 2, 1] = np.inf
    with pytest.raises(BadData, match=r"sample 3, step 2 \(counting from 0\) has infinity for 'x1'"):
        learned(cube)
    with pytest.raises(BadData, match="holds no times: 'a'"):
        learned(pa.table({"at": ["a"] * 50, "value": np.arange(50.0)}), time="at")
    with pytest.raises(BadOption, match="no column 'tim' to take the time from: did you mean 'time'"):
        learned(table(np.arange(50)), time="tim")
    with pytest.raises(BadOption, match="no column of time"):
        learned(np.zeros((50, 2)) + np.arange(50)[:, None], step=5)


def test_time_that_goes_backwards() -> None:
    back_once = np.concatenate([np.arange(300), np.arange(290, 600)])
    chunk, facts = learned(table(back_once), window=16)
    assert len(facts["notes"]) == 1
    assert "the time 'time' goes backwards at row 300 (counting from 0) by 9 s; a new segment begins there" in facts["notes"][0]
    with pytest.warns(UserWarning, match="goes backwards at row 300"):
        np.testing.assert_allclose(values_back(chunk, facts), np.asarray(chunk.rows["value"]), atol=1e-6)
    shuffled = np.random.default_rng(0).permutation(100)
    with pytest.raises(BadData, match=r"goes backwards at row \d+ .* of 100 rows; sort the rows by 'time'.*group='machine'"):
        learned(table(shuffled))


def test_time_from_the_end_on() -> None:
    chunk, facts = learned(table(np.arange(200)[::-1]), window=16)
    assert facts["notes"] == []
    cut = series.training(chunk, facts, np.random.default_rng(0))
    np.testing.assert_allclose(values_back(chunk, facts), np.asarray(chunk.rows["value"]), atol=1e-6)
    first = cut.samples.x[int(cut.begin.argmin()), 0, 0] * facts["scale"][0] + facts["mean"][0]
    assert float(first) == pytest.approx(chunk.rows["value"][-1].as_py(), abs=1e-5)


def test_the_same_time_twice() -> None:
    seconds = np.arange(200.0)
    seconds[51] = 50.0
    chunk, facts = learned(table(seconds), window=16)
    assert "rows 50 and 51 (counting from 0) have the same time 'time'; such rows count as one, their mean" in facts["notes"][0]
    with pytest.warns(UserWarning, match="rows 50 and 51"):
        back = values_back(chunk, facts)
    expected = np.asarray(chunk.rows["value"]).copy()
    expected[50:52] = expected[50:52].mean()
    np.testing.assert_allclose(back, expected, atol=1e-6)
    with pytest.raises(BadData, match=r"rows 0 and 1 .* 99 more pairs of 200 rows.*ignore='time'"):
        learned(table(np.arange(200) // 2))
    assert learned(table(np.arange(200) // 2), ignore=["time"])[1]["step"] is None


def test_a_coarser_grid_takes_means() -> None:
    chunk, facts = learned(table(np.arange(300)), step="5s", window=8)
    assert facts["step"] == 5
    batch, layout = series.cut(chunk, facts)
    assert layout["lengths"] == [61, 1]
    expected = np.asarray(chunk.rows["value"])[3:8].mean()
    np.testing.assert_allclose(values_back(chunk, facts)[3:8], expected, atol=1e-5)
    assert batch.mask is None


def test_long_gaps_divide_short_ones_do_not() -> None:
    seconds = np.arange(300) + 5 * (np.arange(300) >= 100) + 1000 * (np.arange(300) >= 200)
    chunk, facts = learned(table(seconds), window=16)
    _, layout = series.cut(chunk, facts)
    assert layout["lengths"] == [205, 1, 100, 1]
    cut = series.training(chunk, facts, np.random.default_rng(0))
    assert cut.samples.count == 205 - 15 + 100 - 15


def test_rows_on_one_step_give_way_where_they_can() -> None:
    chunk, facts = learned(table([0, 1, 2, 2.6, 3.4, 5, 6, 7, 8.4, 8.6, 8.9, 11, *range(12, 60)]), window=4)
    np.testing.assert_allclose(values_back(chunk, facts), np.asarray(chunk.rows["value"]), atol=1e-6)


def test_means_leave_out_what_is_missing() -> None:
    from hourglass.kinds._series_grid import Grid

    grid = Grid(np.array([0, 0, 1, 2, 2]), np.array([4]), [], np.zeros(1), np.zeros(1), [None])
    values = np.array([[1.0], [3.0], [5.0], [np.nan], [7.0]])
    np.testing.assert_array_equal(on_grid(values, grid)[:, 0], [2.0, 5.0, 7.0, np.nan])
