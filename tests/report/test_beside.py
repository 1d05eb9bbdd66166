"""One picture through several codecs: at the same size, measured rightly, drawn."""

from __future__ import annotations

import numpy as np
import pytest

from hourglass import photos
from hourglass.errors import BadData
from hourglass.kinds.image import Picture
from hourglass.report import beside, rates
from hourglass.report.rates import Point


@pytest.fixture(scope="module")
def waves() -> np.ndarray:
    rows, columns = np.mgrid[:90, :120]
    colours = [120 + 60 * np.sin(rows / (5 + shade)) * np.cos(columns / 7) + 20 * (columns > 60) for shade in range(3)]
    return np.stack(colours, -1).astype(np.uint8)


def test_others_take_no_more_bytes_and_jpeg_is_worse(waves: np.ndarray) -> None:
    own, *others = beside.beside(photos.shipped(), Picture(waves), photos.Aim(40))
    assert {"JPEG", "WebP"} <= {each.codec for each in others}
    assert all(each.bytes <= own.bytes or each.setting == "quality 0" for each in others)
    worse = next(each for each in others if each.codec == "JPEG")
    assert worse.psnr < own.psnr
    assert worse.ssim < own.ssim


def test_similarity_is_one_for_equals_and_falls_with_damage(waves: np.ndarray) -> None:
    chance = np.random.default_rng(0)
    noisy = [np.clip(waves + chance.normal(0, sigma, waves.shape), 0, 255).astype(np.uint8) for sigma in (2, 10, 40)]
    found = [beside.similarity(waves, each) for each in (waves, *noisy)]
    assert found[0] == pytest.approx(1)
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.6


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_it_is_drawn_whatever_the_picture_is(waves: np.ndarray, dtype: str) -> None:
    grey = waves[..., :1] if dtype == "uint8" else (waves[..., :1] / 255 * (65535 if dtype == "uint16" else 1)).astype(dtype)
    found = beside.beside(photos.shipped(), Picture(grey), photos.Aim(50))
    sheet = np.asarray(beside.drawn(grey, found))
    assert sheet.shape[1] > (1 + len(found)) * 280
    assert len(np.unique(sheet)) > 50
    assert found[0].psnr > 30


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(BadData, match="from 2 to"):
        beside.beside(photos.shipped(), Picture(np.zeros((1, 9, 1), np.uint8)), photos.Aim(50))


def test_bytes_saved_at_equal_psnr() -> None:
    """A curve of half the bytes saves half; points that are no better than smaller ones do not count."""
    one = [Point(100, 30), Point(200, 33), Point(400, 36), Point(800, 38)]
    half = [Point(point.bytes / 2, point.psnr) for point in one]
    assert rates.span([one, half]) == (30, 38)
    assert rates.saved(half, one, 30, 38) == pytest.approx(0.5)
    assert rates.saved(one, half, 30, 38) == pytest.approx(-1)
    assert rates.at(one, 33) == pytest.approx(200)
    assert rates.saved([*half, Point(390, 33.0)], one, 30, 38) == pytest.approx(0.5, abs=0.02)
    assert rates.span([one, [Point(10, 40), Point(20, 50)]]) is None
    assert rates.span([one, [Point(10, 60), Point(20, 60)]]) is None


def test_psnr_of_a_grey_picture_is_that_of_the_mean_colour() -> None:
    grey = np.full((8, 8, 1), 100, np.uint8)
    colours = np.stack([np.full((8, 8), value, np.uint8) for value in (90, 100, 110)], -1)
    assert rates.level(grey, colours) == rates.CLOSEST
    assert rates.level(grey, grey + 1) == pytest.approx(48.13, abs=0.01)
