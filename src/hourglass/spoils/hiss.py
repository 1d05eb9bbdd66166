"""Noise as recordings have it: hiss of any colour, from white to that of rain and wind, and hum of the mains with its overtones."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.layers.options import checked_number
from hourglass.spoils._draw import hits, uniform

__all__ = ["spoil"]

MAINS = (50.0, 60.0)  # Hz; tape and turntables turn a little faster or slower
WOW = 0.01
OVERTONES = 24
COLOURS = (-0.3, 2.2)  # by what power of the pitch the power of hiss falls: white 0, pink 1, brown 2
QUIET = 0.1  # the least loudness that a level refers to, in the units of x
CLEAN = 0.05  # share of samples that hardly have noise


def spoil(
    x: Tensor, generator: torch.Generator, *, log_uniform: Sequence[float] = (0.02, 1.5), hum: float = 0.35, rate: float = 16_000.0
) -> Tensor:
    """Sounds (B, C, T), each with hiss of a colour and level of its own, a random share `hum` of them with hum too, or with hum alone.

    `log_uniform=[low,high]`: noise as a share of the sample's own loudness, drawn evenly on a logarithmic scale; 0.1 is 20 dB below it.
    `rate`: samples in a second, for the pitch of hum. Each channel has hiss of its own, and all the same hum.

    >>> spoil(torch.zeros(2, 1, 64), torch.Generator().manual_seed(0)).shape
    torch.Size([2, 1, 64])
    """
    if x.dim() != 3 or not x.is_floating_point():
        raise BadOption("the spoil hiss is for sound and series; for other data take noise")
    if isinstance(log_uniform, str | int | float) or len(log_uniform) != 2 or not 0 < log_uniform[0] <= log_uniform[1] < math.inf:
        raise BadOption(f"log_uniform={log_uniform!r}: two levels above 0, the lower first, such as [0.02,1.5]")
    hum = checked_number("hiss", "hum", hum, 0, 1)
    rate = checked_number("hiss", "rate", rate, 1, 1e9)
    loud = x.square().mean((1, 2), keepdim=True).sqrt().clamp_min(QUIET)
    low, high = (math.log(level) for level in log_uniform)
    level = loud * (low + (high - low) * uniform((len(x), 1, 1), x, generator)).exp()
    level = torch.where(hits((len(x), 1, 1), x, generator, CLEAN), 1e-3 * level, level)
    hummed = hits((len(x), 1, 1), x, generator, hum)
    share = torch.where(hummed, uniform((len(x), 1, 1), x, generator), 0.0)  # of the noise's power that is hum
    share = torch.where(hummed & hits((len(x), 1, 1), x, generator, 0.3), 0.999, share)
    noise = (1 - share).sqrt() * _hiss(x, generator) + share.sqrt() * _hum(x, generator, rate)
    return x + (level * noise).to(x.dtype)


def _hiss(x: Tensor, generator: torch.Generator) -> Tensor:
    """Noise of power 1 (B, C, T) whose spectrum falls with the pitch, each sample's in its own way."""
    length = x.shape[-1]
    white = torch.randn(x.shape, generator=generator, device=generator.device, dtype=x.dtype).to(x.device)
    low, high = COLOURS
    colour = low + (high - low) * uniform((len(x), 1, 1), x, generator)
    colour = torch.where(hits((len(x), 1, 1), x, generator, 0.3), 0.0, colour)
    pitch = torch.arange(length // 2 + 1, device=x.device, dtype=white.dtype).clamp_min(max(1.0, length / 800))
    made: Tensor = torch.fft.irfft(torch.fft.rfft(white) * pitch.pow(-colour / 2), length)
    return made / made.square().mean((1, 2), keepdim=True).sqrt().clamp_min(1e-9)


def _hum(x: Tensor, generator: torch.Generator, rate: float) -> Tensor:
    """Tones of power 1 (B, 1, T): one of the mains and its overtones, each as loud as chance will have it."""
    number = torch.arange(1, OVERTONES + 1, device=x.device, dtype=torch.float64)[:, None]
    mains = torch.where(hits((len(x), 1, 1), x, generator, 0.5), *MAINS).double() * (
        1 + WOW * (2 * uniform((len(x), 1, 1), x, generator) - 1)
    )
    fall = 2.5 * uniform((len(x), 1, 1), x, generator)
    loud = uniform((len(x), OVERTONES, 1), x, generator) * number.pow(-fall.double()) * (mains * number < 0.45 * rate)
    phase = 2 * math.pi * uniform((len(x), OVERTONES, 1), x, generator).double()
    time = torch.arange(x.shape[-1], device=x.device, dtype=torch.float64) / rate
    tones = torch.zeros(len(x), 1, x.shape[-1], dtype=torch.float64, device=x.device)
    for each in range(OVERTONES):
        turns = 2 * math.pi * mains[:, 0] * (each + 1) * time + phase[:, each]
        tones[:, 0] += loud[:, each] * turns.sin()
    return (tones / tones.square().mean((1, 2), keepdim=True).sqrt().clamp_min(1e-9)).to(x.dtype)
