"""Sound as spectra that overlap and back, and how quiet it is at each pitch where nothing else is heard: the floor of its noise."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, pad

__all__ = ["LOOKS", "Floors", "bins", "floors", "framed", "frames", "heard", "looks", "spectra", "waves"]

OVERLAP = 4  # spectra that each sample lies in
SHARES = (0.1, 0.25, 0.5)  # of the time, in which it is no louder than the floors
NEAR, FAR = 4, 32  # pitches to either side, over which floors are compared
TINY = 1e-10  # power that counts as silence
LOOKS = 7  # numbers that `looks` tells of each place
UNIT = 4.0  # nats: what these numbers are measured in


class Floors(NamedTuple):
    """Logarithms of power (B, bins) that are not exceeded in the `SHARES` of the time, each as if white noise had it."""

    low: Tensor
    usual: Tensor
    middle: Tensor


def bins(frame: int) -> int:
    """Pitches of a spectrum of `frame` samples."""
    return frame // 2 + 1


def frames(length: int, frame: int) -> int:
    """Spectra of a sound of so many samples."""
    return 1 + -(-length // (frame // OVERLAP))


def spectra(x: Tensor, frame: int) -> Tensor:
    """Sounds (B, T) as complex spectra (B, bins, frames) of `frame` samples each, which overlap by three quarters; silence around them."""
    hop = frame // OVERLAP
    padded = pad(x, (0, -x.shape[-1] % hop))
    return torch.stft(padded, frame, hop, window=_window(frame, x), center=True, pad_mode="constant", return_complex=True)


def waves(spectrum: Tensor, frame: int, length: int) -> Tensor:
    """Undo `spectra`: (B, bins, frames) to (B, length), what overlaps added up."""
    hop = frame // OVERLAP
    window = _window(frame, spectrum.real)
    pieces = torch.fft.irfft(spectrum, frame, dim=1) * window[:, None]  # (B, frame, frames)
    count = spectrum.shape[-1]
    whole = hop * (count - 1) + frame
    added = torch.nn.functional.fold(pieces, (1, whole), (1, frame), stride=(1, hop))[:, 0, 0]
    weight = torch.nn.functional.fold(window.square()[None, :, None].expand(1, frame, count), (1, whole), (1, frame), stride=(1, hop))[
        :, 0, 0
    ]
    middle = slice(frame // 2, frame // 2 + length)
    return added[:, middle] / weight[:, middle].clamp_min(1e-6)


def _window(frame: int, like: Tensor) -> Tensor:
    return torch.hann_window(frame, dtype=like.dtype, device=like.device)


def heard(spectrum: Tensor) -> Tensor:
    """The logarithm of the power of each place, never that of nothing."""
    return torch.view_as_real(spectrum).square().sum(-1).clamp_min(TINY).log()


def floors(power: Tensor, real: Tensor | None = None) -> Floors:
    """Of logarithms of power (B, bins, frames), over the frames that are `real` (B, frames) and not silent.

    Where hiss alone is heard, its power follows an exponential law: from any share of its time follows its mean.
    """
    there = (power > math.log(TINY) + 1e-3).any(1) if real is None else real & (power > math.log(TINY) + 1e-3).any(1)
    count = there.sum(1)  # (B,)
    ordered = power.masked_fill(~there[:, None], math.inf).sort(-1).values
    found = []
    for share in SHARES:
        at = (share * (count - 1).clamp_min(0).double()).long()[:, None, None].expand(-1, power.shape[1], 1)
        level = ordered.gather(-1, at)[..., 0]
        found.append(torch.where(level.isinf(), math.log(TINY), level) - law(share))
    return Floors(*found)


def law(share: float) -> float:
    """The logarithm of the power that white noise of power 1 does not exceed in a `share` of the time."""
    return math.log(-math.log(1 - share))


def looks(power: Tensor, quiet: Floors) -> Tensor:
    """What there is to see of each place of (B, bins, frames), (B, LOOKS, bins, frames): differences alone, so that loudness is none of it.

    How far it is above the floor of its own pitch and of those around; how the floor of its pitch stands out of those; how unsteady it
    is; and the pitch itself.
    """
    usual = quiet.usual
    near, far = _around(usual, NEAR), _around(usual, FAR)
    pitch = torch.log1p(torch.arange(power.shape[1], dtype=power.dtype, device=power.device)).expand_as(usual) - UNIT
    steady = [usual - near, near - far, quiet.middle - usual, usual - quiet.low, pitch]
    told = [power - far[..., None], power - usual[..., None], *(each[..., None].expand_as(power) for each in steady)]
    return torch.stack(told, 1).clamp(-4 * UNIT, 4 * UNIT) / UNIT


def _around(levels: Tensor, reach: int) -> Tensor:
    """The mean of levels (B, bins) and of those up to `reach` away."""
    reach = min(reach, levels.shape[1] - 1)
    return avg_pool1d(levels[:, None], 2 * reach + 1, 1, reach, count_include_pad=False)[:, 0]


def framed(rate: float) -> int:
    """Samples of a spectrum that lasts about 36 ms: long enough to part pitches, short enough for speech.

    >>> framed(8000), framed(16000), framed(44100)
    (256, 512, 2048)
    """
    return max(8, 1 << round(math.log2(0.036 * rate)))
