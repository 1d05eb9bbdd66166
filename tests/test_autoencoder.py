"""The class on arrays, frames and paths: what goes in comes back in kind, and what cannot be used is refused in plain words."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from hourglass import Autoencoder, Part, decompress, denoise, errors, load

SHORT: dict[str, Any] = {"epochs": 2, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")


def rows(count: int = 200, seed: int = 1, width: int = 6) -> np.ndarray:
    """Rows of rank two with a little noise; the same plane for every seed."""
    plane = np.random.default_rng(99).normal(size=(2, width))
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, 2)) @ plane + 0.1 * random.normal(size=(count, width))).astype("float32")


def table(count: int = 200, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    size = random.normal(size=count)
    frame = pd.DataFrame({"size": size, "weight": (70 + 9 * size + random.normal(size=count)).astype("float32")})
    frame["count"] = random.integers(0, 9, count)
    frame["colour"] = pd.Categorical(np.array(["red", "green", "blue"])[random.integers(0, 3, count)])
    frame["open"] = size > 0
    frame["day"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 300, count), unit="D")
    frame.loc[::17, "size"] = np.nan
    frame["y"] = (size > 0.5).astype(int)
    return frame


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    return Autoencoder(code_size=2, epochs=60, random_state=0).fit(rows())


# Types, shapes, precision


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_come_back_in_their_library(library: str) -> None:
    frame = table().drop(columns="y")
    frame.index = np.arange(len(frame)) + 500
    given = {"pandas": frame, "polars": pl.from_pandas(frame), "pyarrow": pa.Table.from_pandas(frame, preserve_index=False)}[library]
    fitted = Autoencoder(**SHORT).fit(given)
    back, drawn = fitted.reconstruct(given), fitted.sample(7)
    assert type(back) is type(given)
    assert type(drawn) is type(given)
    if library == "pandas":
        pd.testing.assert_index_equal(back.index, frame.index)
        pd.testing.assert_series_equal(back.dtypes, frame.dtypes)
        assert list(drawn.columns) == list(frame.columns)
    else:
        assert back.schema == given.schema
    assert isinstance(fitted.transform(given), np.ndarray)
    assert fitted.explain(given).shape == (len(frame), 5)
    assert type(fitted.explain(given)) is type(given)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8"])
def test_arrays_come_back_in_their_own_type(model: Autoencoder, dtype: str) -> None:
    X = (rows() * (1 if dtype.startswith("f") else 20) + 100).astype(dtype)
    fitted = Autoencoder(code_size=2, epochs=100, random_state=0).fit(X)
    back = fitted.reconstruct(X)
    assert back.dtype == X.dtype
    assert np.square(back.astype(float) - X).mean() < 0.1 * X.astype(float).var(0).mean()
    wide = "float32" if dtype == "float32" else "float64"
    assert fitted.transform(X).dtype == fitted.score_samples(X).dtype == wide


def test_float64_is_computed_in_float64(model: Autoencoder) -> None:
    X = rows().astype("float64")
    exact, rough = model.transform(X), model.transform(X.astype("float32"))
    assert 0 < np.abs(exact - rough).max() < 1e-4
    np.testing.assert_allclose(model.inverse_transform(exact), model.reconstruct(X), atol=1e-12)


def test_a_row_gets_the_same_in_any_company(model: Autoencoder) -> None:
    X = rows(3000).astype("float64")
    some = np.random.default_rng(0).permutation(3000)[:37]
    np.testing.assert_allclose(model.transform(X)[some], model.transform(X[some]), atol=1e-12)
    np.testing.assert_allclose(model.score_samples(X)[some], model.score_samples(X[some]), atol=1e-11)
    np.testing.assert_array_equal(model.predict(X)[some], model.predict(X[some]))
    assert model.explain(X).num_rows == 3000


def test_missing_values_go_through_and_are_filled_in() -> None:
    X = rows(600)
    gone = np.random.default_rng(0).random(X.shape) < 0.1
    holes = np.where(gone, np.nan, X)
    fitted = Autoencoder(code_size=2, epochs=150, random_state=0).fit(holes)
    assert np.isfinite(fitted.transform(holes)).all()
    assert np.isfinite(fitted.score_samples(holes)).all()
    back = fitted.reconstruct(holes)
    known = np.square(back - X)[~gone].mean()
    assert known < 0.2 * X.var(0).mean()
    assert np.isfinite(fitted.score_samples(np.full((3, 6), np.nan))).all()


def test_unknown_categories_are_taken() -> None:
    frame = table()[["size", "colour", "open"]]
    fitted = Autoencoder(**SHORT).fit(frame.astype({"colour": str}))
    new = pd.DataFrame({"size": [0.1, 0.2], "colour": ["purple", "red"], "open": [True, False]})
    assert np.isfinite(fitted.score_samples(new)).all()
    assert set(fitted.reconstruct(new)["colour"]) <= {"red", "green", "blue"}


# Anomalies


def test_false_alarms_are_near_nominal_and_follow_the_setting_without_a_new_fit() -> None:
    fitted = Autoencoder(purpose="detect", epochs=20, random_state=0).fit(rows(4000))
    fresh = rows(4000, seed=7)
    shares = {}
    for nominal in (0.01, 0.05, 0.2):
        fitted.set_params(false_alarms=nominal)
        shares[nominal] = float((fitted.predict(fresh) == -1).mean())
        np.testing.assert_array_equal(fitted.predict(fresh) == -1, fitted.decision_function(fresh) < 0)
        np.testing.assert_allclose(fitted.decision_function(fresh), fitted.score_samples(fresh) - fitted.offset_)
    assert 0.02 <= shares[0.05] <= 0.1, shares
    assert shares[0.01] <= 0.03, shares
    assert 0.12 <= shares[0.2] <= 0.3, shares


def test_the_assumed_share_of_anomalies_is_left_out_of_the_threshold() -> None:
    X = rows(3000)
    odd = np.random.default_rng(0).permutation(3000)[:300]
    X[odd] = np.random.default_rng(1).normal(size=(300, 6)) * X.std() * 2
    fresh, strange = rows(2000, seed=7), np.random.default_rng(2).normal(size=(500, 6)) * X.std() * 2
    found = {}
    for share in (0.0, 0.1):
        fitted = Autoencoder(code_size=2, epochs=30, random_state=0, anomalies=share).fit(X)
        found[share] = [float((fitted.predict(some) == -1).mean()) for some in (strange, fresh)]
    assert found[0.1][0] > found[0.0][0] + 0.2, found
    assert found[0.1][1] < 0.05, found
    assert fitted.model_.settings["anomalies"] == 0.1


def test_explain_names_the_guilty_column_first() -> None:
    names = ["north", "east", "south", "west", "top", "low"]
    known = pd.DataFrame(rows(3000).astype(float), columns=names)
    fitted = Autoencoder(purpose="detect", epochs=30, random_state=0).fit(known)
    new = pd.DataFrame(rows(300, seed=5).astype(float), columns=names)
    random = np.random.default_rng(0)
    guilty = random.integers(0, 6, 300)
    for row, column in enumerate(guilty):
        new.iloc[row, column] += 5 * known.iloc[:, column].std() * random.choice([-1, 1])
    told = fitted.explain(new)
    assert list(told.columns) == ["row", "score", "p_value", "anomaly", "because"]
    assert list(told["row"]) == list(range(300))
    named = [text.split(" ")[0] == names[column] for text, column in zip(told["because"], guilty, strict=True) if text]
    assert told["anomaly"].mean() > 0.9
    assert np.mean(named) >= 0.8
    np.testing.assert_allclose(told["score"], -fitted.score_samples(new), rtol=1e-4)
    assert told["p_value"].between(0, 1).all()


# Paths and streams


def test_labels_never_reach_the_network(tmp_path: Path) -> None:
    frame = table()
    kind = Part("table", label="y", ignore=["day"])
    paths = []
    for seed in (0, 1):
        shuffled = frame.assign(y=np.random.default_rng(seed).permutation(frame["y"]), day=frame["day"].iloc[::-1].to_numpy())
        paths.append(tmp_path / f"{seed}.csv")
        (shuffled if seed else frame).to_csv(paths[-1], index=False)
    one, other = (Autoencoder(kind=kind, **SHORT).fit(path) for path in paths)
    for mine, theirs in zip(one.model_.parameters(), other.model_.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    bare = tmp_path / "bare.csv"
    frame.drop(columns=["y", "day"]).to_csv(bare, index=False)
    assert one.transform(bare).equals(one.transform(paths[0]))
    np.testing.assert_allclose(one.transform(frame.drop(columns=["y", "day"])), one.transform(frame), atol=1e-6)


def test_labels_in_a_frame_are_for_the_report_and_may_be_absent_later() -> None:
    frame = table(400)
    fitted = Autoencoder(kind=Part("table", label="y"), **SHORT).fit(frame)
    assert "y" not in fitted.feature_names_in_
    assert fitted.report().measures["labels"] is not None
    np.testing.assert_array_equal(fitted.transform(frame), fitted.transform(frame.drop(columns="y")))


def test_y_is_for_the_report_alone() -> None:
    X = rows(400)
    y = (X[:, 0] > 0).astype(int)
    with_y, without = Autoencoder(code_size=2, **SHORT).fit(X, y), Autoencoder(code_size=2, **SHORT).fit(X)
    np.testing.assert_array_equal(with_y.transform(X), without.transform(X))
    assert without.report().measures["labels"] is None
    told = with_y.report().measures["labels"]
    assert told == with_y.fit(X, list(y)).report().measures["labels"]
    assert told != with_y.fit(X, np.random.default_rng(0).permutation(y)).report().measures["labels"]
    assert without.report(X, y).measures["labels"] is not None


def arrow(X: np.ndarray) -> pa.Table:
    return pa.table({f"c{i}": column for i, column in enumerate(X.T)})


def test_a_stream_trains_and_gives_as_memory_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    X = rows(6000)
    for part in range(12):
        pq.write_table(
            pa.table({f"c{i}": column for i, column in enumerate(X[part * 500 : part * 500 + 500].T)}), folder / f"{part:02}.parquet"
        )
    settings = {"code_size": 2, "epochs": 10, "random_state": 0}
    whole = Autoencoder(**settings).fit(folder)
    monkeypatch.setenv("HOURGLASS_MEMORY", "20000")
    streamed = Autoencoder(**settings).fit(folder)
    fresh = rows(1000, seed=9)
    missed = [np.square(np.column_stack(m.reconstruct(arrow(fresh)).columns) - fresh).mean() for m in (whole, streamed)]
    assert missed[1] < 1.2 * missed[0], missed
    codes = tmp_path / "codes.parquet"
    assert streamed.transform(folder, to=codes) is None
    assert pq.read_table(codes).equals(streamed.transform(folder))
    frame = pa.concat_tables(pq.read_table(path) for path in sorted(folder.iterdir()))
    np.testing.assert_allclose(np.column_stack(pq.read_table(codes).columns), streamed.transform(frame), atol=1e-5)
    told = streamed.explain(folder)
    assert told["row"].to_pylist() == list(range(6000))


def test_few_rows_in_a_path(tmp_path: Path, model: Autoencoder) -> None:
    path = tmp_path / "one.csv"
    pd.DataFrame(rows(1), columns=list("abcdef")).to_csv(path, index=False)
    assert model.transform(path).num_rows == 1
    assert model.reconstruct(path).column_names == list("abcdef")
    assert len(model.predict(path)) == 1


def test_from_arrays_to_paths_and_back_in_fits() -> None:
    fitted = Autoencoder(**SHORT).fit(rows())
    assert fitted.n_features_in_ == 6
    fitted.fit(np.random.default_rng(0).integers(0, 255, (30, 8, 8), dtype=np.uint8))
    assert fitted.sample(3).shape == (3, 8, 8)


# Saved models


def test_a_loaded_model_gives_the_same(tmp_path: Path, model: Autoencoder) -> None:
    X = rows()
    model.report()
    model.save(tmp_path / "m.hourglass")
    again = load(tmp_path / "m.hourglass")
    for name in ("transform", "reconstruct", "score_samples", "predict"):
        np.testing.assert_array_equal(getattr(again, name)(X), getattr(model, name)(X))
    assert again.get_params() == model.get_params()
    assert again.n_features_in_ == 6
    assert again.report().measures == json.loads(json.dumps(model.model_.record["report"]))
    assert again.report().text


def test_a_loaded_model_without_a_report_asks_for_data(tmp_path: Path) -> None:
    Autoencoder(**SHORT).fit(rows()).save(tmp_path / "m.hourglass")
    with pytest.raises(errors.BadData, match="needs data"):
        load(tmp_path / "m.hourglass").report()


def test_numbers_of_numpy_are_settings_that_can_be_saved(tmp_path: Path) -> None:
    Autoencoder(code_size=np.int64(2), epochs=np.int32(1), batch_size=np.int16(32), learning_rate=np.float32(0.001)).fit(rows()).save(
        tmp_path / "m.hourglass"
    )
    assert load(tmp_path / "m.hourglass").transform(rows()).shape == (200, 2)


def test_training_can_start_from_another_model(tmp_path: Path, model: Autoencoder) -> None:
    model.save(tmp_path / "m.hourglass")
    for init in (model, tmp_path / "m.hourglass"):
        begun = Autoencoder(code_size=2, epochs=1, learning_rate=1e-12, init=init).fit(rows())
        np.testing.assert_allclose(begun.transform(rows()), model.transform(rows()), atol=1e-4)


# A network of one's own


def own_encoder(shape: tuple[int, ...], *, code_size: int) -> tuple[torch.nn.Module, tuple[int, ...]]:
    return torch.nn.Linear(shape[0], code_size), (code_size,)


def own_decoder(code_shape: tuple[int, ...], shape: tuple[int, ...], outputs: int) -> torch.nn.Module:
    return torch.nn.Linear(code_shape[0], outputs * shape[0])


def no_pair(shape: tuple[int, ...], *, code_size: int) -> torch.nn.Module:
    return torch.nn.Linear(shape[0], code_size)


def too_wide(code_shape: tuple[int, ...], shape: tuple[int, ...], outputs: int) -> torch.nn.Module:
    return torch.nn.Linear(code_shape[0], outputs * shape[0] + 1)


def test_a_network_of_ones_own_trains_and_is_opened_with_its_parts(tmp_path: Path) -> None:
    settings = {"code_size": 2, "epochs": 200, "learning_rate": 0.02, "spoil": "none"}
    fitted = Autoencoder(purpose="detect", network=(own_encoder, own_decoder), random_state=0, **settings).fit(rows())
    assert fitted.model_.members == 1  # the recipe's four need factories that know members
    assert np.square(fitted.reconstruct(rows()) - rows()).mean() < 0.2 * rows().var(0).mean()
    fitted.save(tmp_path / "own.hourglass")
    with pytest.raises(errors.BadFile, match="own_encoder"):
        load(tmp_path / "own.hourglass")
    again = load(tmp_path / "own.hourglass", parts={"own_encoder": own_encoder, "own_decoder": own_decoder})
    np.testing.assert_array_equal(again.transform(rows()), fitted.transform(rows()))


def test_factories_without_names_are_told_apart() -> None:
    pair = (lambda shape, *, code_size: own_encoder(shape, code_size=code_size), lambda a, b, c: own_decoder(a, b, c))
    assert Autoencoder(network=pair, **SHORT).fit(rows()).model_.settings["network"] == "own:encoder=encoder,decoder=decoder"


# Bad input. Each case gives what is wrong, the class of the error, and a part of its text


def pictures(folder: Path) -> Path:
    for i in range(6):
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (16, 16), dtype=np.uint8)).save(folder / f"{i}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return folder


def infinite() -> np.ndarray:
    X = rows()
    X[3, 2] = np.inf
    return X


NEW: dict[str, tuple[dict[str, Any], Callable[[], Any], type[Exception], str]] = {
    "nothing": ({}, lambda: None, errors.BadType, "NoneType"),
    "a dict": ({}, lambda: {"a": [1]}, errors.BadType, "dict"),
    "one axis": ({}, lambda: np.zeros(5), errors.BadData, "2D"),
    "a series": ({}, lambda: table()["size"], errors.BadData, "2-dimensional"),
    "no rows": ({}, lambda: np.zeros((0, 5)), errors.BadData, "0 sample"),
    "no columns": ({}, lambda: np.zeros((5, 0)), errors.BadData, "0 feature"),
    "one row": ({}, lambda: rows(1), errors.BadData, "1 sample"),
    "complex": ({}, lambda: rows() + 1j, errors.BadData, "Complex"),
    "words": ({}, lambda: np.array([["a", 1], ["b", 2]], dtype=object), errors.BadData, "as a frame"),
    "texts": ({}, lambda: np.array([["a"], ["b"]]), errors.BadType, "texts"),
    "infinity": ({}, infinite, errors.BadData, "'x2' holds infinity.* row 3"),
    "a folder without pictures": ({"kind": "image"}, lambda: Path(), errors.BadData, "no pictures"),
    "a file that is not there": ({}, lambda: "none.csv", errors.BadFile, "none.csv"),
    "same name twice": ({}, lambda: pd.DataFrame(rows(), columns=list("aabcde")), errors.BadData, "'a'"),
    "purpose": ({"purpose": "detct"}, rows, errors.BadOption, "did you mean 'detect'"),
    "network": ({"network": "dens"}, rows, errors.BadOption, "did you mean 'dense'"),
    "bottleneck": ({"bottleneck": "gausian"}, rows, errors.BadOption, "did you mean 'gaussian'"),
    "loss": ({"loss": "bernouli"}, rows, errors.BadOption, "did you mean 'bernoulli'"),
    "spoil": ({"spoil": "nois"}, rows, errors.BadOption, "did you mean 'noise'"),
    "kind": ({"kind": "tabel"}, rows, errors.BadOption, "did you mean 'table'"),
    "option of a network": ({"network": "dense:width=3"}, rows, errors.BadOption, "did you mean 'widths'"),
    "option of a kind": ({"kind": Part("table", labl="y")}, table, errors.BadOption, "did you mean 'label'"),
    "label that is not there": ({"kind": Part("table", label="z")}, table, errors.BadOption, "no column 'z'"),
    "a part of another type": ({"network": 3}, rows, errors.BadType, "Part"),
    "false alarms": ({"false_alarms": 2}, rows, errors.BadOption, "false_alarms=2"),
    "automatic false alarms": ({"false_alarms": "auto"}, rows, errors.BadOption, "false_alarms"),
    "anomalies": ({"anomalies": 0.7}, rows, errors.BadOption, "anomalies=0.7"),
    "epochs": ({"epochs": 2.5}, rows, errors.BadOption, "epochs=2.5"),
    "minutes": ({"minutes": "two"}, rows, errors.BadOption, "minutes"),
    "code size": ({"code_size": 0}, rows, errors.BadOption, "code_size=0"),
    "learning rate": ({"learning_rate": float("nan")}, rows, errors.BadOption, "learning_rate"),
    "device": ({"device": "cuda"}, rows, errors.BadOption, "device"),
    "stacked": ({"stacked": True, "network": "recurrent"}, rows, errors.BadOption, "layer by layer"),
    "init that is not fitted": ({"init": Autoencoder()}, rows, errors.NotFitted, "not fitted"),
    "init of another type": ({"init": 5}, rows, errors.BadType, "init"),
    "one factory": ({"network": (own_encoder,)}, rows, errors.BadOption, "pair"),
    "modules for factories": ({"network": (torch.nn.Linear(6, 2), own_decoder)}, rows, errors.BadType, "factory"),
    "factories changed about": ({"network": (own_decoder, own_encoder)}, rows, errors.BadOption, "is called as"),
    "an encoder that makes no pair": ({"network": (no_pair, own_decoder)}, rows, errors.BadOption, "code_shape"),
    "a decoder that is too wide": ({"network": (own_encoder, too_wide)}, rows, errors.BadOption, "7"),
    "members of one's own": ({"network": (own_encoder, own_decoder), "members": 3}, rows, errors.BadOption, "members=3"),
}


@pytest.mark.parametrize("case", NEW)
def test_what_cannot_be_fitted(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, data, error, text = NEW[case]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=text) as raised:
        Autoencoder(**{**SHORT, **settings}).fit(data())
    assert isinstance(raised.value, errors.HourglassError)
    assert not list(tmp_path.iterdir())


def test_init_of_another_shape(model: Autoencoder) -> None:
    with pytest.raises(errors.BadOption, match="init is another network"):
        Autoencoder(init=model, code_size=2, **SHORT).fit(rows(width=3))


def test_y_of_another_length() -> None:
    with pytest.raises(errors.BadData, match="2 labels for 200 samples"):
        Autoencoder(**SHORT).fit(rows(), [0, 1])


USE: dict[str, tuple[Callable[[Autoencoder], Any], type[Exception], str]] = {
    "other width": (lambda m: m.transform(rows(width=3)), errors.SchemaMismatch, "3 features"),
    "infinity": (lambda m: m.score_samples(infinite()), errors.BadData, "'x2'"),
    "pictures": (lambda m: m.transform(np.zeros((3, 8, 8), np.uint8)), errors.BadData, "rows and columns"),
    "code width": (lambda m: m.inverse_transform(np.zeros((3, 77))), errors.BadData, "77 columns"),
    "codes that are not there": (lambda m: m.inverse_transform("none.csv"), errors.BadFile, "none.csv"),
    "codes without value": (lambda m: m.inverse_transform(np.full((3, 2), np.nan)), errors.BadData, "NaN"),
    "no samples": (lambda m: m.sample(0), errors.BadOption, "n=0"),
    "half a sample": (lambda m: m.sample(1.5), errors.BadOption, "n=1.5"),
    "quality": (lambda m: m.compress(rows(), quality=101), errors.BadOption, "quality=101"),
    "strength": (lambda m: denoise(rows(), 3, model=m), errors.BadOption, "strength=3"),
    "bytes of another sort": (lambda m: m.decompress(b"hello"), errors.BadFile, "hgz"),
    "a file of bytes that is not there": (lambda m: decompress("none.hgz", m), errors.BadFile, "none.hgz"),
    "no bytes": (lambda m: m.decompress(None), errors.BadType, "NoneType"),  # type: ignore[arg-type]
    "no model": (lambda m: denoise(pd.DataFrame(rows())), errors.BadType, "model=MODEL"),
    "no such model": (lambda m: load("none.hourglass"), errors.BadFile, "none.hourglass"),
    "a model that is a number": (lambda m: load(5), errors.BadType, "int"),  # type: ignore[arg-type]
    "a report as pdf": (lambda m: m.report(rows(), to="report.pdf"), errors.BadOption, "html"),
    "a folder that is not there": (lambda m: m.save("none/model.hourglass"), errors.CannotWrite, "none"),
    "codes in an unknown format": (lambda m: m.transform(rows(), to="codes.odd"), errors.BadOption, "parquet"),
}


@pytest.mark.parametrize("case", USE)
def test_what_cannot_be_used(case: str, model: Autoencoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use, error, text = USE[case]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=text) as raised:
        use(model)
    assert isinstance(raised.value, errors.HourglassError)
    assert not list(tmp_path.iterdir())


def test_false_alarms_out_of_range_at_use(model: Autoencoder) -> None:
    with pytest.raises(errors.BadOption, match="false_alarms=2"):
        load_again(model).set_params(false_alarms=2).predict(rows())


def load_again(model: Autoencoder) -> Autoencoder:
    again = Autoencoder(**model.get_params(deep=False))
    again.model_ = model.model_
    return again


@pytest.mark.parametrize("form", ["csv", "pandas", "polars"])
def test_another_schema_names_the_columns(form: str, tmp_path: Path) -> None:
    frame = table()
    fitted = Autoencoder(**SHORT).fit(frame)
    other = frame.drop(columns="weight").assign(height=1.0)
    given: Any = {"pandas": other, "polars": pl.from_pandas(other), "csv": tmp_path / "other.csv"}[form]
    other.to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(errors.SchemaMismatch, match="weight") as raised:
        fitted.transform(given, to=tmp_path / "codes.csv")
    assert "height" in str(raised.value)
    assert not (tmp_path / "codes.csv").exists()


def test_text_where_numbers_were_leaves_nothing_half_written(tmp_path: Path) -> None:
    frame = table()[["size", "weight"]]
    fitted = Autoencoder(**SHORT).fit(frame)
    folder = tmp_path / "new"
    folder.mkdir()
    frame.to_parquet(folder / "1.parquet", index=False)
    frame.astype({"weight": str}).replace({"weight": {str(frame["weight"][5]): "heavy"}}).to_parquet(folder / "2.parquet", index=False)
    with pytest.raises(errors.HourglassError, match="weight"):
        fitted.transform(folder, to=tmp_path / "codes.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new"]


@pytest.mark.parametrize(("content", "text"), [("", "empty"), ("a,b\n", "no rows"), ("a,b\n1,2\n", "1 sample")])
def test_files_with_nothing_in_them(content: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content)
    with pytest.raises(errors.HourglassError, match=text):
        Autoencoder(**SHORT).fit(path)


def test_a_broken_picture_is_named_and_left_out_or_refused(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    with pytest.warns(UserWarning, match=r"broken\.png"):
        fitted = Autoencoder(**SHORT).fit(folder)
    assert fitted.model_.record["samples"] == 6
    with pytest.raises(errors.HourglassError, match=r"broken\.png"):
        Autoencoder(kind=Part("image", strict=True), **SHORT).fit(folder)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("sort", ["constant column", "missing column", "all constant", "all missing"])
def test_columns_without_content_are_allowed(sort: str) -> None:
    X = rows()
    X[:, 1 if "column" in sort else slice(None)] = np.nan if "missing" in sort else 3
    fitted = Autoencoder(**SHORT).fit(X)
    assert np.isfinite(fitted.transform(X)).all()
    assert np.isfinite(fitted.score_samples(X)).all()
    assert fitted.report().verdicts


def test_a_code_wider_than_the_data_is_allowed_and_told() -> None:
    report = Autoencoder(code_size=12, epochs=100, random_state=0).fit(rows(1000)).report()
    assert "merely copies" in [verdict.name for verdict in report.verdicts]


def test_a_model_of_a_later_version(tmp_path: Path, model: Autoencoder, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr("hourglass.files.FORMAT", 99)
        model.save(tmp_path / "later.hourglass")
    with pytest.raises(errors.NewerFile, match="later"):
        load(tmp_path / "later.hourglass")


def test_no_space_on_the_disk_keeps_the_old_file_and_leaves_no_other(
    tmp_path: Path, model: Autoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.hourglass"
    model.save(path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for write in (
        lambda: model.save(path),
        lambda: model.compress(rows(), to=tmp_path / "a.hgz"),
        lambda: model.report(rows(), to=tmp_path / "a.html"),
    ):
        with pytest.raises(errors.CannotWrite, match="no space"):
            write()
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(errors.CannotWrite, match="no space"):
            model.transform(rows(), to=tmp_path / name)
    assert [item.name for item in tmp_path.iterdir()] == ["model.hourglass"]
    assert path.read_bytes() == before


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path, model: Autoencoder) -> None:
    path = tmp_path / "model.hourglass"
    path.write_text("mine")
    with pytest.raises(errors.CannotWrite, match="exists"):
        model.save(path, force=False)
    assert path.read_text() == "mine"
