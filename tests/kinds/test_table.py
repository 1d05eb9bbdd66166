"""Tables: columns to samples and back."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from hourglass.errors import BadData, BadOption, SchemaMismatch
from hourglass.kinds import table


def people(rows: int = 60) -> pa.Table:
    random = np.random.default_rng(0)
    day = datetime.datetime(2024, 3, 1)
    return pa.table(
        {
            "height": pa.array([None if i % 7 == 3 else 150 + 0.5 * (i * i % 41) for i in range(rows)]),
            "children": pa.array(random.integers(0, 5, rows), pa.int16()),
            "city": pa.array([None if i % 11 == 5 else ("Bonn", "Oslo", "Rome")[i % 3] for i in range(rows)]),
            "member": pa.array([None if i % 13 == 1 else i % 2 == 0 for i in range(rows)]),
            "seen": pa.array([day + datetime.timedelta(hours=31 * i) for i in range(rows)], pa.timestamp("s")),
            "who": pa.array([f"person {i}" for i in range(rows)]),
            "outcome": pa.array(["good" if i % 5 else "bad" for i in range(rows)]),
        }
    )


def learned(source: object, **options: object) -> tuple[object, dict]:
    pieces = table.read(source, **options)
    options.pop("limit", None)
    return pieces.load(0), table.learn(pieces, **options)


def test_every_sort_of_column_comes_back():
    chunk, facts = learned(people(), label="outcome", ignore=["who"])
    batch = table.to_tensor(chunk, facts)
    back = table.from_tensor(batch.x, facts, like=chunk)
    assert back.schema.equals(chunk.schema)
    for name in chunk.column_names:
        if name == "height":
            np.testing.assert_allclose(back[name].drop_null(), chunk[name].drop_null(), rtol=1e-6)
            assert back[name].is_null().equals(chunk[name].is_null())
        elif name != "seen":
            assert back[name].to_pylist() == chunk[name].to_pylist(), name
    assert back["seen"].to_pylist() == chunk["seen"].to_pylist()
    assert table.labels(chunk, facts).tolist() == chunk["outcome"].to_pylist()
    assert facts["label"] == "outcome"


def test_layout_fields_and_mask():
    chunk, facts = learned(people(), label="outcome", ignore="who")
    fields = facts["fields"]
    assert fields == [["number", 0, 7], ["flag", 7, 4], ["category", 11, 4]]  # 3 numbers and 4 of cycles; member and 3 presences
    batch = table.to_tensor(chunk, facts)
    assert batch.x.dtype == torch.float32
    assert batch.x.shape == batch.mask.shape == (60, 15) == (60, *facts["shape"])
    gone = np.asarray(chunk["height"].is_null())
    assert (~batch.mask[:, 0]).numpy().tolist() == gone.tolist()
    assert batch.x[gone, 0].abs().max() == 0
    assert table.element_names(facts).count("city") == 5  # three words, another one, present
    presence = [i for i, name in enumerate(table.element_names(facts)) if name == "height"][1]
    assert batch.mask[:, presence].all()
    assert (batch.x[:, presence].numpy() == ~gone).all()
    city = np.asarray(chunk["city"].is_null())
    assert not batch.mask[city, 11:15].any()
    assert torch.equal(batch.x[:, 11:15].sum(1), torch.from_numpy(~city).float())


def test_nothing_missing_means_no_mask():
    chunk, facts = learned(np.arange(12.0).reshape(4, 3))
    batch = table.to_tensor(chunk, facts)
    assert batch.mask is None
    assert batch.x.dtype == torch.float64
    assert abs(batch.x.mean()) < 1e-12
    torch.testing.assert_close(batch.x.std(0, correction=0), torch.ones(3, dtype=torch.float64))


def test_unseen_value_takes_the_slot_for_others_and_never_comes_back():
    chunk, facts = learned(people(), ignore=["who"])
    field = next(column for column in facts["columns"] if column["name"] == "city")
    new = chunk.set_column(2, "city", pa.array(["Lima"] * 60))
    x = table.to_tensor(new, facts).x
    other = field["start"] + field["width"] - 1
    assert (x[:, other] == 1).all()
    assert set(table.from_tensor(x, facts)["city"].to_pylist()) <= {"Bonn", "Oslo", "Rome"}


def test_vocabulary_keeps_the_most_frequent():
    words = [f"w{i}" for i in range(400) for _ in range(1 + (i < 256))]
    _, facts = learned(pa.table({"word": words, "n": list(range(len(words)))}))
    vocabulary = facts["columns"][0]["vocabulary"]
    assert sorted(vocabulary) == sorted(f"w{i}" for i in range(256))
    assert facts["fields"][-1][2] == 257


def test_identifiers_constants_and_empty_columns_are_noted():
    rows = 2_500
    frame = pa.table({"id": [f"u-{i:09d}" for i in range(rows)], "x": np.arange(rows), "one": np.ones(rows), "none": pa.nulls(rows)})
    chunk, facts = learned(frame)
    assert facts["ignored"] == ["id"]
    assert any("identifiers" in note and "'id'" in note for note in facts["notes"])
    assert any("constant" in note and "'one'" in note for note in facts["notes"])
    assert any("missing" in note and "'none'" in note for note in facts["notes"])
    batch = table.to_tensor(chunk, facts)
    assert torch.isfinite(batch.x).all()
    back = table.from_tensor(batch.x, facts, like=chunk)
    assert back.equals(chunk)
    assert table.to_tensor(chunk.drop_columns(["id"]), facts).x.equal(batch.x)


@pytest.mark.parametrize("factor", [1e9, 1e-9])
def test_scaled_column_gives_the_same_sample(factor):
    X = np.random.default_rng(1).normal(3, 2, (500, 2))
    _, plain = learned(X)
    _, scaled = learned(X * factor)
    np.testing.assert_allclose(table.to_tensor(X * factor, scaled).x, table.to_tensor(X, plain).x, rtol=1e-9, atol=1e-12)


def test_outlier_leaves_the_rest_alone_and_comes_back():
    X = np.random.default_rng(1).normal(3, 2, (1000, 2)).astype(np.float32)
    X[17, 0] = 1e30
    chunk, facts = learned(X)
    assert 1.5 < facts["scale"][0] < 2.5
    x = table.to_tensor(chunk, facts).x
    assert torch.isfinite(x).all()
    assert 0.8 < x[18:, 0].std() < 1.2
    assert 10 < x[17, 0] < 100
    np.testing.assert_allclose(table.from_tensor(x.double(), facts), X, rtol=1e-4, atol=1e-5)


def test_outlier_in_few_rows():
    X = np.random.default_rng(1).normal(size=(12, 3))
    X[5, 1] = -1e30
    _, facts = learned(X)
    assert facts["scale"].max() < 10


def test_infinity_names_column_row_and_count():
    X = np.ones((9, 3), np.float32)
    X[4:6, 1] = -np.inf
    with pytest.raises(BadData, match=r"'x1' .* row 4 .* 2 in"):
        learned(X)
    _, facts = learned(np.random.default_rng(0).normal(size=(9, 3)))
    with pytest.raises(BadData, match=r"'x1' .* row 4"):
        table.to_tensor(X, facts)
    with pytest.raises(BadData, match="'b' holds infinity"):
        learned(pa.table({"a": [1.0, 2.0], "b": [1.0, float("inf")]}))


def test_resolution_is_the_smallest_step_in_scaled_units():
    X = np.random.default_rng(0).integers(0, 50, (5000, 1)) * 0.25
    _, facts = learned(X)
    assert facts["resolution"].item() == pytest.approx(0.25 / facts["scale"].item())
    _, facts = learned(np.random.default_rng(0).normal(size=(50_000, 1)))
    assert facts["resolution"].item() >= np.float32(1e-6)
    _, facts = learned(people(), ignore="who")
    assert (facts["resolution"][3:] == 0).all()


def test_streaming_agrees_with_one_piece():
    X = np.random.default_rng(3).normal(5, 3, (4000, 4))
    X[::9, 2] = np.nan
    whole = table.learn(table.read(X))
    cut = np.array_split(X, 13)
    parts = table.learn(table.Pieces([len(part) for part in cut], cut.__getitem__))
    for name in ("mean", "scale", "resolution", "missing", "presence"):
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(whole["mean"], np.nanmean(X, 0))
    np.testing.assert_allclose(whole["scale"], np.nanstd(X, 0))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool", "float16", ">f8"])
def test_array_comes_back_in_its_type(dtype):
    X = np.random.default_rng(0).integers(0, 2, (40, 3)).astype(dtype)
    X.setflags(write=False)
    chunk, facts = learned(X)
    assert chunk is X
    back = table.from_tensor(table.to_tensor(chunk, facts).x, facts, like=chunk)
    assert back.dtype == X.dtype
    np.testing.assert_allclose(back.astype(float), X.astype(float), atol=1e-6)


def test_array_with_missing_cells():
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    X[3, 1] = np.nan
    chunk, facts = learned(X)
    assert facts["fields"] == [["number", 0, 3], ["flag", 3, 1]]
    batch = table.to_tensor(chunk, facts)
    assert batch.mask.sum() == 50 * 4 - 1
    assert batch.x[3].tolist()[1::2] == [0, 0]
    np.testing.assert_allclose(table.from_tensor(batch.x, facts), X, atol=1e-6)
    full = np.nan_to_num(X)
    assert table.to_tensor(full, facts).mask is None


def test_object_array_of_numbers_and_of_words():
    chunk, facts = learned(np.array([[1, 2.5], [3, 4]], object))
    assert facts["source"] == "array"
    source = np.array([["a", 1], ["b", 2], ["a", 3]], object)
    chunk, facts = learned(source)
    back = table.restore(table.from_tensor(table.to_tensor(chunk, facts).x, facts, like=chunk), source)
    assert back.dtype == object
    assert back.tolist() == source.tolist()


def test_number_of_features_is_checked_in_scikit_learns_words():
    _, facts = learned(np.ones((4, 3)))
    with pytest.raises(SchemaMismatch, match="X has 2 features, but Autoencoder is expecting 3 features as input"):
        table.to_tensor(np.ones((4, 2)), facts)


def test_fitted_on_a_frame_used_on_an_array():
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [3.0, 4.0, 6.0]})
    chunk, facts = learned(frame)
    assert table.to_tensor(frame.to_numpy(), facts).x.equal(table.to_tensor(chunk, facts).x)


def test_pandas_comes_back_with_index_and_types():
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None, 3, 5], dtype="Int64"),
            "c": pd.Categorical(["x", "y", "x", None]),
            "t": pd.to_datetime(["2024-01-01", "2024-02-01", None, "2024-05-01"]),
            "f": [0.5, np.nan, 2.0, 3.0],
            "s": ["k", "l", "k", "l"],
            7: [True, False, True, True],
        },
        index=[4, 2, 9, 1],
    )
    chunk, facts = learned(frame)
    back = table.restore(table.from_tensor(table.to_tensor(chunk, facts).x, facts, like=chunk), frame)
    pd.testing.assert_frame_equal(back, frame, rtol=1e-5)


@pytest.mark.parametrize("lazy", [False, True])
def test_polars_comes_back(lazy):
    frame = pl.DataFrame({"a": [1, 2, None], "b": ["x", "y", "x"], "d": [datetime.date(2024, 1, i) for i in (1, 2, 5)]})
    chunk, facts = learned(frame.lazy() if lazy else frame)
    back = table.restore(table.from_tensor(table.to_tensor(chunk, facts).x, facts, like=chunk), frame)
    assert back.to_dict(as_series=False) == frame.to_dict(as_series=False)
    assert isinstance(back, pl.DataFrame)


def test_describe_tells_every_column():
    _, facts = learned(people(), label="outcome", ignore=["who"])
    told = dict(table.describe(facts))
    assert "missing in 9 of 60" in told["height"]
    assert "3 values (Bonn, Oslo, Rome)" in told["city"]
    assert "time" not in told["children"]
    assert told["label"] == "outcome"


def test_unknown_label_or_ignored_column():
    for options in ({"label": "outcom"}, {"ignore": ["outcom"]}):
        with pytest.raises(BadOption, match="did you mean 'outcome'"):
            learned(people(), **options)


def test_claims():
    assert table.claims(np.ones((2, 2)))
    assert not table.claims(np.ones((2, 2, 2)))
    assert table.claims(people())
    assert table.claims(pl.DataFrame({"a": [1]}).lazy())
    assert table.claims("some/where.csv.gz")
    assert table.claims("data/*.parquet")
    assert table.claims("a.npz:train")
    assert not table.claims("photo.jpg")
    assert not table.claims(3)


def test_restore_takes_only_the_index_for_columns_that_are_not_the_sources():
    source = pd.DataFrame({"a": [1, 2]}, index=[5, 6])
    scores = table.restore(pa.table({"score": [0.1, 0.2]}), source)
    assert list(scores.columns) == ["score"]
    assert list(scores.index) == [5, 6]
