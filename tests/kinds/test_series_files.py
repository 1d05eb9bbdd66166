"""Series in files: what is read, what is claimed, what is refused, and what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from hourglass.errors import BadData, BadFile, BadOption, SchemaMismatch
from hourglass.kinds import series

ROWS = 80


def table(rows: int = ROWS, step: float = 60.0, **more: Any) -> pa.Table:
    """Two sensors and a column of time."""
    times = np.datetime64("2024-03-01T00:00:00") + (np.arange(rows) * step).astype("timedelta64[s]")
    return pa.table({"datetime": times, "flow": np.sin(np.arange(rows) / 3), "heat": np.cos(np.arange(rows) / 5), **more})


def text(path: Path, rows: pa.Table, separator: str = ",", form: str | None = None) -> Path:
    frame = rows.to_pandas()
    frame.to_csv(path, sep=separator, index=False, date_format=form)
    return path


def learned(source: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
    pieces = series.read(source, **{name: options[name] for name in ("time", "group", "label", "ignore") if name in options})
    return pieces, series.learn(pieces, **options)


def test_every_sort_of_file_is_read(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "a.parquet")
    files = [text(tmp_path / "a.csv", table()), text(tmp_path / "b.csv", table(), ";", "%d.%m.%Y %H:%M:%S"), tmp_path / "a.parquet"]
    for file in files:
        pieces, facts = learned(file)
        assert (facts["names"], facts["step"], pieces.counts) == (["flow", "heat"], 60.0, [ROWS]), file
        assert series.claims(file) == series.claims(str(file)) == 2
        batch, layout = series.cut(pieces.load(0), facts)
        back = series.join(batch.x, facts, layout, pieces.load(0))
        assert back["datetime"].equals(pieces.load(0).rows["datetime"])
        alone = series.join(batch.x, facts, layout)
        assert alone["datetime"].to_pylist() == back["datetime"].to_pylist()


def test_files_are_recordings(tmp_path: Path) -> None:
    for i in range(6):
        text(tmp_path / f"{i}.csv", table(ROWS + i, label=np.zeros(ROWS + i, dtype=int)))
    pieces, facts = learned(tmp_path, label="label", window=8)
    assert facts["reading"].startswith("2 sensors, 495 steps of 1 min in 6 recordings")
    cuts = [series.training(pieces.load(i), facts, np.random.default_rng(0)) for i in range(6)]
    assert [cut.source.unique().tolist() for cut in cuts] == [[i] for i in range(6)]
    assert pieces.load(4).name.endswith("4.csv")
    assert series.labels(pieces.load(1), facts).tolist() == [0] * (ROWS + 1)
    assert len(learned([tmp_path / "0.csv", tmp_path / "1.csv"], ignore="label")[0].counts) == 2
    assert learned(str(tmp_path / "[0-3].csv"), ignore=["label"])[1]["recordings"] == 4


def test_long_files_come_in_pieces_that_know_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hourglass.kinds._sources.ROWS", 40)
    text(tmp_path / "a.csv", table(100, machine=["a", "b", "b", "a"] * 25))
    pieces, facts = learned(tmp_path / "a.csv", ignore=["machine"], window=8)
    assert pieces.counts == [40, 40, 20]
    cuts = [series.training(pieces.load(i), facts, np.random.default_rng(0)) for i in range(3)]
    assert [(round(float(cut.begin.min()), 6), round(float(cut.end.max()), 6)) for cut in cuts] == [(0, 0.4), (0.4, 0.8), (0.8, 1)]
    pieces, facts = learned(tmp_path / "a.csv", group="machine", window=8)
    cuts = [series.training(pieces.load(i), facts, np.random.default_rng(0)) for i in range(3)]
    assert facts["recordings"] == 2
    assert all(cut.source.unique().tolist() == [0, 1] for cut in cuts)
    assert float(cuts[1].begin.min()) == pytest.approx(0.4)
    assert float(cuts[2].end.max()) == 1


def test_claims(tmp_path: Path) -> None:
    assert series.claims(np.zeros((5, 8, 2))) == 1
    assert series.claims(np.zeros((5, 8, 8), np.uint8)) == 0
    assert series.claims(np.zeros((50, 2))) == 0
    assert series.claims(table()) == series.claims(table().to_pandas()) == 2
    assert series.claims(table(name=["x"] * ROWS)) == 0  # words: a table
    assert series.claims(table().drop(["datetime"])) == 0
    assert series.claims(table(later=table()["datetime"])) == 0
    shuffled = table().take(np.random.default_rng(0).permutation(ROWS))
    assert series.claims(shuffled) == 0
    assert (
        series.claims("nowhere.csv")
        == series.claims(tmp_path)
        == series.claims(["a.txt"])
        == series.claims([1, 2])
        == series.claims(7)
        == 0
    )
    (tmp_path / "empty.csv").write_text("")
    assert series.claims(tmp_path / "empty.csv") == 0
    np.savez(tmp_path / "cube.npz", X=np.zeros((5, 8, 2), np.float32), y=np.arange(5))
    np.save(tmp_path / "rows.npy", np.zeros((50, 2)))
    assert series.claims(tmp_path / "cube.npz") == 1
    assert series.claims(tmp_path / "rows.npy") == 0
    text(tmp_path / "odd.csv", table(seen=["2024-13-45"] + [""] * (ROWS - 1)))
    assert series.claims(tmp_path / "odd.csv") == 0


def test_array_files(tmp_path: Path) -> None:
    cube = np.random.default_rng(0).normal(size=(12, 16, 2)).astype(np.float32)
    np.savez(tmp_path / "cube.npz", X=cube, y=np.arange(12))
    np.save(tmp_path / "rows.npy", cube.reshape(-1, 2))
    np.save(tmp_path / "cube.npy", cube)
    pieces, facts = learned(tmp_path / "cube.npz")
    assert (facts["shape"], facts["label"], pieces.counts) == ([2, 16], "y", [12])
    assert series.labels(pieces.load(0), facts).tolist() == list(range(12))
    assert learned(tmp_path / "rows.npy")[1]["names"] == ["x0", "x1"]
    both, _ = learned([tmp_path / "cube.npz", tmp_path / "cube.npy"])
    assert both.counts == [24]
    np.save(tmp_path / "other.npy", cube[:, :5])
    with pytest.raises(SchemaMismatch, match="differ in shape"):
        learned([tmp_path / "cube.npz", tmp_path / "other.npy"])
    with pytest.raises(BadData, match="series are numbers"):
        learned(np.full((2, 3, 4), "x"))


@pytest.mark.parametrize("suffix", series.WRITTEN)
def test_results_are_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    rows = table().drop(["datetime"])
    _, facts = learned(rows)
    series.write([rows, rows], path, facts)
    assert path.stat().st_size > 100
    cube = np.arange(24.0).reshape(2, 4, 3)
    _, facts = learned(np.random.default_rng(0).normal(size=(9, 4, 3)))
    series.write([cube, cube], path, facts)
    if suffix in (".npz", ".npy"):
        made = np.load(path)
        np.testing.assert_array_equal(made if suffix == ".npy" else made["X"], np.concatenate([cube, cube]))
    elif suffix != ".json":
        read = {".parquet": pd.read_parquet, ".jsonl": lambda path: pd.read_json(path, lines=True)}.get(suffix, pd.read_csv)
        made = pa.Table.from_pandas(read(path))
        assert made["sample"].to_pylist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
        assert made["x2"].to_pylist()[:4] == [2.0, 5.0, 8.0, 11.0]


# Bad input


def test_words_are_refused_by_name_and_row(tmp_path: Path) -> None:
    broken = table().to_pandas()
    broken["heat"] = broken["heat"].astype(object)
    broken.loc[33, "heat"] = "error"
    broken.to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(BadData, match=r"'heat' of .*b.csv holds words: row 33 \(counting from 0\) has 'error'.*ignore='heat'"):
        learned(tmp_path / "b.csv")
    text(tmp_path / "a.csv", table())
    with pytest.raises(SchemaMismatch, match=r"'heat' of .*b.csv holds words: row 33 .* 'error'; in .*a.csv it is number"):
        learned([tmp_path / "a.csv", tmp_path / "b.csv"])
    pieces, facts = learned(tmp_path / "a.csv")
    with pytest.raises(SchemaMismatch, match=r"b.csv: column 'heat' held numbers in training, but row 33"):
        series.cut(series.read(tmp_path / "b.csv").load(0), facts)
    assert pieces.count == ROWS
    with pytest.raises(BadData, match="dates beside the column of time"):
        learned(table(later=table()["datetime"]), time="datetime")
    with pytest.raises(BadOption, match="several columns of dates: 'datetime', 'later'"):
        learned(table(later=table()["datetime"]))


def test_columns_that_differ_between_files(tmp_path: Path) -> None:
    files = [text(tmp_path / "a.csv", table()), text(tmp_path / "b.csv", table().drop(["heat"]))]
    with pytest.raises(SchemaMismatch, match=r"b.csv lacks 'heat' beside .*a.csv"):
        learned(files)


def test_empty_files_and_single_rows(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(BadFile, match=r"empty.csv is empty"):
        learned(tmp_path / "empty.csv")
    (tmp_path / "head.csv").write_text("datetime,flow\n")
    with pytest.raises(BadData, match=r"head.csv has a header but no rows"):
        learned(tmp_path / "head.csv")
    with pytest.raises(BadData, match="no two rows have different times"):
        learned(text(tmp_path / "one.csv", table(1)))
    with pytest.raises(BadData, match=r"three\.csv: the longest recording has 3 rows, and a series needs 4"):
        learned(text(tmp_path / "three.csv", table(3)))
    with pytest.raises(BadOption, match="window=100 is longer than the longest recording, which has 80 rows; give from 2 to 80"):
        learned(table(), window=100)
    for wrong in (1, 2.5, "ten", True):
        with pytest.raises(BadOption, match="give a number of steps"):
            learned(table(), window=wrong)
    with pytest.raises(BadData, match="nothing in it"):
        learned(np.zeros((0, 3, 2)))
    with pytest.raises(BadOption, match="no column 'flaw'"):
        learned(table(), label="flaw")
    with pytest.raises(BadOption, match="left as a sensor"):
        learned(table(), ignore=["flow", "heat"])


def test_files_at_another_pace_are_told(tmp_path: Path) -> None:
    for i in range(4):
        text(tmp_path / f"{i}.csv", table(step=60 if i else 300))
    _, facts = learned(tmp_path, window=8)
    assert facts["step"] == 60
    assert "0.csv in steps of 5 min, the grid in steps of 1 min" in facts["notes"][0]
    _, facts = learned(tmp_path, window=8, step="5min")
    assert facts["notes"] == []


def test_a_file_like_the_valve_test_bed(tmp_path: Path) -> None:
    """Semicolons, seconds of which some are left out, labels as floats."""
    kept = np.flatnonzero(np.arange(300) % 17 != 5)
    rows = table(300, 1.0, anomaly=np.zeros(300)).take(kept)
    pacsv.write_csv(rows, tmp_path / "0.csv", pacsv.WriteOptions(delimiter=";"))
    pieces, facts = learned(tmp_path / "0.csv", label="anomaly")
    assert facts["step"] == 1
    chunk = pieces.load(0)
    batch, layout = series.cut(chunk, facts)
    assert batch.mask is not None
    back = series.join(batch.x, facts, layout, chunk)
    np.testing.assert_allclose(np.asarray(back["flow"]), np.asarray(chunk.rows["flow"]), atol=1e-5)
    assert back["anomaly"].equals(chunk.rows["anomaly"])
