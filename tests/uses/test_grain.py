"""How much noise a picture can have: as much as its calmest places have."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hourglass.uses.grain import calm_level, lonely

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
