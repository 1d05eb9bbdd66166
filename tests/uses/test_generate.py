"""New samples look like the data, whatever the size of the code."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hourglass import Autoencoder
from hourglass.errors import BadOption
from hourglass.uses import generate


def rings(count: int, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    """Points on two clusters far apart, in 6 columns: between them nothing lies."""
    random = np.random.default_rng(seed)
    side = random.choice([-1.0, 1.0], (count, 1))
    return (4 * side + random.normal(size=(count, 6)) @ np.diag([1, 1, 0.1, 0.1, 0.1, 0.1])).astype("float32")


def test_samples_fill_the_clusters_and_not_the_gap() -> None:
    for purpose in ("embed", "generate"):
        model = Autoencoder(purpose, code_size=2, epochs=40, random_state=0).fit(rings(1500))
        drawn = np.asarray(model.sample(400))
        assert (np.abs(drawn.mean(1)) < 2).mean() < 0.1, purpose
        assert 0.3 < (drawn.mean(1) > 0).mean() < 0.7, purpose


def test_the_prior_is_taken_where_it_explains_codes_best_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Autoencoder("generate", code_size=2, epochs=5, random_state=0).fit(rings(300)).model_
    normal = torch.randn(5000, 2, generator=torch.Generator().manual_seed(3))
    assert abs(generate._standard(normal.double().numpy()) + np.log(2 * np.pi) + 1) < 0.05  # minus the entropy of two standard normals
    asked = []
    monkeypatch.setattr(model.bottleneck, "sample", lambda count, generator: asked.append(count) or torch.zeros(count, 2))
    for codes, taken in ((normal, [10]), (3 * normal + 5, [10])):
        model.arrays["generate.codes"] = codes
        assert generate.sample(model, 10, 0).shape == (10, 6)
        assert asked == taken


def test_wide_codes_are_few_and_drawn_from_their_principal_components() -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (40, 48, 48, 3)).astype("uint8")
    model = Autoencoder("denoise", network="conv:widths=[4],code=spatial", code_size=4, epochs=1, random_state=0).fit(pictures)
    assert model.model_.code_size > 1000
    kept = model.model_.arrays["generate.codes"]
    assert kept.numel() <= generate.NUMBERS
    assert np.isfinite(np.asarray(model.sample(3), float)).all()


def test_symbols_are_drawn_by_their_shares_only_where_that_looks_more_like_the_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Autoencoder(bottleneck="vector:codebook=8,groups=2", code_size=2, epochs=10, random_state=0).fit(rings(600)).model_
    sample, asked = model.bottleneck.sample, []
    monkeypatch.setattr(model.bottleneck, "sample", lambda count, generator: asked.append(count) or sample(count, generator))
    model.arrays["generate.codes"] = sample(600, torch.Generator().manual_seed(9)).flatten(1)
    for near, taken in ((False, [120, 10]), (True, [120])):
        exact = model.arrays["generate.codes"].double()
        at = exact if near else exact + 9
        monkeypatch.setattr(generate, "_mixture", lambda known, seed, temperature, at=at: (lambda count: at[-count:], 0.0))
        asked.clear()
        assert generate.sample(model, 10, 0).shape == (10, 6)
        assert asked == taken


def test_temperature_draws_towards_the_middle_of_components() -> None:
    model = Autoencoder("embed", code_size=2, epochs=40, random_state=0).fit(rings(1500))
    spread = []
    for temperature in (0.0, 0.5, 1.0):
        drawn = np.asarray(model.sample(400, temperature=temperature))
        assert (np.abs(drawn.mean(1)) < 2).mean() < 0.1
        side = drawn.mean(1) > 0
        spread.append(np.mean([drawn[one].std(0).mean() for one in (side, ~side)]))
    assert spread[0] < 0.4 * spread[1] < 0.4 * spread[2] or spread[0] < spread[1] < spread[2]
    assert spread[0] < 0.5 * spread[2]
    for wrong in (-1, 11, "hot", True):
        with pytest.raises(BadOption, match="temperature"):
            model.sample(2, temperature=wrong)  # type: ignore[arg-type]


def test_variations_lie_near_what_they_vary_and_steps_between_two_lie_between() -> None:
    data = rings(1500)
    model = Autoencoder("embed", code_size=2, epochs=40, random_state=0).fit(data)
    near = np.asarray(model.sample(60, like=data[:3]))
    back = np.asarray(model.reconstruct(data[:3]))
    away = np.linalg.norm(near - back[np.arange(60) % 3], axis=1)
    assert 0 < np.median(away) < 0.5 * np.linalg.norm(data - data.mean(0), axis=1).mean()
    assert np.allclose(model.sample(3, like=data[:3], temperature=0), back, atol=1e-3)
    way = np.asarray(model.sample(5, between=(data[:1], data[1:2])))
    assert np.allclose(way[[0, -1]], back[:2], atol=1e-3)
    assert np.allclose(np.diff(model.transform(way), axis=0).std(0), 0, atol=0.5)
    with pytest.raises(BadOption, match="one sample and another; these hold 2 and 1"):
        model.sample(5, between=(data[:2], data[:1]))
    with pytest.raises(BadOption, match="give one of them"):
        model.sample(5, between=(data[:1], data[:1]), like=data[:1])
    with pytest.raises(BadOption, match="between= is a pair"):
        model.sample(5, between=data[:1])
