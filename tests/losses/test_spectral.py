"""Spectra beside squares: what is equal, what is louder, what is silent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hourglass.losses import gaussian, spectral
from hourglass.losses.spectral import Spectra, power

STEPS = 4096


def facts(channels: int = 1, steps: int = STEPS) -> dict[str, Any]:
    return {"shape": [channels, steps], "fields": [["number", 0, channels]], "resolution": torch.full((channels, 1), 1e-5)}


def noise(seed: int, *shape: int) -> Tensor:
    return torch.randn(*(shape or (2, 1, STEPS)), generator=torch.Generator().manual_seed(seed))


def nats(output: Tensor, target: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
    """Nats of the gaussian loss, and of this one."""
    about = facts(target.shape[1], target.shape[2])
    return gaussian.loss(about).train(False)(output, target), spectral.loss(about, **options).train(False)(output, target)


def scrambled(signal: Tensor, seed: int) -> Tensor:
    """The same spectrum as a whole, its phases drawn by chance: noise of the same colour."""
    spectrum = torch.fft.rfft(signal)
    phases = torch.rand(spectrum.shape, generator=torch.Generator().manual_seed(seed)) * 2 * math.pi
    return torch.fft.irfft(torch.polar(spectrum.abs(), phases), signal.shape[-1])


def test_equal_signals_have_equal_spectra() -> None:
    plain, whole = nats(noise(0), noise(0))
    assert torch.equal(plain, whole)


def test_twice_as_loud_has_known_distances() -> None:
    """Convergence is (2 - 1) / sqrt(1 + 4), log magnitude ln 2, at every window length."""
    signal = noise(0)
    assert torch.allclose(Spectra(STEPS, 1e-6)(2 * signal, signal), torch.tensor(1 / math.sqrt(5) + math.log(2)), rtol=1e-3)


def test_powers_are_those_of_the_fourier_transform() -> None:
    signal, window = noise(0, 1, 2, 64), torch.hann_window(16)
    found = power(signal, window)  # a window every 4 steps, the first centred at 0
    assert found.shape == (1, 2, 9, 17)
    wanted = np.abs(np.fft.rfft(signal[0, 1, 12:28].numpy() * window.numpy())) ** 2
    assert np.allclose(found[0, 1, :, 5].numpy(), wanted, rtol=1e-4)


def test_noise_of_the_same_colour_sounds_better_than_silence() -> None:
    """Squared error says the opposite, and by the measure of squares alone a consonant becomes silence."""
    target, silence = noise(0), torch.zeros(2, 1, STEPS)
    (plain_noise, noisy), (plain_silence, silent) = nats(noise(1), target, weight=10), nats(silence, target, weight=10)
    assert (plain_noise > plain_silence).all()
    assert (noisy < silent).all()


def test_a_tone_turned_to_noise_costs_more_than_squares_say() -> None:
    """Its spectrum as a whole is unchanged; in short windows a click has become noise."""
    click = torch.zeros(1, 1, STEPS)
    click[..., 1000:1010] = 1.0
    plain, whole = nats(scrambled(click, 0), click)
    assert (whole > plain + 0.5 * STEPS).all()
    assert (Spectra(STEPS, 1e-4)(click.roll(3, 2), click) < 0.3 * Spectra(STEPS, 1e-4)(scrambled(click, 0), click)).all()


def test_the_weight_counts_nats_for_each_real_element() -> None:
    output, target, mask = noise(0, 2, 2, 64), noise(1, 2, 2, 64), torch.rand(2, 2, 64, generator=torch.Generator().manual_seed(0)) < 0.5
    one, three = (spectral.loss(facts(2, 64), weight=weight).train(False) for weight in (1.0, 3.0))
    alone = gaussian.loss(facts(2, 64)).train(False)(output, target, mask)
    unlike = Spectra(64, 1e-4)(output * mask, target * mask) * mask.flatten(1).sum(1)
    assert torch.allclose(one(output, target, mask) - alone, unlike, rtol=1e-3)
    assert torch.allclose(three(output, target, mask) - alone, 3 * unlike, rtol=1e-3)
    assert torch.allclose(one.errors(output, target, mask).flatten(1).sum(1), alone)  # type: ignore[operator]


@pytest.mark.parametrize(("steps", "lengths"), [(8, [8]), (16, [16, 4]), (100, [64, 16, 4]), (9000, [2048, 512, 128])])
def test_windows_fit_the_samples(steps: int, lengths: list[int]) -> None:
    assert Spectra(steps, 1e-4).lengths == lengths
    assert torch.isfinite(spectral.loss(facts(1, steps))(noise(0, 2, 1, steps), noise(1, 2, 1, steps))).all()


@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e-3])
def test_silence_has_slopes(scale: float) -> None:
    output = (scale * noise(0)).requires_grad_()
    spectral.loss(facts())(output, torch.zeros(2, 1, STEPS)).sum().backward()
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()
    assert bool(output.grad.any()) == (scale > 0)
