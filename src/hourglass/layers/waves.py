"""Orthonormal transforms as the weights of convolutions: the cosine transform of blocks, and the lapped one of sound."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["block_waves", "lapped_waves"]


def cosines(count: int) -> Tensor:
    """The cosine transform of `count` numbers as an orthonormal matrix (frequency, place), in float64."""
    place = torch.arange(count, dtype=torch.float64, device="cpu")
    rows = torch.cos(math.pi / count * place[:, None] * (place + 0.5)) * math.sqrt(2 / count)
    rows[0] /= math.sqrt(2)
    return rows


def block_waves(channels: int, step: int) -> Tensor:
    """Filters (channels * step * step, channels, step, step) that turn blocks of a picture into cosines, the slowest first.

    Colours are mixed first: their sum, red against blue, green against both, which is orthonormal and near to what JPEG does. Waves in
    colour differences come later than equally slow ones in brightness.
    """
    colours, along = cosines(channels) if channels == 3 else torch.eye(channels, dtype=torch.float64, device="cpu"), cosines(step)
    waves = torch.einsum("kc,ua,vb->kuvcab", colours, along, along).flatten(0, 2)
    late = torch.tensor([0.0, 3.0, 4.0] if channels == 3 else [0.0] * channels, device="cpu")
    place = torch.arange(step, device="cpu")
    return waves[_order(late[:, None, None] + place[:, None] + place + 0.01 * place)]


def lapped_waves(channels: int, step: int) -> Tensor:
    """Filters (channels * step, channels, 2 * step) of the modified discrete cosine transform under a sine window, the slowest first.

    With a stride of `step` and `step` zeros at either end, the transposed convolution of the same filters undoes it exactly: what
    neighbours add twice cancels out (Princen, Johnson and Bradley 1987). The two channels of stereo become their mean and difference.
    """
    place = torch.arange(2 * step, dtype=torch.float64, device="cpu")
    frequency = torch.arange(step, dtype=torch.float64, device="cpu")[:, None]
    window = torch.sin(math.pi / (2 * step) * (place + 0.5)) * math.sqrt(2 / step)
    along = window * torch.cos(math.pi / step * (place + 0.5 + step / 2) * (frequency + 0.5))  # (frequency, place)
    ears = cosines(2) if channels == 2 else torch.eye(channels, dtype=torch.float64, device="cpu")
    waves = torch.einsum("kc,ut->kuct", ears, along).flatten(0, 1)
    return waves[_order(torch.arange(step, device="cpu").expand(channels, step))]


def _order(slowness: Tensor) -> Tensor:
    """The places of a grid from the smallest value to the largest, the first of equal ones first."""
    return torch.argsort(slowness.flatten(), stable=True)
