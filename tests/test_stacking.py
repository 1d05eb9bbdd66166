"""Layer by layer first: every level is trained, from the outermost inwards, and then the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hourglass import Autoencoder, fitting, stacking
from hourglass.errors import BadOption
from hourglass.parts import Batch

DEEP = "dense:widths=[24,16,8],activation=tanh,beside=false"


def rows() -> NDArray[np.float32]:
    draw = np.random.default_rng(0)
    return (draw.normal(size=(400, 3)) @ draw.normal(size=(3, 20)) + 0.1 * draw.normal(size=(400, 20))).astype(np.float32)


def test_each_level_learns_before_the_whole_does() -> None:
    model = Autoencoder(network=DEEP, code_size=3, epochs=1, random_state=0).fit(rows()).model_
    samples = Batch(torch.from_numpy((rows() - rows().mean(0)) / rows().std(0)))
    model.settings |= {"epochs": 400, "batch_size": 32}
    run = fitting.Fitting(model.train(), samples, 0)
    before = [weight.detach().clone() for weight in model.encoder.parameters()]
    told = [record.doing for record in stacking.Stack(run)]
    assert list(dict.fromkeys(told)) == [f"pretraining layer {number} of 4" for number in (1, 2, 3, 4)]
    moved = [not torch.equal(one, other) for one, other in zip(before, model.encoder.parameters(), strict=True)]
    assert all(moved)
    model.train(False)
    with torch.no_grad():
        error = float((model.reconstruct(samples) - samples.x).square().mean())
    assert error < 0.7, "the levels do not make an autoencoder together"


@pytest.mark.parametrize("options", [{}, {"members": 2}, {"spoil": "noise:0.1"}], ids=["plain", "members", "spoil"])
def test_a_stacked_network_learns_and_is_reported(options: dict[str, object]) -> None:
    model = Autoencoder(network=DEEP, code_size=3, epochs=80, batch_size=32, stacked=True, random_state=0, **options).fit(rows())
    error = np.square(model.reconstruct(rows()) - rows()).mean() / rows().var()
    assert error < 0.3
    assert model.model_.settings["stacked"] is True
    assert model.model_.record["steps"] <= 0.8 * 80 * 360 // 32, "a part of the budget goes to the levels"
    assert "PCA" in model.report().text


def test_convolutions_are_stacked() -> None:
    pictures = (np.random.default_rng(0).uniform(size=(60, 1, 16)) * 255).repeat(16, 1).astype(np.uint8)
    model = Autoencoder(network="conv:widths=[6,8]", code_size=4, epochs=4, stacked=True, random_state=0).fit(pictures)
    assert np.isfinite(model.reconstruct(pictures).astype(float)).all()


def test_the_same_seed_gives_the_same_weights() -> None:
    one, two = (
        Autoencoder(network=DEEP, code_size=3, epochs=8, stacked=True, random_state=1).fit(rows()).encoder_.state_dict() for _ in range(2)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_networks_without_levels_are_refused() -> None:
    with pytest.raises(BadOption, match="layer by layer, which network='recurrent' cannot; take 'conv' or 'dense'"):
        Autoencoder(kind="series", network="recurrent", stacked=True, epochs=1).fit(rows())
