"""How many units the data are worth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hourglass import Autoencoder, load, sizing


def sheet(dimensions: int, count: int = 3000, columns: int = 20, noise: float = 0.1) -> NDArray[np.float32]:
    """Points of a curved sheet, with noise."""
    draw = np.random.default_rng(3)
    at = draw.uniform(-1, 1, (count, dimensions))
    bent = np.concatenate([at, np.sin(at @ draw.normal(size=(dimensions, dimensions)))], 1)
    x = bent @ draw.normal(size=(2 * dimensions, columns))
    return (x / x.std() + noise * draw.normal(size=x.shape)).astype(np.float32)


@pytest.mark.parametrize("dimensions", [2, 4])
def test_the_dimension_of_a_curved_sheet_is_found(dimensions: int, tmp_path) -> None:
    model = Autoencoder(random_state=0).fit(sheet(dimensions))
    assert abs(model.model_.code_size - dimensions) <= 1
    assert model.transform(sheet(dimensions)).shape[1] == model.model_.code_size == model.model_.settings["code_size"]
    found = model.model_.record["sizes"]
    assert found["chosen"] == model.model_.code_size
    assert found["errors"][0] > 2 * found["errors"][found["sizes"].index(found["chosen"])]
    model.save(tmp_path / "m.hourglass")
    assert load(tmp_path / "m.hourglass").model_.record["sizes"] == found


def test_a_size_that_was_given_is_kept() -> None:
    model = Autoencoder(code_size=5, epochs=5, random_state=0).fit(sheet(2))
    assert model.model_.code_size == 5
    assert "sizes" not in model.model_.record


def test_a_tiny_budget_is_for_training_alone(capsys) -> None:
    x = sheet(2)
    for budget in ({"epochs": 2}, {"minutes": 0.02}):
        model = Autoencoder(random_state=0, verbose=True, **budget).fit(x)
        assert model.model_.code_size == 7  # the recipe's: a third of the columns
        assert "sizes" not in model.model_.record
        assert "a code of 7, as usual: so short a training" in capsys.readouterr().err


def test_minutes_that_a_search_leaves_are_for_training() -> None:
    settings = {"epochs": None, "minutes": 1.0, "members": 1, "network": "dense", "batch_size": 10, "bottleneck": "plain"}
    search = sizing.plan(settings, {"shape": [20]}, 1000)
    assert search["minutes"] == pytest.approx(0.2)
    assert sizing.rest(settings, search, 6.0)["minutes"] == pytest.approx(0.9)  # the search knew enough after six seconds
    assert sizing.rest(settings, search, 600.0)["minutes"] == pytest.approx(0.6)  # and never takes all


def test_larger_networks_are_cut_from_one_training() -> None:
    draw = np.random.default_rng(0)
    height, width = (np.linspace(-1, 1, 16)[:, None], np.linspace(-1, 1, 20)[None])
    place = draw.uniform(-0.7, 0.7, (400, 2))
    blobs = np.exp(-8 * ((height - place[:, 0, None, None]) ** 2 + (width - place[:, 1, None, None]) ** 2))
    model = Autoencoder(network="conv:widths=[8,16]", epochs=20, random_state=0).fit((255 * blobs).astype(np.uint8))
    found = model.model_.record["sizes"]
    assert found["errors"][0] > found["errors"][-1]
    assert model.model_.bottleneck.__class__.__name__ == "Plain"
    assert 2 <= model.model_.code_size <= found["sizes"][-1]


@pytest.mark.parametrize(
    ("errors", "size"),
    [
        ([0.6, 0.3, 0.02, 0.019, 0.018, 0.017], 3),  # a knee
        ([0.8, 0.65, 0.5, 0.4, 0.3, 0.2], 6),  # none in sight
        ([0.99, 0.99, 0.99, 0.99, 0.99, 0.99], 1),  # nothing to be learned
        ([0.3, 0.02, 0.05, 0.02, 0.02, 0.02], 2),  # a training that went worse
    ],
)
def test_knees(errors: list[float], size: int) -> None:
    assert sizing.knee([1, 2, 3, 4, 5, 6], errors, 1.0, 50) == size


def test_members_of_several_sizes_are_reported() -> None:
    model = Autoencoder(bottleneck="ordered:sizes=[1,3]", members=2, code_size=3, epochs=3, random_state=0).fit(sheet(2, 200))
    assert model.report().measures["error"]["random"] > 0
