"""Weights to start from: another model's, and those of the denoiser that comes with hourglass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hourglass import Autoencoder
from hourglass.cleaning import shipped
from hourglass.errors import BadOption
from hourglass.fitting import begin
from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.starting import started, take_over
from hourglass.uses.denoise import clean

PICTURES = {"fields": [["number", 0, 3]], "resolution": torch.zeros(1), "range": [0.0, 1.0]}
DENOISER = {"network": "unet:widths=[48,96,192],blocks=2,skips=3", "code_size": 8}
PLAIN = {"bottleneck": "plain", "loss": "gaussian", "spoil": "none", "members": 1, "purpose": "denoise"}


def denoiser(channels: int, **changes: Any) -> Model:
    facts = {**PICTURES, "shape": [channels, 32, 32], "fields": [["number", 0, channels]]}
    return begin("image", facts, {**PLAIN, **DENOISER, **changes}, Batch(torch.zeros(1, channels, 32, 32)), 0, {})


def noisy(channels: int = 3) -> torch.Tensor:
    grain = torch.randn(2, channels, 40, 48, generator=torch.Generator().manual_seed(0))
    return torch.linspace(0, 1, 48) + 0.1 * grain


def test_weights_of_another_network_are_refused() -> None:
    facts: dict[str, Any] = {"shape": [6], "fields": [["number", 0, 6]], "resolution": torch.zeros(6)}
    plain = {**PLAIN, "network": "dense:widths=[8]", "purpose": "embed"}
    model, other = (begin("table", facts, {**plain, "code_size": size}, Batch(torch.randn(9, 6)), 0, {}) for size in (2, 3))
    with pytest.raises(BadOption, match="init is another network"):
        take_over(model, other)


def test_the_shipped_denoiser_is_where_noisy_pictures_start() -> None:
    model = started(denoiser(3, start="photo-denoiser-1"), None).train(False)
    assert torch.allclose(clean(model, noisy()), clean(shipped(), noisy()), atol=1e-5)


def test_a_network_for_colours_becomes_one_for_grey_pictures() -> None:
    """It does to grey pictures what it did before."""
    model = started(denoiser(1, start="photo-denoiser-1"), None).train(False)
    expected = clean(shipped(), noisy(1).expand(-1, 3, -1, -1)).mean(1, keepdim=True)
    assert torch.allclose(clean(model, noisy(1)), expected, atol=1e-5)


def test_a_model_of_the_user_goes_first() -> None:
    given = denoiser(1)
    model = started(denoiser(1, start="photo-denoiser-1"), given)
    assert torch.equal(next(iter(model.parameters())), next(iter(given.parameters())))


def test_what_the_user_names_starts_at_nothing() -> None:
    pictures = (noisy(1)[:, 0].repeat(3, 1, 1) * 200).clamp(0, 255).numpy().astype(np.uint8)
    own = Autoencoder("denoise", network="unet:widths=[4,8],blocks=1", epochs=1, random_state=0).fit(pictures)
    assert not own.model_.settings.get("start")
    recipe = Autoencoder("denoise", epochs=1, random_state=0).fit(pictures)
    assert recipe.model_.settings["start"] == "photo-denoiser-1"
    again = Autoencoder("denoise", epochs=1, random_state=0, init=recipe).fit(pictures)
    assert not again.model_.settings.get("start")
