"""Spectra there and back, and the floors of noise."""

from __future__ import annotations

import pytest
import torch

from hourglass.layers.hush import Floors, floors, framed, frames, heard, looks, spectra, waves


@pytest.mark.parametrize("length", [1, 7, 64, 1000, 1024])
def test_there_and_back(length: int) -> None:
    x = torch.randn(2, length, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spectrum = spectra(x, 64)
    assert spectrum.shape == (2, 33, frames(length, 64))
    assert torch.allclose(waves(spectrum, 64, length), x)


def test_floors_of_white_noise_are_its_power_whatever_is_played_half_of_the_time() -> None:
    noise = torch.randn(1, 160_000, generator=torch.Generator().manual_seed(0))
    power = heard(spectra(noise, 512))
    wanted = torch.hann_window(512).square().sum().log()
    assert all(abs(float(level[:, 2:-2].mean() - wanted)) < 0.1 for level in floors(power))
    power[..., ::2] += 5  # loud every other time
    assert abs(float(floors(power).low[:, 2:-2].mean() - wanted)) < 0.8  # a tenth of the time is a fifth of the quiet half


def test_silence_and_padding_count_for_no_floor() -> None:
    noise = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0))
    alone = floors(heard(spectra(noise, 512)))
    silent = floors(heard(spectra(torch.cat([noise, torch.zeros(1, 64_000)], 1), 512)))
    assert all(float((one - other).abs().mean()) < 0.2 for one, other in zip(alone, silent, strict=True))
    assert all(bool(level.isfinite().all()) for level in floors(heard(torch.zeros(1, 5, 9, dtype=torch.complex64))))


def test_looks_do_not_tell_loudness() -> None:
    power = heard(spectra(torch.randn(1, 8000, generator=torch.Generator().manual_seed(0)), 256))
    assert torch.allclose(looks(power, floors(power)), looks(power + 3, floors(power + 3)), atol=1e-4)
    assert not torch.allclose(looks(power, floors(power)), looks(power, Floors(*(level + 1 for level in floors(power)))), atol=1e-2)


def test_spectra_last_as_long_at_any_rate() -> None:
    assert all(0.025 < framed(rate) / rate < 0.052 for rate in range(8000, 192_000, 500))
