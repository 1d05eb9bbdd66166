"""The scripts that remake the shipped models begin where they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hourglass.kinds import image
from hourglass.parts import Batch

SCRIPT = Path(__file__).parents[1] / "training" / "photo_codec.py"


@pytest.fixture(scope="module")
def script() -> Any:
    if not SCRIPT.exists():
        pytest.skip("not a checkout")
    spec = importlib.util.spec_from_file_location("photo_codec", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
