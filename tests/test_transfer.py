"""Few labels on top of an autoencoder: probes, fine-tuning, an honest comparison, and what labels can be wrong with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

import hourglass
from hourglass import Autoencoder, TransferClassifier, TransferRegressor, load
from hourglass.errors import BadData, BadFile, BadOption, BadType, DamagedFile, NotFitted, SchemaMismatch
from hourglass.transfer import open_labeller
from hourglass.uses.ways import Judged, verdict

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def digits() -> tuple[Array, Array]:
    """Digits of 8 x 8 pixels, without those that are always white, (1797, 61), and what they are."""
    X, y = load_digits(return_X_y=True)
    return X[:, X.std(0) > 0].astype(np.float32), y


@pytest.fixture(scope="module")
def fitted(digits: tuple[Array, Array]) -> Autoencoder:
    return Autoencoder(code_size=24, epochs=15, random_state=0).fit(digits[0])


@pytest.fixture(scope="module")
def few(digits: tuple[Array, Array]) -> Array:
    """Ten rows of each digit."""
    return np.concatenate([np.flatnonzero(digits[1] == digit)[:10] for digit in range(10)])


@pytest.fixture(scope="module")
def taught(digits: tuple[Array, Array], fitted: Autoencoder, few: Array) -> TransferClassifier:
    return TransferClassifier(fitted, random_state=0, folds=2).fit(digits[0][few], digits[1][few])


@pytest.fixture
def silent() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_few_labels_are_enough(digits: tuple[Array, Array], taught: TransferClassifier) -> None:
    X, y = digits
    assert taught.score(X, y) > 0.75
    chances = taught.predict_proba(X[:20])
    assert chances.shape == (20, 10)
    assert np.allclose(chances.sum(1), 1)
    assert np.array_equal(taught.classes_[chances.argmax(1)], taught.predict(X[:20]))


def test_an_encoder_that_knows_nothing_is_found_out(digits: tuple[Array, Array], fitted: Autoencoder, few: Array) -> None:
    empty = clone(fitted).fit(digits[0])
    with torch.no_grad():
        for weights in empty.encoder_.parameters():
            weights.zero_()
    found = TransferClassifier(empty, way="probe", folds=2, random_state=0).fit(digits[0][few], digits[1][few])
    assert found.score(*digits) < 0.2
    assert found.verdict_.startswith("pretraining did not help")


def test_every_way_is_compared_on_the_same_folds(taught: TransferClassifier) -> None:
    assert set(taught.comparison_) == {
        "probe of the code",
        "probe of the layer before",
        "fine-tuned",
        "the same network from scratch",
        "linear, raw data",
        "boosted trees, raw data",
    }
    assert list(taught.comparison_.values()) == sorted(taught.comparison_.values(), reverse=True)
    assert taught.best_ in ("probe of the code", "probe of the layer before", "fine-tuned")
    assert {len(each.scores) for each in taught.judged_} == {2}


def test_fine_tuning_leaves_the_autoencoder_as_it_was(digits: tuple[Array, Array], fitted: Autoencoder, few: Array) -> None:
    before = {name: weights.clone() for name, weights in fitted.model_.modules().state_dict().items()}
    found = TransferClassifier(fitted, way="fine-tune", folds=1, compare=False, random_state=0).fit(digits[0][few], digits[1][few])
    assert all(torch.equal(weights, before[name]) for name, weights in fitted.model_.modules().state_dict().items())
    own = found.model_.encoder.state_dict()
    assert any(not torch.equal(weights, before[f"encoder.{name}"]) for name, weights in own.items())
    assert found.score(*digits) > 0.65


def test_the_same_seed_gives_the_same_classifier(digits: tuple[Array, Array], fitted: Autoencoder, few: Array) -> None:
    def once() -> Array:
        made = TransferClassifier(fitted, way="fine-tune", folds=1, compare=False, random_state=3)
        return made.fit(digits[0][few], digits[1][few]).predict_proba(digits[0][:50])

    assert np.array_equal(once(), once())


@pytest.mark.parametrize("way", ["probe", "fine-tune"])
def test_a_saved_classifier_answers_the_same(
    way: str, digits: tuple[Array, Array], fitted: Autoencoder, few: Array, tmp_path: Path
) -> None:
    X, y = digits
    names = np.array([f"digit {each}" for each in y])
    found = TransferClassifier(fitted, way=way, folds=1, compare=False, random_state=0).fit(X[few], names[few])
    found.save(tmp_path / "digits.hourglass")
    opened = open_labeller(tmp_path / "digits.hourglass")
    assert isinstance(opened, TransferClassifier)
    assert np.array_equal(opened.predict(X), found.predict(X))
    assert np.allclose(opened.predict_proba(X[:9]), found.predict_proba(X[:9]), atol=1e-6)
    assert (opened.best_, opened.comparison_, opened.verdict_) == (found.best_, found.comparison_, found.verdict_)
    again = load(tmp_path / "digits.hourglass")  # the autoencoder in it is what it was
    assert np.array_equal(again.transform(X[:9]), fitted.transform(X[:9]))


def test_files_that_know_no_labels_or_the_wrong_ones(fitted: Autoencoder, taught: TransferClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path / "plain.hourglass")
    with pytest.raises(BadFile, match="knows no labels; teach it some: hourglass label"):
        open_labeller(tmp_path / "plain.hourglass")
    head = taught.head_
    try:
        taught.head_ = type(head)(head.mean, head.scale, head.weight[:3].clone(), head.bias[:3].clone())
        taught.save(tmp_path / "wrong.hourglass")
    finally:
        taught.head_ = head
    with pytest.raises(DamagedFile, match="what labels taught it cannot be read"):
        open_labeller(tmp_path / "wrong.hourglass")


def test_an_autoencoder_that_is_not_fitted_learns_from_all_rows(digits: tuple[Array, Array], few: Array) -> None:
    X, y = digits
    some = np.full(len(y), np.nan)
    some[few] = y[few]
    found = TransferClassifier(Autoencoder(code_size=16, epochs=5), way="probe", folds=2, random_state=0).fit(X, some)
    assert found.autoencoder_.model_.record["samples"] > 1000
    assert found.classes_.tolist() == list(range(10))
    assert found.score(X, y) > 0.7


def test_rows_without_a_label_are_left_out(digits: tuple[Array, Array], fitted: Autoencoder, few: Array) -> None:
    y = digits[1][few].astype(object)
    y[::5] = None
    with pytest.warns(UserWarning, match="y: 20 of 100 rows have no label and are left out"):
        TransferClassifier(fitted, way="probe", folds=2, compare=False, random_state=0).fit(digits[0][few], y)


def test_numbers_are_predicted(fitted: Autoencoder, digits: tuple[Array, Array], tmp_path: Path) -> None:
    X = digits[0]
    ink = 3.0 * X.sum(1) + 7
    found = TransferRegressor(fitted, way="probe", folds=3, random_state=0).fit(X[:200], ink[:200])
    assert found.score(X[200:], ink[200:]) > 0.8
    found.save(tmp_path / "ink.hourglass")
    assert np.allclose(open_labeller(tmp_path / "ink.hourglass").predict(X[:5]), found.predict(X[:5]))


def test_wild_numbers_are_said_and_drawn_in(fitted: Autoencoder, digits: tuple[Array, Array]) -> None:
    X = digits[0]
    ink = X.sum(1).astype(float)
    wild = ink[:200].copy()
    wild[:2] = 1e9
    with pytest.warns(UserWarning, match="2 of 200 numbers lie more than 10 usual spreads from the median"):
        found = TransferRegressor(fitted, way="probe", folds=3, compare=False, random_state=0).fit(X[:200], wild)
    assert found.score(X[200:], ink[200:]) > 0.5


def test_classes_with_one_example_are_left_out(fitted: Autoencoder, digits: tuple[Array, Array], few: Array) -> None:
    y = digits[1][few].astype(object)
    y[0] = "a ten"
    with pytest.warns(UserWarning, match="1 of 11 classes have one example only \\('a ten'\\)"):
        found = TransferClassifier(fitted, way="probe", folds=2, compare=False, random_state=0).fit(digits[0][few], y)
    assert len(found.classes_) == 10


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ([None] * 100, "has no label at all"),
        ([1] * 100, "has 1 class with two examples"),
        (list(range(100)), "has no class with two examples"),
        (np.linspace(0, 1, 100), "for numbers take TransferRegressor"),
        ([1, 2] * 20, "y has 40 labels for 100 samples"),
    ],
)
def test_labels_that_cannot_be_learned(labels: Any, match: str, fitted: Autoencoder, digits: tuple[Array, Array], few: Array) -> None:
    with pytest.raises(BadData, match=match):
        TransferClassifier(fitted, way="probe").fit(digits[0][few], labels)


@pytest.mark.parametrize(
    ("labels", "match"),
    [(["a", "b"] * 50, "no numbers; for classes"), ([np.inf, 1.0] * 50, "infinite"), ([2.0] * 100, "all alike")],
)
def test_numbers_that_cannot_be_learned(labels: Any, match: str, fitted: Autoencoder, digits: tuple[Array, Array], few: Array) -> None:
    with pytest.raises(BadData, match=match):
        TransferRegressor(fitted, way="probe").fit(digits[0][few], labels)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"way": "prob"}, "did you mean 'probe'"),
        ({"folds": 0}, "whole number from 1"),
        ({"learning_rate": 2}, "largest step size"),
    ],
)
def test_settings_that_cannot_be_meant(settings: dict[str, Any], match: str, fitted: Autoencoder, digits: tuple[Array, Array]) -> None:
    with pytest.raises(BadOption, match=match):
        TransferClassifier(fitted, **settings).fit(*digits)


def test_other_sorts_of_mistakes(digits: tuple[Array, Array], fitted: Autoencoder) -> None:
    with pytest.raises(BadType, match="autoencoder is an Autoencoder"):
        TransferClassifier(3).fit(*digits)
    with pytest.raises(NotFitted, match="not fitted yet"):
        TransferClassifier(fitted).predict(digits[0])
    with pytest.raises(SchemaMismatch):
        TransferClassifier(fitted, way="probe").fit(digits[0][:, :9], digits[1])
    assert clone(TransferClassifier(way="probe")).way == "probe"
    assert hourglass.TransferClassifier is TransferClassifier


def test_the_column_of_labels_is_named(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(chance.normal(size=(200, 4)), columns=list("abcd"))
    model = Autoencoder(code_size=2, epochs=3, random_state=0).fit(frame)
    frame["sort"] = np.where(frame["a"] + frame["b"] > 0, "up", "down")
    found = TransferClassifier(model, way="probe", random_state=0).fit(frame, column="sort")
    assert found.classes_.tolist() == ["down", "up"]
    assert found.goal_.measure == "AUROC"
    with pytest.raises(SchemaMismatch, match="has no column 'sorts': did you mean 'sort'"):
        TransferClassifier(model, way="probe").fit(frame, column="sorts")
    with pytest.raises(SchemaMismatch, match="trained on the column 'a', so that it knows the answer"):
        TransferClassifier(model, way="probe").fit(frame, column="a")


def test_the_verdict_is_honest() -> None:
    def said(own: list[float], rival: list[float]) -> str:
        return verdict([Judged("fine-tuned", own, 0), Judged("linear, raw data", rival, 0)], "fine-tuned", "accuracy")

    assert said([0.9, 0.91, 0.9], [0.7, 0.72, 0.7]).startswith("pretraining helped: fine-tuned 0.903, linear, raw data 0.707")
    assert said([0.7, 0.8, 0.75], [0.8, 0.7, 0.75]).startswith("pretraining made no difference beyond noise")
    assert said([0.6, 0.61, 0.6], [0.7, 0.72, 0.7]).startswith("pretraining did not help")
    assert verdict([Judged("fine-tuned", [0.5], 0)], "fine-tuned", "R2").endswith("nothing was compared with")
