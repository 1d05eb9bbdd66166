"""Noise that was planted is found again: its level, its growth with brightness, and whether neighbours share it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from hourglass.layers.noise import Noise, measured, whiteness


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scenes(count: int = 3, side: int = 160) -> list[Tensor]:
    """Pictures (1, H, W) of flat places, slopes, edges, and a corner of texture."""
    made, at = [], torch.linspace(0, 1, side)
    for number in range(count):
        random = drawn(number)
        scene = 0.3 + 0.3 * at[:, None] + 0.1 * torch.sin(5 * at + number)
        for _ in range(6):
            top, left = (int(place) for place in torch.randint(side - 50, (2,), generator=random))
            scene[top : top + 50, left : left + 50] += 0.3 * float(torch.rand((), generator=random)) - 0.15
        scene[:40, :40] += 0.2 * torch.rand(40, 40, generator=random) - 0.1
        made.append(scene[None])
    return made


def normal(scene: Tensor, seed: int) -> Tensor:
    return torch.randn(scene.shape, generator=drawn(seed))


def noisy(sigma: float) -> list[Tensor]:
    return [scene + sigma * normal(scene, 10 + number) for number, scene in enumerate(scenes())]


def found(pictures: list[Tensor]) -> Noise:
    noise = measured(pictures)
    assert noise is not None
    return noise


@pytest.mark.parametrize("sigma", [0.03, 0.1, 0.25])
def test_a_level_is_found_within_a_tenth(sigma: float) -> None:
    noise = found(noisy(sigma))
    assert noise.level == pytest.approx(sigma, rel=0.1)
    assert noise.reach == 1
    assert not noise.faint
    assert not noise.grows
    assert max(map(abs, noise.correlation)) < 0.15
    assert "new in every pixel" in noise.words(0, 255)


def test_growth_with_brightness_is_found() -> None:
    slope = 0.02
    noise = found([scene + (slope * scene).sqrt() * normal(scene, 20 + number) for number, scene in enumerate(scenes())])
    assert noise.slope == pytest.approx(slope, rel=0.2)
    assert noise.floor < 0.1 * slope
    assert noise.grows
    assert "growing with brightness" in noise.words(0, 255)


@pytest.mark.parametrize("wide", [2, 3])
def test_noise_that_neighbours_share_is_found(wide: int) -> None:
    """The mean of `wide` x `wide` pixels: correlation falls from 1 to 0 over so many pixels."""
    made = []
    for number, scene in enumerate(scenes()):
        around = pad(normal(scene, 30 + number)[None], (0, wide - 1, 0, wide - 1), mode="reflect")
        made.append(scene + 0.1 * wide * avg_pool2d(around, wide, 1)[0])
    noise = found(made)
    assert noise.level == pytest.approx(0.1, rel=0.15)
    assert noise.reach == wide
    assert noise.correlation[0] == pytest.approx(1 - 1 / wide, abs=0.1)
    assert f"over about {wide} pixels" in noise.words(0, 255)


def test_clean_and_constant_pictures_have_none() -> None:
    assert found(scenes()).faint
    assert found([torch.full((3, 64, 64), 0.5)] * 2).faint
    assert "no noise" in found(scenes()).words(0, 255)


def test_pictures_that_are_not_alike_are_said_to_be() -> None:
    words = found([*noisy(0.03), *noisy(0.2)]).words(0, 255)
    assert "not alike in all pictures" in words


def test_pictures_that_are_too_small_say_nothing() -> None:
    assert measured([torch.rand(1, 9, 9)]) is None
    assert measured([torch.rand(3, 1, 1)]) is None


def test_told_and_back() -> None:
    noise = found(noisy(0.1))
    assert Noise.of(noise.told()) == noise
    assert "where values run from 0 to 1" in noise.words(0, 1)


def test_whiteness() -> None:
    noise = torch.randn(1, 80, 80, generator=drawn())
    assert whiteness(noise) < 0.05
    assert whiteness(avg_pool2d(noise, 3, 1)) > 0.5


def test_what_is_shared_too_far_is_taken_for_texture() -> None:
    """Skin and cloth are rough over many pixels: a denoiser that learned to take that away would blur."""
    white = torch.randn(2, 1, 138, 138, generator=torch.Generator().manual_seed(0))
    smooth = avg_pool2d(white, 9, 1)
    noise = measured(list(0.5 + 1.2 * smooth[..., :128, :128]))
    assert noise is not None
    assert noise.level > 0.05
    assert noise.faint
