"""How much noise a picture can have: as much as its calmest places have."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hourglass.uses.grain import calm_level, lonely, mended, speckled

SLOPE = np.repeat(np.arange(200.0)[:, None, None], 240, axis=1)


@pytest.mark.parametrize("sigma", [0.0, 3.0, 20.0])
def test_even_noise_is_measured(sigma: float) -> None:
    noise = np.random.default_rng(0).normal(0, sigma, SLOPE.shape)
    assert calm_level(SLOPE + noise) == pytest.approx(sigma, rel=0.08, abs=1e-6)


def test_texture_in_some_places_is_no_noise() -> None:
    picture = SLOPE + np.random.default_rng(0).normal(0, 2, SLOPE.shape)
    picture[:, :160] += 40 * np.random.default_rng(1).normal(size=(200, 160, 1))
    assert calm_level(picture) < 4


def test_noise_that_is_cut_off_in_the_dark_is_not_overlooked() -> None:
    picture = np.full((200, 240, 1), 120.0)
    picture[:, :120] = -40
    noisy = (picture + np.random.default_rng(0).normal(0, 10, picture.shape)).clip(0, 255)
    assert calm_level(noisy) == pytest.approx(10, rel=0.1)


def test_pictures_smaller_than_a_block_tell_nothing() -> None:
    assert calm_level(np.zeros((7, 90, 3))) == math.inf
    assert calm_level(np.full((8, 8, 3), 5, np.uint8)) < 1e-9


def test_specks_stand_alone_and_lines_do_not() -> None:
    picture = np.full((30, 40, 1), 100, np.uint8)
    picture[10, 5:30] = 200
    picture[20, 20] = picture[0, 39] = 255
    picture[25, 3] = 0
    assert np.argwhere(lonely(picture, 255)[..., 0]).tolist() == [[0, 39], [20, 20], [25, 3]]


def salted(picture: np.ndarray, share: float) -> np.ndarray:
    chance, made = np.random.default_rng(0), picture.copy()
    lost = chance.random(picture.shape[:2]) < share
    made[lost] = 255 * chance.integers(0, 2, int(lost.sum()))[:, None]
    return made


SCENE = np.rint(110 + 60 * np.sin(SLOPE / 9) * np.cos(np.arange(240.0)[:, None] / 13)).astype(np.uint8)


@pytest.mark.parametrize("share", [0.02, 0.2, 0.35])
def test_salt_and_pepper_is_found_and_filled_in(share: float) -> None:
    given = salted(SCENE, share)
    assert speckled(given, 255)
    assert np.abs(mended(given, 255).astype(float) - SCENE).mean() < 8 * share
    assert np.array_equal(mended(SCENE, 255), SCENE)


@pytest.mark.parametrize("sigma", [0, 20, 60])
def test_strong_noise_is_no_salt_and_pepper(sigma: float) -> None:
    noise = np.random.default_rng(0).normal(0, sigma, SCENE.shape)
    assert not speckled(np.rint(SCENE + noise).clip(0, 255).astype(np.uint8), 255)
    assert not speckled((SCENE + noise).astype(np.float32), 255)


@pytest.mark.parametrize("place", [np.s_[50, :], np.s_[:, 70], np.s_[np.arange(200), np.arange(200)]], ids=["row", "column", "diagonal"])
@pytest.mark.parametrize("ink", [0, 255])
def test_lines_are_not_filled_in(place: Any, ink: int) -> None:
    picture = SCENE.copy()
    picture[place] = ink
    assert np.array_equal(mended(picture, 255)[3:-3, 3:-3], picture[3:-3, 3:-3])
