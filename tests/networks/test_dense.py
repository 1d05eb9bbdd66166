"""Fully connected layers: wide samples go through a few fixed directions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hourglass import Autoencoder, load, recipes
from hourglass.errors import BadOption
from hourglass.layers.principal import principal
from hourglass.parts import Batch


def curved(count: int, columns: int) -> NDArray[np.float32]:
    """Rows on a curved surface of two dimensions, in many columns, with noise."""
    draw = np.random.default_rng(0)
    hidden = np.tanh(draw.uniform(-1, 1, (count, 2)) @ draw.normal(size=(2, 12)) * 2 + draw.normal(size=12))
    made = hidden @ draw.normal(size=(12, columns)) + draw.normal(size=(count, columns))
    return made.astype("float32")


def test_wide_tables_go_through_directions_of_the_training_rows_and_beat_pca(tmp_path) -> None:
    x = curved(700, 1500)
    model = Autoencoder(code_size=2, epochs=150, random_state=0).fit(x[:600])
    network = model.model_.settings["network"]
    assert "rank=64" in network
    assert sum(weight.numel() for weight in model.model_.parameters()) < 100_000
    mean, rows = principal(torch.from_numpy(x[:600]), 2)
    away = torch.from_numpy(x[600:]).double() - mean
    floor, linear = 1.0, float((away - away @ rows.T @ rows).square().mean()) - 1.0
    assert float(np.square(model.reconstruct(x[600:]) - x[600:]).mean()) - floor < 0.8 * linear
    model.save(tmp_path / "wide.hourglass")
    np.testing.assert_array_equal(load(tmp_path / "wide.hourglass").transform(x[:50]), model.transform(x[:50]))


def test_directions_begin_at_pca_whatever_the_loss() -> None:
    x = curved(300, 40)
    for loss, bottleneck in (("gaussian", "plain"), ("laplace", "gaussian")):
        model = Autoencoder(network="dense:widths=[8],rank=12", loss=loss, bottleneck=bottleneck, code_size=3, epochs=1, random_state=0)
        model.fit(x)
        assert np.isfinite(model.reconstruct(x)).all()
        assert model.encoder_.directions.rows.shape == (12, 40)
    pictures = np.random.default_rng(0).integers(0, 255, (60, 8, 8)).astype("uint8")
    mixed = Autoencoder(network="dense:widths=[8],rank=12", loss="mixture", code_size=3, epochs=1, random_state=0).fit(pictures)
    assert mixed.decoder_.directions is None  # several outputs for each pixel come from a layer of their own
    with pytest.raises(BadOption, match="rank=-1"):
        Autoencoder(network="dense:rank=-1", epochs=1).fit(x)
    few = Autoencoder(network="dense:rank=12", code_size=4, epochs=1, random_state=0).fit(x[:20])
    assert int((few.encoder_.directions.rows.norm(dim=1) > 0.5).sum()) == 4  # more would be about single rows


def test_directions_are_as_many_as_a_code_needs() -> None:
    model = Autoencoder(network="dense:widths=[8],rank=4", code_size=10, epochs=1, random_state=0).fit(curved(200, 40)).model_
    assert model.encoder.directions.rows.shape == (20, 40)
    assert model.reconstruct(Batch(torch.zeros(1, 40))).shape == (1, 40)


@pytest.mark.parametrize("purpose", recipes.PURPOSES)
def test_the_recipe_of_wide_tables(purpose: str) -> None:
    settings = Autoencoder(purpose).get_params(deep=False)
    for size, found in ((1000, False), (2000, True)):
        facts = {"shape": [size], "fields": [["number", 0, size]]}
        assert ("rank=" in recipes.resolve(settings, "table", facts, 500)["network"]) is found
