"""From what a user gave to pieces and tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from hourglass import Autoencoder, kinds, reading, results, spans
from hourglass.batches import Stream
from hourglass.errors import BadData, BadFile, BadOption, BadType
from hourglass.parts import Batch, Part


def test_what_is_a_path() -> None:
    assert all(reading.is_path(source) for source in ("a.csv", Path("a.csv"), ["a.csv", Path("b.csv")], ("a.csv",)))
    assert not any(reading.is_path(source) for source in ([], [[1.0]], np.zeros((2, 2)), None, ["a.csv", 3]))


def test_room_follows_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOURGLASS_MEMORY", raising=False)
    assert reading.room() > 1e6
    monkeypatch.setenv("HOURGLASS_MEMORY", "2e6")
    assert reading.room() == 1_000_000
    monkeypatch.setenv("HOURGLASS_MEMORY", "plenty")
    with pytest.raises(BadOption, match="plenty"):
        reading.room()


def test_samples_stay_in_memory_only_where_they_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        pd.DataFrame({"a": np.arange(100.0) + i, "b": np.arange(100.0)}).to_parquet(tmp_path / f"{i}.parquet")
    reader = reading.Reader("auto", tmp_path)
    pieces = reader.pieces(tmp_path)
    facts = reader.learn(pieces)
    assert isinstance(reading.samples(reader.module, pieces, facts, {"batch_size": 10, "members": 1}, 0), Batch)
    monkeypatch.setenv("HOURGLASS_MEMORY", "1000")
    assert isinstance(reading.samples(reader.module, pieces, facts, {"batch_size": 10, "members": 1}, 0), Stream)
    whole = results.everything(reader.module, pieces, facts)
    assert whole.count == 300


def test_the_reader_keeps_the_options_of_its_kind() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "y": [0, 1, 0]})
    reader = reading.Reader(Part("auto", label="y"), frame)
    assert str(reader.part) == "table:label=y"
    pieces = reader.pieces(frame)
    facts = reader.learn(pieces)
    assert reading.labels(reader.module, pieces, facts).tolist() == [0, 1, 0]
    assert [column["name"] for column in facts["columns"]] == ["a"]


def test_kinds_are_found_by_what_they_claim(tmp_path: Path) -> None:
    assert kinds.infer(np.zeros((3, 4))) == "table"
    assert kinds.infer(np.zeros((3, 4, 4), np.uint8)) == "image"
    assert kinds.infer(tmp_path / "a.png") == "image"
    assert kinds.infer("a.parquet") == "table"
    (tmp_path / "long.txt").write_text("word " * 30_000)  # longer than a cell may be
    assert kinds.infer(tmp_path / "long.txt") == "text"
    with pytest.raises(BadData, match="no kind of data takes this"):
        kinds.infer(np.zeros((2, 3, 4, 4, 2, 2)))
    with pytest.raises(BadFile, match="nowhere"):
        kinds.infer("nowhere")
    (tmp_path / "sounds").mkdir()
    with pytest.raises(BadData, match="a folder with nothing in it"):
        kinds.infer(tmp_path / "sounds")
    (tmp_path / "sounds" / "a.wav").touch()
    with pytest.raises(BadOption, match="only series, table can have ignore, and these data are none of these; leave that out"):
        kinds.infer(tmp_path / "sounds", ["ignore"])


def test_results_are_joined() -> None:
    assert reading.joined([np.zeros((2, 3)), np.ones((1, 3))]).shape == (3, 3)
    assert reading.joined([["a"], ["b", "c"]]) == ["a", "b", "c"]
    assert reading.joined([pa.table({"a": [1]}), pa.table({"a": [2]})]).num_rows == 2


@pytest.mark.parametrize("form", ["array", "list", "pandas", "polars", "pyarrow", "csv", "npy"])
def test_codes_in_any_form(form: str, tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(5, 2))
    frame = pd.DataFrame(X, columns=["c0", "c1"])
    frame.to_csv(tmp_path / "codes.csv", index=False)
    np.save(tmp_path / "codes.npy", X)
    table = pa.Table.from_pandas(frame)
    forms = {"array": X, "list": X.tolist(), "pandas": frame, "polars": pl.from_pandas(frame), "pyarrow": table}
    found = reading.codes(spans.parted(forms.get(form, tmp_path / f"codes.{form}"))[0])
    np.testing.assert_allclose(found, X)


def test_compressed_data_are_bytes_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.hgz").write_bytes(b"abc")
    assert reading.contents(tmp_path / "a.hgz") == reading.contents(bytearray(b"abc")) == b"abc"
    with pytest.raises(BadFile, match=r"b\.hgz"):
        reading.contents(tmp_path / "b.hgz")
    with pytest.raises(BadType, match="int"):
        reading.contents(3)


def test_labels_are_counted() -> None:
    assert reading.counted(None, 3) is None
    assert reading.counted(pd.Series(["a", "b"], index=[7, 8]), 2).tolist() == ["a", "b"]
    for wrong in (["a"], 3):
        with pytest.raises(BadData, match="for 2 samples"):
            reading.counted(wrong, 2)


def test_frames_in_their_library() -> None:
    table = pa.table({"a": [1, 2]})
    assert [reading.library(x) for x in (table, pd.DataFrame(), pl.DataFrame(), np.zeros(3), "a")] == [
        "pyarrow",
        "pandas",
        "polars",
        "",
        "",
    ]


def test_masked_cells_are_missing_and_lazy_frames_are_collected() -> None:
    X = np.random.default_rng(0).normal(size=(60, 3))
    masked = Autoencoder(epochs=1, random_state=0).fit(np.ma.masked_greater(X, 1.5))
    assert masked.model_.facts["missing"].tolist() == (X > 1.5).sum(0).tolist()
    lazy = pl.DataFrame(X, schema=["a", "b", "c"]).lazy()
    back = Autoencoder(epochs=1, random_state=0).fit(lazy).reconstruct(lazy)
    assert isinstance(back, pl.DataFrame)
    assert back.columns == ["a", "b", "c"]


def test_codes_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(BadData, match="codes are numbers alone"):
        reading.codes(pd.DataFrame({"a": pd.to_datetime(["2024-01-01"])}))
    with pytest.raises(BadData, match="codes are numbers alone"):  # numpy finds no common type for these two
        reading.codes(pd.DataFrame({"a": pd.to_datetime(["2024-01-01"]), "b": [1.0]}))


def test_compressing_tells_what_it_does_not_keep() -> None:
    frame = pd.DataFrame({"a": np.arange(60.0), "b": np.arange(60.0) ** 2, "who": ["x"] * 60})
    fitted = Autoencoder(kind=Part("table", ignore=["who"]), epochs=1, random_state=0).fit(frame)
    with pytest.warns(UserWarning, match="not kept: who"):
        fitted.compress(frame)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (["How are you?", "well"], False),
        (["example.com", "Mr.Smith"], False),
        (["tests", "no such word"], False),
        (["a.csv", "b.csv"], True),
        (["missing.txt"], True),
        ("a sentence", True),
        (np.array(["a.txt"]), False),
    ],
)
def test_texts_are_told_from_paths(source: object, path: bool) -> None:
    assert reading.is_path(source) is path
    assert reading.checked(None, source, reset=True) is source
