"""What spoils photographs, for `photo_denoiser.py`: batches (B, 3, H, W) in [0, 1] come back damaged, on the device that they lie on.

`grey` (B, 1, 1, 1) marks the samples of three equal channels, which stay so. Every sample is damaged at a level of its own.
"""

from __future__ import annotations

import functools
import math
import random
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad

__all__ = ["SHARES", "blurred", "clean", "damaged", "gaussian", "jpeg", "light", "sensor", "specks", "squeezed"]

STRONGEST = 55 / 255  # standard deviation
LUMA = (0.299, 0.587, 0.114)
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
# Annex K of the JPEG standard: what brightness and colours are divided by at quality 50
BRIGHT = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92), (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
TINTS = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99), (24, 26, 56, 99, 99, 99, 99, 99), (47, 66, 99, 99, 99, 99, 99, 99),
    *((99, 99, 99, 99, 99, 99, 99, 99),) * 4,
)  # fmt: skip
NEAR = ((0.25, 0.5, 0.25), (0.5, 1.0, 0.5), (0.25, 0.5, 0.25))
CROSS = ((0.0, 0.25, 0.0), (0.25, 1.0, 0.25), (0.0, 0.25, 0.0))
REACH = 8  # pixels, of the widest bell


def damaged(x: Tensor, grey: Tensor, chance: random.Random, draw: torch.Generator) -> Tensor:
    """Each part of the batch damaged in one of the ways, mostly by white noise."""
    ends = [round(len(x) * sum(SHARES[way] for way in list(SHARES)[: number + 1])) for number in range(len(SHARES))]
    parts = zip(SHARES, [0, *ends], ends, strict=False)
    return torch.cat([way(x[first:end], grey[first:end], chance, draw) for way, first, end in parts if end > first])


def gaussian(x: Tensor, grey: Tensor, chance: random.Random, draw: torch.Generator) -> Tensor:
    """White noise of any level, mostly not cut off at black and white."""
    noisy = x + _uniform(x, draw, 0, STRONGEST) * _normal(x, grey, draw)
    return torch.where(_uniform(x, draw) < 0.15, _bits(noisy), noisy)


def light(x: Tensor, grey: Tensor, chance: random.Random, draw: torch.Generator) -> Tensor:
    """Noise that grows with the light (Poisson and Gaussian), here and there a little coarser than a pixel."""
    level, share = _levels(x, draw, 1.5, 45), _uniform(x, draw)  # of the variance that comes with the light
    width = _uniform(x, draw, -1.0, 1.0).clamp(min=0)  # half of them white
    return _bits(x + level * (1 - share + 2 * share * x).sqrt() * blurred(_normal(x, grey, draw), width.expand(-1, 3, 1, 1)))


def sensor(x: Tensor, grey: Tensor, chance: random.Random, draw: torch.Generator) -> Tensor:
    """The coarse noise of cameras: of single colours filled in between pixels, balanced, brightened, smoothed, sharpened; then JPEG.

    Only the noise goes this way, not the picture, which would lose its detail to it (after Brooks et al. 2019).
    """
    linear = x.clamp(min=0) ** 2.2
    gain = torch.cat([_uniform(x, draw, 1.2, 2.6), torch.ones_like(x[:, :1, :1, :1]), _uniform(x, draw, 1.2, 2.6)], 1)
    shot = torch.exp(_uniform(x, draw, math.log(2e-4), math.log(1e-2)))
    read = torch.exp(_uniform(x, draw, math.log(1e-7), math.log(3e-4)))
    noise = (shot * linear / gain + read).sqrt() * torch.randn(x.shape, generator=draw, device=x.device)
    noise = gain * _filled(noise, chance)
    noise = noise + _uniform(x, draw, 0, 0.6) * (noise - noise.mean(1, keepdim=True))  # more vivid colours
    noise = _gamma(linear + noise) - _gamma(linear)
    tints = _mixed(noise, TO_YCC)
    soft = torch.cat([_uniform(x, draw, -0.5, 0.9), *[_uniform(x, draw, -0.5, 2.6)] * 2], 1).clamp(min=0)
    tints = blurred(tints, soft, False)
    crisp = tints[:, :1] + _uniform(x, draw, -0.8, 1.2).clamp(min=0) * (
        tints[:, :1] - blurred(tints[:, :1], torch.ones_like(soft[:, :1]), False)
    )
    strength = torch.cat([_uniform(x, draw, 0.3, 1.3), _uniform(x, draw, 0.2, 1.3)], 1)
    tints = torch.cat([crisp * strength[:, :1], tints[:, 1:] * strength[:, 1:]], 1)
    noise = _mixed(tints, TO_RGB)
    noise = torch.where(grey, tints[:, :1].expand_as(noise), noise)
    noise = noise * _levels(x, draw, 1.0, 22) / (noise.square().mean((1, 2, 3), keepdim=True).sqrt() + 1e-6)
    noisy = _bits(x + noise)
    return torch.where(_uniform(x, draw) < 0.7, squeezed(noisy, grey, _uniform(x, draw, 80, 99), chance), noisy)


def jpeg(x: Tensor, grey: Tensor, chance: random.Random, draw: torch.Generator) -> Tensor:
    """Traces of JPEG, alone or over weak noise."""
    noisy = x + _uniform(x, draw, -15 / 255, 15 / 255).clamp(min=0) * _normal(x, grey, draw)
    return squeezed(_bits(noisy), grey, _uniform(x, draw, 20, 95), chance)


def specks(x: Tensor, grey: Tensor, chance: random.Random, draw: torch.Generator) -> Tensor:
    """Pixels lost to black, white or anything, in all colours or in each by itself; perhaps over weak noise."""
    hit, lost = (torch.rand(x.shape, generator=draw, device=x.device) for _ in range(2))
    hit = torch.where(grey | (_uniform(x, draw) < 0.5), hit[:, :1], hit)
    lost = torch.where(grey | (_uniform(x, draw) < 0.5), lost[:, :1], lost)
    lost = torch.where(_uniform(x, draw) < 0.7, lost.round(), lost)
    noisy = x + _uniform(x, draw, -50 / 255, 25 / 255).clamp(min=0) * _normal(x, grey, draw)
    return torch.where(hit < _uniform(x, draw, 0, 0.35), lost, noisy)


def clean(x: Tensor, grey: Tensor, chance: random.Random, draw: torch.Generator) -> Tensor:
    """Nothing: what is clean must stay as it is."""
    return x


SHARES = {gaussian: 0.58, sensor: 0.22, light: 0.08, jpeg: 0.05, specks: 0.05, clean: 0.02}


def blurred(noise: Tensor, width: Tensor, kept: bool = True) -> Tensor:
    """Noise (B, C, H, W) smoothed by bells of standard deviations `width` (B, C, 1, 1); white noise `kept` at its strength."""
    count, channels = noise.shape[:2]
    places = torch.arange(-REACH, REACH + 1, device=noise.device)
    bell = torch.exp(-0.5 * (places / width.reshape(-1, 1).clamp(min=0.1)) ** 2)  # B * C, 2 * REACH + 1
    bell = bell / (bell.square().sum(1, keepdim=True).sqrt() if kept else bell.sum(1, keepdim=True))
    wide = pad(noise.reshape(1, count * channels, *noise.shape[2:]), (REACH,) * 4, mode="reflect")
    down = conv2d(wide, bell[:, None, :, None], groups=count * channels)
    return conv2d(down, bell[:, None, None, :], groups=count * channels).reshape(noise.shape)


def squeezed(x: Tensor, grey: Tensor, quality: Tensor, chance: random.Random) -> Tensor:
    """Through JPEG and back at a quality (B, 1, 1, 1); the colours of every second sample at half the size. Blocks begin anywhere."""
    top, left = chance.randrange(16), chance.randrange(16)
    high, wide = ((side + 31) // 16 * 16 - side for side in x.shape[2:])
    space = pad(x, (left, wide - left, top, high - top), mode="reflect")
    tints = _mixed(space * 255, TO_YCC)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    bright, colours = _rounded(tints[:, :1] - 128, BRIGHT, scale) + 128, tints[:, 1:]
    half = interpolate(_rounded(avg_pool2d(colours[::2], 2), TINTS, scale[::2]), scale_factor=2.0, mode="bilinear")
    colours = colours.clone()
    colours[1::2] = _rounded(colours[1::2], TINTS, scale[1::2])
    colours[::2] = half
    colours = torch.where(grey, torch.zeros_like(colours), colours)
    back = _bits(_mixed(torch.cat([bright, colours], 1), TO_RGB) / 255)
    return back[:, :, top : top + x.shape[2], left : left + x.shape[3]]


@functools.cache
def constant(values: tuple[Any, ...], device: torch.device) -> Tensor:
    """Numbers that a device is given once: it need not be waited for again."""
    return torch.tensor(values, dtype=torch.float32, device=device)


def _rounded(x: Tensor, table: tuple[tuple[int, ...], ...], scale: Tensor) -> Tensor:
    """The cosine transform of blocks of eight, rounded to steps."""
    count, channels, height, width = x.shape
    if count == 0:
        return x
    at = torch.arange(8, device=x.device, dtype=x.dtype)
    turn = torch.cos(math.pi / 8 * at[:, None] * (at + 0.5)) / 2
    turn = torch.cat([turn[:1] / math.sqrt(2), turn[1:]])
    blocks = x.reshape(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    steps = (constant(table, x.device) * scale[..., None, None]).round().clamp(1, 255)
    back = turn.T @ ((turn @ blocks @ turn.T / steps).round() * steps) @ turn
    return back.transpose(3, 4).reshape(x.shape)


def _filled(noise: Tensor, chance: random.Random) -> Tensor:
    """One colour a pixel, the others filled in from the neighbours that have them."""
    down, across = chance.randrange(2), chance.randrange(2)
    kept = torch.zeros_like(noise[:1])
    kept[:, 0, down::2, across::2] = 1
    kept[:, 1, down::2, 1 - across :: 2] = 1
    kept[:, 1, 1 - down :: 2, across::2] = 1
    kept[:, 2, 1 - down :: 2, 1 - across :: 2] = 1
    near = constant(NEAR, noise.device)
    cross = constant(CROSS, noise.device)
    kernel = torch.stack([near, cross, near])[:, None]
    return conv2d(pad(noise * kept, (1, 1, 1, 1), mode="reflect"), kernel, groups=3)


def _gamma(linear: Tensor) -> Tensor:
    """As sRGB has it, on from black in a straight line."""
    return torch.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)


def _mixed(x: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("rc,bchw->brhw", constant(matrix, x.device), x)


def _uniform(x: Tensor, draw: torch.Generator, low: float = 0.0, high: float = 1.0) -> Tensor:
    """One number for each sample, (B, 1, 1, 1)."""
    return low + (high - low) * torch.rand(len(x), 1, 1, 1, generator=draw, device=x.device)


def _levels(x: Tensor, draw: torch.Generator, low: float, high: float) -> Tensor:
    """Standard deviations between two grey levels, as many below their geometric mean as above."""
    return torch.exp(_uniform(x, draw, math.log(low), math.log(high))) / 255


def _normal(x: Tensor, grey: Tensor, draw: torch.Generator) -> Tensor:
    noise = torch.randn(x.shape, generator=draw, device=x.device)
    return torch.where(grey, noise[:, :1], noise)


def _bits(x: Tensor) -> Tensor:
    """As 8 bits hold it."""
    return (x * 255).round().clamp(0, 255) / 255
