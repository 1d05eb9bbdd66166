"""The scripts that remake the shipped models begin where they say."""

from __future__ import annotations

import argparse
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


def test_the_picture_codec_is_trained_and_written(script: Any, scene: torch.Tensor, tmp_path: Path) -> None:
    """Two steps move weights, are written, and are gone on from; without any the tables would be counted."""
    model = script.begun(image.read(scene.movedim(0, -1).numpy()[None]), 0)
    crops = script.Crops([scene], torch.device("cpu"), 0)
    again = script.Crops([scene], torch.device("cpu"), 0)
    assert torch.equal(crops.batch(4, 32), again.batch(4, 32))
    given = argparse.Namespace(learning_rate=1e-3, batch=2, side=64, steps=2, minutes=1.0, output=tmp_path / "codec.hourglass")
    before = {name: weight.clone() for name, weight in model.modules().state_dict().items()}
    script.trained(model, crops, scene[None].float() / 255, given)
    back = script.carried_on(script.begun(image.read(scene.movedim(0, -1).numpy()[None]), 1), given.output)
    assert back.record["steps"] == 2
    assert any(not torch.equal(weight.half(), before[name].half()) for name, weight in back.modules().state_dict().items())


def test_the_denoiser_begins_at_what_it_is_given(denoiser: Any, scene: torch.Tensor) -> None:
    """Before any training it removes nearly nothing; training reaches all weights of its levels."""
    model = denoiser.begun(image.read(scene.movedim(0, -1).numpy()[None]), 0)
    crops = denoiser.Crops([scene], [denoiser.drawn(64, random.Random(0))], torch.device("cpu"))
    clean, grey = crops.batch(8, 24, random.Random(0), torch.Generator().manual_seed(0))
    again, _ = crops.batch(8, 24, random.Random(0), torch.Generator().manual_seed(0))
    assert clean.shape == (8, 3, 24, 24)
    assert torch.equal(clean, again)
    assert all(torch.equal(crop[0], crop[1]) for crop, flat in zip(clean, grey.flatten(), strict=True) if flat)
    with torch.no_grad():
        assert float((model.reconstruct(Batch(clean)) - clean).square().mean()) < 0.05
    denoiser.error(model.train(), clean, clean, False).backward()
    assert all(bool(weight.grad.isfinite().all()) and float(weight.grad.abs().max()) > 0 for weight in model.encoder.levels.parameters())


def test_every_noise_damages_as_much_as_it_should(denoiser: Any, scene: torch.Tensor) -> None:
    noises = loaded("noises")
    x = (scene[:, :48, :48].float() / 255).expand(4, -1, -1, -1).clone()
    x[2:] = x[2:].mean(1, keepdim=True)
    grey = torch.tensor([False, False, True, True])[:, None, None, None]
    most = {"gaussian": 0.25, "sensor": 0.6, "light": 0.6, "jpeg": 0.2, "specks": 0.6, "clean": 0.0}
    assert {way.__name__ for way in noises.SHARES} == set(most)
    for way in noises.SHARES:
        made = way(x, grey, random.Random(0), torch.Generator().manual_seed(0))
        assert made.shape == x.shape
        assert bool(made.isfinite().all())
        assert float((made - x).square().mean((1, 2, 3)).sqrt().max()) <= most[way.__name__]
        assert float((made[2:] - made[2:, :1]).abs().max()) < 0.005  # grey stays grey
    mixed = noises.damaged(x.repeat(8, 1, 1, 1), grey.repeat(8, 1, 1, 1), random.Random(0), torch.Generator().manual_seed(0))
    assert mixed.shape == (32, 3, 48, 48)
    white = torch.randn(1, 3, 200, 200, generator=torch.Generator().manual_seed(0))
    assert abs(float(noises.blurred(white, torch.ones(1, 3, 1, 1)).std()) - 1) < 0.05
