"""The scripts that remake the shipped models begin where they say."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hourglass.kinds import image
from hourglass.parts import Batch

FOLDER = Path(__file__).parents[1] / "training"


def loaded(name: str) -> Any:
    if not FOLDER.exists():
        pytest.skip("not a checkout")
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script() -> Any:
    return loaded("photo_codec")


@pytest.fixture(scope="module")
def scene() -> torch.Tensor:
    """A part of the sample photograph, (3, 64, 64) uint8."""
    path = Path(image.__file__).parents[1] / "cli" / "samples" / "photo.png"
    with Image.open(path) as photo:
        return torch.from_numpy(np.asarray(photo.convert("RGB"))[:64, :64].copy()).movedim(-1, 0)


@pytest.fixture(scope="module")
def denoiser() -> Any:
    return loaded("photo_denoiser")


def test_the_picture_codec_begins_at_the_cosine_transform(script: Any) -> None:
    """Before any training, finer steps lose less, down to almost nothing."""
    path = Path(image.__file__).parents[1] / "cli" / "samples" / "photo.png"
    scene = np.asarray(Image.open(path).convert("RGB"))[:64, :64]
    model = script.begun(image.read(scene[None]), 0).train(False)
    x = torch.from_numpy(scene.copy()).movedim(-1, 0)[None].float() / 255
    lost = []
    with torch.no_grad():
        for quality in (0.0, 4.0, 9.0):
            model.bottleneck.quality = quality
            lost.append(float((model.decode(model.encode(Batch(x)).z) - x).square().mean()))
    assert lost == sorted(lost, reverse=True)
    assert lost[-1] < 4e-4 < lost[0]
    crop = next(script.Crops([torch.from_numpy(np.tile(scene, (3, 3, 1))).movedim(-1, 0)], 0, 1).batches(0))
    model.bottleneck.generator = torch.Generator().manual_seed(0)
    loss, cost = script.lowered(model.train()).lower(crop[:2], 0.0)
    (loss + cost).backward()
    assert all(bool(weight.grad.isfinite().all()) for weight in model.parameters() if weight.grad is not None)


def test_the_denoiser_begins_at_what_it_is_given(denoiser: Any, scene: torch.Tensor) -> None:
    """Before any training it removes nearly nothing; training reaches all weights, and averages them."""
    picture = scene.movedim(0, -1).numpy()
    model = denoiser.begun(image.read(picture[None]), 0)
    batch = next(denoiser.Crops([scene], 0, side=24).batches(0))
    assert batch.x.shape == (2 * denoiser.BATCH, 3, 24, 24)
    assert torch.equal(batch.x, next(denoiser.Crops([scene], 0, side=24).batches(0)).x)
    with torch.no_grad():
        assert float((model.reconstruct(batch) - batch.x).square().mean()) < 0.05
    averaged = [torch.zeros_like(weight) for weight in (*model.encoder.parameters(), *model.decoder.parameters())]
    loss, cost = denoiser.lowered(model.train(), averaged).lower(batch, 0.0)
    (loss + cost).backward()
    assert all(bool(weight.grad.isfinite().all()) and float(weight.grad.abs().max()) > 0 for weight in model.encoder.levels.parameters())
    assert all(float(mean.abs().max()) > 0 for mean in averaged)


def test_every_noise_damages_as_much_as_it_should(denoiser: Any, scene: torch.Tensor) -> None:
    noises = loaded("noises")
    crop = scene[:, :48, :48].float() / 255
    for way, most in ((noises.gaussian, 0.25), (noises.camera, 0.6), (noises.jpeg, 0.2), (noises.specks, 0.5), (noises.clean, 0.0)):
        for number in range(4):
            for part in (crop, crop[:1]):
                made = way(part, random.Random(number))
                assert made.shape == part.shape
                assert bool(made.isfinite().all())
                assert float((made - part).square().mean().sqrt()) <= most
    wide = noises.blurred(torch.randn(3, 200, 200, generator=torch.Generator().manual_seed(0)), 1.0)
    assert abs(float(wide.std()) - 1) < 0.05
    assert denoiser.drawn(24, random.Random(0)).shape == (3, 24, 24)
