"""Stacks of pictures in one TIFF, and pictures of the same scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from hourglass import Autoencoder, Part, denoise
from hourglass.errors import BadData
from hourglass.kinds import image

Array = np.ndarray[Any, Any]
ROWS = np.arange(72.0)


def exposures(count: int, dtype: str = "uint16", seed: int = 0) -> tuple[Array, Array]:
    """A scene, and so many noisy looks at it."""
    scene = 0.5 + 0.2 * np.sin(ROWS / 7)[:, None] * np.cos(ROWS / 9) + 0.2 * (ROWS[:, None] > ROWS + 9 * seed)
    noisy = scene + 0.1 * np.random.default_rng(seed).normal(size=(count, 72, 72))
    top = 65535 if dtype == "uint16" else 255
    return (scene * top * 0.8), (noisy * top * 0.8).clip(0, top).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_page_is_a_picture(dtype: str, tmp_path: Path) -> None:
    pages = exposures(3, "uint16")[1].astype(dtype) if dtype == "float32" else exposures(3, dtype)[1]
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    Image.fromarray(exposures(1, "uint8")[1][0]).save(tmp_path / "b.png")
    pieces = image.read(tmp_path, stacks=True)
    pictures = [picture for index in range(len(pieces.counts)) for picture in pieces.load(index)]
    assert [picture.name for picture in pictures] == ["a/00001.tif", "a/00002.tif", "a/00003.tif", "b.png"]
    assert all(np.array_equal(picture.pixels[..., 0], page) for picture, page in zip(pictures, pages, strict=False))
    with pytest.warns(UserWarning, match="stacks=true takes all"):
        assert image.read(tmp_path / "a.tif").count == 1


def test_a_stack_comes_back_as_a_stack(tmp_path: Path) -> None:
    scene, pages = exposures(4)
    tifffile.imwrite(tmp_path / "scene.tif", pages, photometric="minisblack")
    kind, network = Part("image", stacks=True, repeats=True), "unet:widths=[8,16],blocks=1"
    model = Autoencoder("denoise", kind=kind, network=network, epochs=120, random_state=0).fit(tmp_path / "scene.tif")
    assert model.model_.settings["spoil"] == "none"
    denoise(tmp_path / "scene.tif", model=model, to=tmp_path / "clean.tif")
    cleaned = tifffile.imread(tmp_path / "clean.tif")
    assert cleaned.shape == pages.shape
    assert cleaned.dtype == pages.dtype
    before, after = (np.square(each.astype(float) - scene).mean() for each in (pages, cleaned))
    assert after < 0.5 * before


def test_beside_each_look_stands_the_mean_of_the_others() -> None:
    chunk = np.stack([np.full((40, 40), value, np.uint8) for value in (0, 30, 90)])
    facts = image.as_tiles(image.learn(image.read(chunk), repeats=True))
    cut = image.training(chunk, facts, np.random.default_rng(0))
    assert cut.samples.condition is not None
    assert np.allclose(255 * cut.samples.condition[:, 0, 0, 0].numpy(), [60, 45, 15], atol=1e-4)
    assert cut.source.tolist() == [0, 1, 2]


def test_scenes_lie_in_folders(tmp_path: Path) -> None:
    for scene in range(2):
        (tmp_path / f"scene-{scene}").mkdir()
        for number, page in enumerate(exposures(2, "uint8", scene)[1]):
            Image.fromarray(page).save(tmp_path / f"scene-{scene}" / f"{number}.png")
    pieces = image.read(tmp_path)
    facts = image.as_tiles(image.learn(pieces, repeats=True))
    cut = image.training(pieces.load(0), facts, np.random.default_rng(0))
    assert cut.samples.condition is not None
    gap = (cut.samples.x - cut.samples.condition).square().flatten(1).mean(1)
    assert float(gap.max()) < 3 * 0.08**2  # of noise alone: another scene would differ more


def test_repeats_of_nothing(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(exposures(1, "uint8")[1][0]).save(tmp_path / name / "1.png")
    model = Autoencoder("denoise", kind=Part("image", repeats=True), epochs=1)
    with pytest.raises(BadData, match="no two pictures"):
        model.fit(tmp_path)
