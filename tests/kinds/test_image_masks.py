"""Masks beside pictures are pointed out and left out; they are found by suffix and by folder."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hourglass.errors import BadData, BadOption
from hourglass.kinds import image
from hourglass.kinds._picture_masks import mask_of, read_mask


def grey(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(40, 200, (20, 24)).astype(np.uint8))


def mask() -> Image.Image:
    pixels = np.zeros((20, 24), np.uint8)
    pixels[3:8, 4:9] = 255
    pixels[3, 4:9] = 130  # saved smoothed
    return Image.fromarray(pixels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        grey(number).save(tmp_path / f"{number}.jpg")
        mask().save(tmp_path / f"{number}.png")
    return tmp_path


def test_masks_are_left_out_with_a_word(folder: Path) -> None:
    grey(7).save(folder / "alone.png")
    grey(8).save(folder / "two.png")
    mask().save(folder / "two_mask.png")
    with pytest.warns(UserWarning, match=r"4 of 9 files are black and white.*0\.png, 1\.png, 2\.png, \.\.\..*masks"):
        pieces = image.read(str(folder))
    assert [picture.name for picture in pieces.load(0)] == ["0.jpg", "1.jpg", "2.jpg", "alone.png", "two.png"]


def test_black_and_white_pictures_without_others_of_their_name_stay(tmp_path: Path) -> None:
    mask().save(tmp_path / "drawing.png")
    for suffix in ("png", "bmp"):
        mask().save(tmp_path / f"both.{suffix}")
    grey(0).save(tmp_path / "x.png")
    grey(0).save(tmp_path / "x.jpg")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert image.read(str(tmp_path)).count == 5


def test_masks_are_found_by_suffix_and_by_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("masks")
    (other / "deep").mkdir()
    mask().save(other / "deep" / "0_mask.png")
    assert mask_of(folder / "0.jpg", "0.jpg", ".png") == folder / "0.png"
    assert mask_of(folder / "0.jpg", "0.jpg", "_mask.png") is None
    assert mask_of(folder / "0.jpg", "deep/0.jpg", str(other)) == other / "deep" / "0_mask.png"
    assert read_mask(folder / "0.png", (20, 24)).sum() == 25
    with pytest.raises(BadData, match="24 x 20 pixels, its picture 20 x 24"):
        read_mask(folder / "0.png", (24, 20))
    with pytest.raises(BadOption, match="such as _mask"):
        mask_of(folder / "0.jpg", "0.jpg", "masks")
