"""Local contrast: what the formula says, whatever the brightness and loudness."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import uniform_filter

from hourglass.layers.contrast import LEAST, local_contrast


def test_it_is_the_deviation_in_spreads_of_the_surroundings() -> None:
    x = np.random.default_rng(0).normal(0.5, 0.1, (1, 1, 60, 50))
    mean = uniform_filter(x[0, 0], 15)
    away = x[0, 0] - mean
    wanted = away / (np.sqrt(uniform_filter(away**2, 15)) + LEAST)
    found = local_contrast(torch.from_numpy(x), 15)[0, 0].numpy()
    assert np.allclose(found[15:-15, 15:-15], wanted[15:-15, 15:-15])


def test_brightness_and_loudness_hardly_matter_and_even_places_are_zero() -> None:
    x = torch.rand(2, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(local_contrast(x, 9), local_contrast(0.5 * x + 0.2, 9), atol=0.1)
    assert torch.allclose(local_contrast(torch.full((1, 1, 30), 0.7), 7), torch.zeros(1, 1, 30), atol=1e-4)
