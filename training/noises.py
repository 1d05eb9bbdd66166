"""What spoils photographs, for `photo_denoiser.py`: each function takes a clean crop (1 or 3, H, W) in [0, 1] and gives it damaged."""

from __future__ import annotations

import io
import math
import random

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import conv2d, pad

__all__ = ["blurred", "camera", "clean", "damaged", "gaussian", "jpeg", "specks"]

STRONGEST = 55 / 255  # standard deviation
CHROMA = torch.tensor([[1.0, 0.0, 1.4], [1.0, -0.34, -0.71], [1.0, 1.77, 0.0]])  # from brightness and two colours to RGB


def damaged(crop: Tensor, chance: random.Random) -> Tensor:
    """A crop spoiled in one of the ways below, mostly by white noise."""
    way = chance.choices([gaussian, camera, jpeg, specks, clean], [0.62, 0.20, 0.06, 0.10, 0.02])[0]
    return way(crop, chance)


def gaussian(crop: Tensor, chance: random.Random) -> Tensor:
    """White noise of any level, not cut off at black and white."""
    return crop + chance.uniform(0, STRONGEST) * _normal(crop, chance)


def camera(crop: Tensor, chance: random.Random) -> Tensor:
    """Noise that grows with the light, coarser than a pixel, differently in brightness and colour; then 8 bits, perhaps JPEG."""
    level = math.exp(chance.uniform(math.log(1.5), math.log(40))) / 255
    noise = blurred(_normal(crop, chance), chance.choice([0.0, chance.uniform(0.3, 1.1)]))
    if len(crop) == 3 and chance.random() < 0.7:
        coarse = blurred(_normal(crop, chance), chance.uniform(0.3, 2.0))
        coarse[0] = noise[0]
        strength = torch.tensor([1.0, chance.uniform(0.1, 1.0), chance.uniform(0.1, 1.0)])
        noise = torch.einsum("rc,chw->rhw", CHROMA * strength, coarse)
    share = chance.random()  # of the noise's variance that comes with the light
    noisy = _bits(crop + level * (1 - share + 2 * share * crop).sqrt() * noise)
    return _squeezed(noisy, chance.randint(75, 98)) if chance.random() < 0.5 else noisy


def jpeg(crop: Tensor, chance: random.Random) -> Tensor:
    """Traces of JPEG, alone or over weak noise."""
    noise = chance.choice([0.0, chance.uniform(0, 15 / 255)])
    return _squeezed(_bits(crop + noise * _normal(crop, chance)), chance.randint(20, 95))


def specks(crop: Tensor, chance: random.Random) -> Tensor:
    """Pixels lost to black, white or anything, in all colours or in each by itself; perhaps over weak noise."""
    draw = _generator(chance)
    hit = torch.rand(crop.shape if chance.random() < 0.5 else crop[:1].shape, generator=draw) < chance.uniform(0, 0.35)
    lost = torch.rand(crop.shape if chance.random() < 0.5 else crop[:1].shape, generator=draw)
    lost = lost.round() if chance.random() < 0.7 else lost
    noise = chance.choice([0.0, 0.0, chance.uniform(0, 25 / 255)])
    return torch.where(hit, lost, crop + noise * _normal(crop, chance))


def clean(crop: Tensor, chance: random.Random) -> Tensor:
    """Nothing: what is clean must stay as it is."""
    return crop


def blurred(noise: Tensor, width: float) -> Tensor:
    """Noise (C, H, W) smoothed by a bell of standard deviation `width` and brought back to its strength."""
    if width == 0:
        return noise
    reach = math.ceil(3 * width)
    bell = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / width) ** 2)
    bell = bell / bell.square().sum().sqrt()
    wide = pad(noise[:, None], (reach,) * 4, mode="reflect")
    return conv2d(conv2d(wide, bell.view(1, 1, -1, 1)), bell.view(1, 1, 1, -1))[:, 0]


def _generator(chance: random.Random) -> torch.Generator:
    return torch.Generator().manual_seed(chance.getrandbits(62))


def _normal(crop: Tensor, chance: random.Random) -> Tensor:
    return torch.randn(crop.shape, generator=_generator(chance))


def _bits(crop: Tensor) -> Tensor:
    """As 8 bits hold it."""
    return (crop * 255).round().clamp(0, 255) / 255


def _squeezed(crop: Tensor, quality: int) -> Tensor:
    """Through JPEG and back."""
    pixels = (crop * 255).round().to(torch.uint8).movedim(0, -1).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "jpeg", quality=quality)
    back = np.asarray(Image.open(file), dtype=np.float32) / 255
    return torch.from_numpy(back[None] if back.ndim == 2 else back.transpose(2, 0, 1).copy())
