"""Structural similarity: its formula, its order of merit, small pictures, several scales, films."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d
from torch import Tensor

from hourglass.losses import gaussian, structural
from hourglass.losses.structural import SHARES, Structure


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def smooth(picture: Tensor) -> Tensor:
    """Blurred a little, so that there is structure."""
    for axis in (-1, -2):
        picture = (picture + picture.roll(1, axis) + picture.roll(2, axis)) / 3
    return picture


def wang(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Brightness and contrast with structure of pictures (H, W) as in the paper, window by window: 11 pixels, sigma 1.5."""
    bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    bell /= bell.sum()

    def mean(values: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(values, bell, 0), bell, 1)[5:-5, 5:-5]

    a, b = mean(x), mean(y)
    variances, covariance = mean(x * x) - a * a + mean(y * y) - b * b, mean(x * y) - a * b
    return (2 * a * b + 0.01**2) / (a * a + b * b + 0.01**2), (2 * covariance + 0.03**2) / (variances + 0.03**2)


def test_similarity_is_that_of_the_paper() -> None:
    x, y = smooth(drawn(2, 3, 24, 30)), smooth(drawn(2, 3, 24, 30, seed=1))
    y = 0.5 * x + 0.5 * y
    wanted = [
        1 - np.mean([np.mean(np.prod(wang(*pair), axis=0)) for pair in zip(*both, strict=True)])
        for both in zip(x.numpy(), y.numpy(), strict=True)
    ]
    assert np.allclose(Structure((24, 30), 1)(x, y).numpy(), wanted, rtol=1e-9)
    assert 0.1 < wanted[0] < 0.9


def test_several_scales_multiply_with_their_shares() -> None:
    x = smooth(smooth(drawn(1, 1, 48, 64)))
    y = (0.7 * x + 0.3 * drawn(1, 1, 48, 64, seed=1)).clamp(0, 1)

    def halved(p: np.ndarray) -> np.ndarray:
        return p.reshape(p.shape[0] // 2, 2, p.shape[1] // 2, 2).mean((1, 3))

    a, b = x[0, 0].numpy(), y[0, 0].numpy()
    fine, coarse = np.mean(wang(a, b)[1]), np.mean(np.prod(wang(halved(a), halved(b)), axis=0))
    shares = np.array(SHARES[:2]) / sum(SHARES[:2])
    assert float(Structure((48, 64), 2)(x, y)) == pytest.approx(1 - fine ** shares[0] * coarse ** shares[1], rel=1e-9)
    assert len(Structure((48, 64), 5).shares) == 3  # 48, 24, 12: 6 would not hold a window


def test_equal_pictures_are_alike_and_flat_ones_have_a_known_value() -> None:
    same = drawn(2, 3, 16, 12)
    assert torch.allclose(Structure((16, 12), 1)(same, same), torch.zeros(2, dtype=torch.float64), atol=1e-12)
    about: dict[str, Any] = {"shape": [3, 16, 12], "resolution": torch.full((3, 1, 1), 1 / 255)}
    alone, whole = (module.loss(about).train(False)(same, same) for module in (gaussian, structural))
    assert torch.allclose(alone, whole)
    dark, bright = torch.full((1, 1, 16, 12), 0.2, dtype=torch.float64), torch.full((1, 1, 16, 12), 0.6, dtype=torch.float64)
    assert float(Structure((16, 12), 1)(dark, bright)) == pytest.approx(1 - (2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4))


def test_blur_is_worse_than_as_much_brightness() -> None:
    picture = 0.25 + 0.5 * drawn(1, 1, 32, 32)
    blurred = smooth(picture)
    brighter = picture + (blurred - picture).square().mean().sqrt()
    assert torch.allclose((brighter - picture).square().mean(), (blurred - picture).square().mean())
    unlike = Structure((32, 32), 1)
    assert unlike(blurred, picture) > 5 * unlike(brighter, picture)
    assert unlike(1 - picture, picture) > 1  # structure upside down


@pytest.mark.parametrize("sides", [(1, 1), (2, 5), (10, 12), (28, 4)])
def test_small_pictures_have_smaller_windows(sides: tuple[int, int]) -> None:
    one, other = drawn(2, 1, *sides), drawn(2, 1, *sides, seed=1).requires_grad_()
    unlike = Structure(sides, 3)(other, one)
    unlike.sum().backward()
    assert (unlike > 0).all()
    assert torch.isfinite(unlike).all()
    assert other.grad is not None
    assert torch.isfinite(other.grad).all()


@pytest.mark.parametrize("scales", [1, 3])
def test_slopes_are_finite_where_pictures_are_flat_or_opposite(scales: int) -> None:
    for one, other in ((torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)), (drawn(1, 1, 64, 64), 1 - drawn(1, 1, 64, 64))):
        output = one.clone().requires_grad_()
        Structure((64, 64), scales)(output, other).sum().backward()
        assert output.grad is not None
        assert torch.isfinite(output.grad).all()


def test_films_are_compared_frame_by_frame() -> None:
    one, other = drawn(2, 3, 4, 16, 12), drawn(2, 3, 4, 16, 12, seed=1)
    frames = torch.stack([Structure((16, 12), 1)(one[:, :, frame], other[:, :, frame]) for frame in range(4)])
    assert torch.allclose(Structure((16, 12), 1)(one, other), frames.mean(0))


def test_bfloat16_around_it_changes_nothing() -> None:
    about = {"shape": [1, 16, 16], "resolution": torch.full((1, 1, 1), 1 / 255)}
    function = structural.loss(about, weight=100).train(False)
    output, target = drawn(2, 1, 16, 16).float(), drawn(2, 1, 16, 16, seed=1).float()
    with torch.autocast("cpu", torch.bfloat16):
        narrow = function(output, target)
    assert torch.equal(narrow, function(output, target))
    assert function(output.bfloat16(), target).dtype == torch.float32
