"""The estimator among scikit-learn's: its own checks with nothing skipped, pipelines, searches, clones, frames as output."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hourglass import Autoencoder, Part
from hourglass.errors import BadOption, NotFitted

CHECKS = """
import warnings, torch
from sklearn.utils.estimator_checks import estimator_checks_generator
from hourglass import Autoencoder, TransferClassifier, TransferRegressor
torch.set_num_threads(1)
count = 0
small = {"way": "probe", "compare": False, "folds": 1, "random_state": 0}
own = [sort(Autoencoder(epochs=2, code_size=2), **small) for sort in (TransferClassifier, TransferRegressor)]
for each in (Autoencoder(epochs=20), *own):
    for estimator, check in estimator_checks_generator(each, mark=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(estimator)
        count += 1
print("passed", count)
"""


def rows(count: int = 120, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, 2)) @ random.normal(size=(2, 6)) + 0.1 * random.normal(size=(count, 6))).astype("float32")


def negative_error(model: Autoencoder, X: np.ndarray, y: object = None) -> float:
    return -float(np.square(model.reconstruct(X) - X).mean())


def test_every_check_of_scikit_learn_passes_and_none_is_skipped() -> None:
    """In a process of its own: the checks of other array libraries run only where SCIPY_ARRAY_API is set before scipy is imported."""
    environment = os.environ | {"SCIPY_ARRAY_API": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", CHECKS], env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.split()[-1]) >= 40


def test_in_a_pipeline_codes_are_features() -> None:
    X = rows()
    y = (X[:, 0] > 0).astype(int)
    line = make_pipeline(StandardScaler(), Autoencoder(code_size=2, epochs=30, random_state=0), LogisticRegression()).fit(X, y)
    assert line.score(X, y) > 0.9
    assert line[:-1].transform(X).dtype == np.float32


@pytest.mark.parametrize("bottleneck", ["gaussian", Part("gaussian", beta=2.0)], ids=["name", "part"])
def test_a_grid_search_reaches_the_options_of_a_part(bottleneck: str | Part) -> None:
    model = Autoencoder(bottleneck=bottleneck, code_size=2, epochs=30, random_state=0)
    search = GridSearchCV(model, {"bottleneck__beta": [0.1, 1000.0]}, scoring=negative_error, cv=2, n_jobs=2).fit(rows())
    assert search.best_params_ == {"bottleneck__beta": 0.1}  # a price of 1000 leaves nothing in the code
    assert search.best_estimator_.model_.settings["bottleneck"] == "gaussian:beta=0.1"
    low, high = search.cv_results_["mean_test_score"]
    assert low > high
    assert str(bottleneck) in ("gaussian", "gaussian:beta=2.0")  # the one that was given is left as it was


@pytest.mark.parametrize(("library", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_output_in_the_library_that_was_asked_for(library: str, frame: type) -> None:
    model = Autoencoder(code_size=2, epochs=2, random_state=0).set_output(transform=library)
    codes = model.fit_transform(rows())
    assert isinstance(codes, frame)
    assert list(codes.columns) == list(model.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]


def test_output_of_paths_in_the_library_that_was_asked_for(tmp_path: object) -> None:
    path = f"{tmp_path}/rows.csv"
    pd.DataFrame(rows(), columns=list("abcdef")).to_csv(path, index=False)
    model = Autoencoder(code_size=2, epochs=2, random_state=0).fit(path)
    plain = model.transform(path)
    codes = model.set_output(transform="pandas").transform(path)
    assert list(codes.columns) == plain.column_names == ["autoencoder0", "autoencoder1"]
    np.testing.assert_array_equal(codes.to_numpy(), np.column_stack([np.asarray(column) for column in plain.columns]))


def encoder(shape, *, code_size):  # type: ignore[no-untyped-def]
    import torch

    return torch.nn.Linear(shape[0], code_size), (code_size,)


def decoder(code_shape, shape, outputs):  # type: ignore[no-untyped-def]
    import torch

    return torch.nn.Linear(code_shape[0], shape[0] * outputs)


def test_clones_are_alike_and_independent() -> None:
    model = Autoencoder(bottleneck=Part("gaussian", beta=2), network=(encoder, decoder), kind=Part("table", ignore=["a"]), epochs=3)
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    twin.set_params(bottleneck__beta=5)
    assert model.bottleneck == Part("gaussian", beta=2)
    assert twin.get_params()["bottleneck__beta"] == 5
    with pytest.raises(NotFitted):
        clone(Autoencoder(epochs=1).fit(rows())).transform(rows())


def test_a_pickled_estimator_gives_the_same_and_holds_no_samples() -> None:
    X = rows(2000)
    model = Autoencoder(network=(encoder, decoder), code_size=2, epochs=2, random_state=0).fit(X)
    data = pickle.dumps(model)
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert X[:50].tobytes() not in data
    model.report()
    assert again.__getstate__().keys().isdisjoint({"_samples"})


def test_params_that_do_not_exist() -> None:
    model = Autoencoder(network=(encoder, decoder))
    with pytest.raises(BadOption, match="did you mean 'bottleneck'"):
        model.set_params(botleneck="plain")
    with pytest.raises(BadOption, match="has no options to set"):
        model.set_params(network__widths=[3])
    with pytest.raises(BadOption, match="epochs__a"):
        model.set_params(epochs__a=3)
    model.set_params(bottleneck="gaussian", bottleneck__bta=3, network="auto")
    with pytest.raises(BadOption, match="did you mean 'beta'"):
        model.fit(rows())


def test_auto_with_an_option_keeps_the_recipe() -> None:
    model = Autoencoder(purpose="generate", epochs=1).set_params(bottleneck__beta=3.0).fit(rows())
    assert model.model_.settings["bottleneck"] == "gaussian:beta=3.0"


def test_the_global_generators_are_left_alone(untouched_generators: None) -> None:
    model = Autoencoder(purpose="detect", epochs=1).fit(rows())
    model.predict(rows())
    model.sample(3)
    model.report()


def test_random_state() -> None:
    X = rows()

    def codes(state: object) -> np.ndarray:
        return Autoencoder(epochs=1, random_state=state).fit(X).transform(X)

    np.testing.assert_array_equal(codes(3), codes(3))
    np.testing.assert_array_equal(codes(np.random.RandomState(3)), codes(np.random.RandomState(3)))
    np.testing.assert_array_equal(codes(np.random.default_rng(3)), codes(np.random.default_rng(3)))
    assert not np.array_equal(codes(3), codes(4))
    assert not np.array_equal(codes(None), codes(None))
    with pytest.raises(BadOption, match="random_state"):
        codes("seven")
