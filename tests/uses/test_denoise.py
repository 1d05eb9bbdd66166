"""Cleaning: how much of it is asked for, and letters, between which there is nothing."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from hourglass import Autoencoder, Part
from hourglass.errors import BadOption
from hourglass.kinds import image
from hourglass.model import Model
from hourglass.uses.denoise import clean


def test_texts_are_cleaned_or_left_alone() -> None:
    facts = {"shape": [8], "symbols": 257, "fields": [["category", 0, 1]], "resolution": torch.zeros(1)}
    settings = {"network": "conv:widths=[8]", "bottleneck": "plain", "loss": "categorical", "code_size": 4, "members": 1}
    model = Model.build("text", facts, settings).train(False)
    x = torch.arange(16).view(2, 8)
    assert clean(model, x).dtype == x.dtype
    assert torch.equal(clean(model, x, strength=0), x)


@pytest.mark.parametrize("strength", [-1, 2, "much", True])
def test_a_strength_that_cannot_be_meant(strength: float) -> None:
    with pytest.raises(Exception, match="strength"):
        clean(None, torch.zeros(1, 3), strength)  # type: ignore[arg-type]


def folder(noise: float, shared: bool = False, count: int = 6) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Pictures of smooth waves with an edge, (n, 64, 72) in [0, 1], without noise and with it."""
    random, rows, columns = np.random.default_rng(0), np.arange(66)[:, None], np.arange(74)
    clean = np.stack([0.5 + 0.2 * np.sin(rows / (5 + n)) * np.cos(columns / 9) + 0.2 * (rows > columns - 9 * n) for n in range(count)])
    grain = random.normal(size=clean.shape)
    if shared:
        grain[:, :-1, :-1] = (grain[:, :-1, :-1] + grain[:, 1:, :-1] + grain[:, :-1, 1:] + grain[:, 1:, 1:]) / 2
    return clean[:, :64, :72].astype("f4"), (clean + noise * grain)[:, :64, :72].astype("f4")


def left(model: Autoencoder, noisy: np.ndarray[Any, Any], clean: np.ndarray[Any, Any]) -> float:
    """Mean squared error of the cleaned pictures, as a share of that of the noisy ones."""
    cleaned = clean_all(model, noisy)
    return float(np.square(cleaned - clean).mean() / np.square(noisy - clean).mean())


def clean_all(model: Autoencoder, noisy: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    facts = model.model_.facts
    cleaned = clean(model.model_, image.to_tensor(noisy, facts, native=True).x)
    return np.asarray(image.from_tensor(cleaned, facts, like=noisy))


SMALL = "unet:widths=[8,16],blocks=1,skips=2"


@pytest.mark.parametrize("shared", [False, True], ids=["white", "shared"])
def test_noisy_pictures_alone_teach_to_clean_them(shared: bool) -> None:
    """Without the pairs the network would learn to give back the noise."""
    truth, noisy = folder(0.15, shared)
    model = Autoencoder("denoise", kind="image", network=SMALL, epochs=120, batch_size=6, random_state=0).fit(noisy)
    assert model.model_.settings["spoil"] == f"neighbours:apart={2 if shared else 1}"
    assert left(model, noisy, truth) < (0.5 if shared else 0.35)
    copying = Autoencoder("denoise", kind="image", network=SMALL, spoil="none", epochs=20, batch_size=6, random_state=0).fit(noisy)
    assert left(copying, noisy, truth) > 0.7


def test_clean_pictures_are_damaged_instead() -> None:
    truth, _ = folder(0.0)
    model = Autoencoder("denoise", kind="image", network="conv:widths=[4],code=spatial", epochs=1, random_state=0).fit(truth)
    assert model.model_.settings["spoil"] == "noise:0.1"


def test_what_the_user_says_of_the_way_goes_first() -> None:
    _, noisy = folder(0.15)
    given = Autoencoder("denoise", kind="image", network=SMALL, spoil="noise:0.2", epochs=1, random_state=0).fit(noisy)
    assert given.model_.settings["spoil"] == "noise:0.2"
    untold = Autoencoder("denoise", kind=Part("image", noise=False), network=SMALL, epochs=1, random_state=0).fit(noisy)
    assert untold.model_.settings["spoil"] == "noise:0.1"
    other = Autoencoder("denoise", kind="image", network="conv:widths=[4],code=spatial", epochs=1, random_state=0).fit(noisy)
    assert other.model_.settings["spoil"] == "noise:0.1"
    with pytest.raises(BadOption, match="half their size"):
        Autoencoder("denoise", kind="image", network="conv:widths=[4]", spoil="neighbours", epochs=1).fit(noisy)


def test_one_constant_and_tiny_pictures() -> None:
    _, noisy = folder(0.15)
    for pictures in (noisy[:1].repeat(2, 0), np.full((4, 70, 70), 0.5, "f4"), noisy[:, :5, :5]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = Autoencoder("denoise", kind="image", network=SMALL, epochs=1, random_state=0).fit(pictures)
        assert np.isfinite(clean_all(model, pictures)).all()
