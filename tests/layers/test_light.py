"""Brightness and its logarithm."""

from __future__ import annotations

import pytest
import torch

from hourglass.layers.light import brightness, light


def test_brightness_comes_back() -> None:
    x = torch.linspace(0, 1, 50, dtype=torch.float64)
    assert torch.allclose(brightness(light(x)), x)


def test_a_shadow_takes_the_same_from_everything_and_black_is_finite() -> None:
    bright = torch.linspace(0.4, 1, 50)
    taken = light(bright) - light(0.5 * bright)
    assert taken.mean() == pytest.approx(0.67, abs=0.03)
    assert taken.std() < 0.03
    assert torch.equal(light(torch.tensor([-1.0])), light(torch.tensor([0.0])))
