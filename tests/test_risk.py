"""The distance from clean pictures is told without them, and training that did harm is taken back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hourglass import risk
from hourglass.fitting import begin
from hourglass.layers.noise import measured
from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.starting import started

ROWS = torch.arange(128.0)
SCENE = (0.5 + 0.25 * torch.sin(ROWS[:, None] / 25) * torch.sin(ROWS / 30))[None]
DENOISER = {"network": "unet:widths=[48,96,192],blocks=2,skips=3", "code_size": 8, "start": "photo-denoiser-1"}


@pytest.fixture(scope="module")
def noisy() -> Tensor:
    return SCENE + 0.1 * torch.randn(2, 1, 128, 128, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def model(noisy: Tensor) -> Model:
    noise = measured(list(noisy))
    assert noise is not None
    facts = {"shape": [1, 128, 128], "fields": [["number", 0, 1]], "resolution": torch.zeros(1), "noise": noise.told()}
    settings = {"bottleneck": "plain", "loss": "gaussian", "spoil": "neighbours", "members": 1, "purpose": "denoise", **DENOISER}
    return started(begin("image", facts, settings, Batch(noisy), 0, {}), None).train(False)


def looks(model: Model, noisy: Tensor) -> list[risk.Looked]:
    return risk.looked_at(model, Batch(noisy), None, 99)


def test_the_distance_from_clean_pictures(model: Model, noisy: Tensor) -> None:
    with torch.inference_mode():
        true = float((model.reconstruct(Batch(noisy)) - SCENE).square().mean())
    assert risk.risk(model, looks(model, noisy)) == pytest.approx(true, abs=1e-3)  # a tenth of the variance of the noise
    assert true < 1e-3


def test_what_did_harm_is_taken_back(model: Model, noisy: Tensor) -> None:
    start = risk.begun(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(0.8)
    assert risk.held_back(model, start, looks(model, noisy)) < 1
    with torch.inference_mode():
        assert float((model.reconstruct(Batch(noisy)) - SCENE).square().mean()) < 1e-3
    for weight, before in zip(model.parameters(), start, strict=True):
        weight.data.copy_(before)


def test_what_helped_stays(model: Model, noisy: Tensor) -> None:
    start = [torch.zeros_like(weight) for weight in model.parameters()]
    assert risk.held_back(model, start, looks(model, noisy)) == 1


@pytest.mark.parametrize(
    "change", [{"correlation": [0.6, 0.2, 0.0, 0.0]}, {"floor": 0.0, "slope": 0.02, "dark": 0.1, "bright": 0.9}], ids=["shared", "growing"]
)
def test_where_it_cannot_be_told(model: Model, noisy: Tensor, change: dict[str, object]) -> None:
    kept = model.facts["noise"]
    model.facts["noise"] = kept | change
    assert not looks(model, noisy)
    assert not risk.begun(model)
    model.facts["noise"] = kept
