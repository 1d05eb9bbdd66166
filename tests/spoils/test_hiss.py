"""Hiss and hum: how strong, of what colour, at which pitch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.spoils.hiss import spoil


def added(count: int = 64, length: int = 8000, **options: Any) -> Tensor:
    """The noise alone (B, T), of samples of loudness 1."""
    x = torch.ones(count, 1, length)
    return (spoil(x, torch.Generator().manual_seed(0), **options) - x)[:, 0]


def test_levels_are_drawn_between_the_limits() -> None:
    level = added(log_uniform=[0.1, 0.4]).std(1)
    heard = level[level > 0.01]  # a few hardly have any
    assert 0.85 < len(heard) / len(level) < 1
    assert 0.08 < float(heard.min()) < 0.15
    assert 0.3 < float(heard.max()) < 0.42


def test_noise_follows_the_loudness_of_the_sample() -> None:
    x = torch.randn(1, 1, 4000, generator=torch.Generator().manual_seed(1))
    quiet, loud = (spoil(x * size, torch.Generator().manual_seed(0)) - x * size for size in (1.0, 4.0))
    assert torch.allclose(4 * quiet, loud, rtol=1e-3, atol=1e-5)


def test_hiss_has_many_colours() -> None:
    power = torch.fft.rfft(added(hum=0.0)).abs().square()
    slope = power[:, 20:200].mean(1).log() - power[:, 2000:].mean(1).log()
    assert float(slope.min()) < 0.5
    assert float(slope.max()) > 3


def test_hum_has_the_pitch_of_the_mains_at_any_rate() -> None:
    for rate in (8000, 16_000):
        power = torch.fft.rfft(added(hum=1.0, length=2 * rate, rate=rate)).abs().square()  # places of half a hertz
        strongest = power[:, :150].argmax(1).double() / 2
        mains = (strongest - 50).abs().minimum((strongest - 60).abs()) < 1.5
        assert float(mains.double().mean()) > 0.3


@pytest.mark.parametrize("options", [{"log_uniform": [1, 0.1]}, {"log_uniform": 3}, {"hum": 2}, {"rate": 0}, {"rate": "fast"}])
def test_nonsense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadOption):
        added(2, 100, **options)
    with pytest.raises(BadOption, match="noise"):
        spoil(torch.zeros(2, 8), torch.Generator())
