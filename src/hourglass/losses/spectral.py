"""How a signal sounds, beside how it runs: gaussian nats and the distance of spectra at several window lengths, for sound and series.

A network that errs by squares alone gives back what it is sure of and leaves out the rest: noisy consonants become silence. Spectra of
short windows do not ask for the phase of noise, only for its strength. For each of three window lengths (2048, 512 and 128 steps, or the
longest power of two that fits, a quarter and a sixteenth of it) the loss adds

    spectral convergence    sqrt(sum (|X| - |Y|)^2 / sum (|X|^2 + |Y|^2)), in [0, 1]: are the loud parts right?
    log magnitude           mean |log |X| - log |Y||: are the quiet parts right?

averaged over the lengths, times `weight` nats per element (Arik et al. 2018; Yamamoto et al. 2020, there divided by the target's norm
alone, which no silence survives). Not where the exact course counts (anomalies in sensors, compressing): squared error gets worse.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hourglass.errors import BadOption
from hourglass.losses._checks import apart, need_numbers, weighed
from hourglass.losses._perceived import Perceived

LONGEST, SHORTEST, LEAST = 2048, 4, 8  # windows, and samples, in steps
QUIET = 1e-4  # noise of this size is silence, unless the data's own step is larger
TINY = 1e-8


def outputs(facts: dict[str, Any]) -> int:
    """One number per element: the mean."""
    return 1


class Spectra(nn.Module):
    """How unlike the spectra of two signals (B, C, T) are, (B,): 0 where equal."""

    def __init__(self, steps: int, quiet: float) -> None:
        super().__init__()
        longest = min(LONGEST, 1 << (steps.bit_length() - 1))
        self.lengths = [length for length in (longest, longest // 4, longest // 16) if length >= SHORTEST]
        self.quiet = quiet

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """(B, C, T) twice to (B,)."""
        return torch.stack([self._unlike(output, target, length) for length in self.lengths]).mean(0)

    def _unlike(self, output: Tensor, target: Tensor, length: int) -> Tensor:
        """Spectral convergence and log magnitude at one window length, (B,)."""
        window = torch.hann_window(length, dtype=output.dtype, device=output.device)
        floor = window.square().sum() * self.quiet**2  # the power that noise of size `quiet` has in each place of a spectrum
        one, other = (power(signal, window).flatten(1) + floor for signal in (output, target))  # floored: smooth at silence
        share = (one.sqrt() - other.sqrt()).square().sum(1) / (one + other).sum(1)
        convergence = (share + TINY).sqrt() - TINY**0.5
        return convergence + 0.5 * (one.log() - other.log()).abs().mean(1)  # type: ignore[no-any-return]


def power(signal: Tensor, window: Tensor) -> Tensor:
    """Power spectra of windows that overlap by three quarters: (B, C, T) to (B, C, frequencies, windows)."""
    length = len(window)
    spectra = torch.stft(
        signal.flatten(0, 1), length, hop_length=length // 4, window=window, pad_mode="constant", return_complex=True
    )  # (B * C, frequencies, windows); silence before and after
    return torch.view_as_real(spectra).square().sum(-1).unflatten(0, signal.shape[:2])  # type: ignore[no-any-return]


def loss(facts: dict[str, Any], *, weight: float = 0.3, variance: str = "shared", members: int = 1) -> nn.Module:
    """`weight`: nats per element for spectra; `variance`: shared by all elements, or each its own."""
    need_numbers("spectral", facts)
    shape = tuple(facts["shape"])
    if len(shape) != 2:
        raise BadOption(f"spectral is for sound and series (channels, steps); these samples have shape {shape}; use loss='gaussian'")
    if shape[1] < LEAST:
        raise BadOption(f"spectral needs samples of at least {LEAST} steps; these have {shape[1]}: take longer ones, or loss='gaussian'")
    step = float(facts["resolution"].max()) if facts["resolution"].device.type != "meta" else 0.0
    return Perceived(facts, Spectra(shape[1], max(QUIET, step)), weighed("spectral", weight), apart("spectral", variance), members)
