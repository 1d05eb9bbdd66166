"""How a picture looks, beside how it measures: gaussian nats and structural similarity, for pictures and the frames of video.

SSIM compares the brightness, contrast and structure of two pictures in a small window at every place; blurring costs little squared error
and much similarity. The loss adds `weight` nats per element, times 1 - SSIM, in which windows are Gaussians of 11 pixels and sigma 1.5,
smaller in pictures that are smaller, and values run from 0 to 1 (Wang et al. 2004). With `scales` above 1 contrast and structure are
also compared in pictures of half the size, a quarter and so on, as many as fit a window (MS-SSIM: Wang et al. 2003). Not where squared
error counts (compressing by PSNR, anomalies, microscopy), nor for pictures whose values are no brightness.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d

from hourglass.errors import BadOption
from hourglass.losses._checks import apart, need_numbers, weighed
from hourglass.losses._perceived import Perceived

WINDOW, SIGMA = 11, 1.5
BRIGHTNESS, CONTRAST = 0.01**2, 0.03**2  # keep quotients of dark and of flat places tame
SHARES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, from fine to coarse
LEAST = 1e-3  # powers of numbers at 0 and below have no slope


def outputs(facts: dict[str, Any]) -> int:
    """One number per element: the mean."""
    return 1


class Structure(nn.Module):
    """1 - SSIM of pictures or films (B, C, ..., H, W), (B,): 0 where equal, 1 where nothing is alike."""

    def __init__(self, sides: tuple[int, int], scales: int) -> None:
        super().__init__()
        least = min(sides)
        self.window = min(WINDOW, least - 1 + least % 2)  # odd
        fitting = [scale for scale in range(scales) if least >> scale >= self.window]
        total = sum(SHARES[scale] for scale in fitting)
        self.shares = [SHARES[scale] / total for scale in fitting]

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Shapes (B, ..., H, W) twice to (B,)."""
        one, other = output.flatten(1, -3), target.flatten(1, -3)  # (B, C * frames, H, W)
        similarity = torch.ones(())
        for share in self.shares[:-1]:
            _, structure = similar(one, other, self.window)
            similarity = similarity * structure.mean((2, 3)).clamp_min(LEAST) ** share
            one, other = avg_pool2d(one, 2), avg_pool2d(other, 2)
        brightness, structure = similar(one, other, self.window)
        last = (brightness * structure).mean((2, 3))  # (B, C * frames)
        return (1 - (last if len(self.shares) == 1 else similarity * last.clamp_min(LEAST) ** self.shares[-1])).mean(1)


def similar(one: Tensor, other: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Brightness, and contrast with structure, of pictures (B, C, H, W) in each whole window; both at most 1, and 1 where equal."""
    at = torch.arange(window, dtype=one.dtype, device=one.device) - (window - 1) / 2
    bell = torch.exp(-at.square() / (2 * (SIGMA * window / WINDOW) ** 2))
    bell = bell / bell.sum()
    maps = torch.stack([one, other, one * one, other * other, one * other]).flatten(0, 2).unsqueeze(1)
    means = conv2d(conv2d(maps, bell.reshape(1, 1, 1, -1)), bell.reshape(1, 1, -1, 1))
    x, y, xx, yy, xy = means.reshape(5, *one.shape[:2], *means.shape[-2:])
    spread = (xx - x * x).clamp_min(0) + (yy - y * y).clamp_min(0)  # rounding may leave less than nothing
    brightness = (2 * x * y + BRIGHTNESS) / (x * x + y * y + BRIGHTNESS)
    return brightness, (2 * (xy - x * y) + CONTRAST) / (spread + CONTRAST)


def loss(facts: dict[str, Any], *, weight: float = 3.0, scales: int = 1, variance: str = "shared", members: int = 1) -> nn.Module:
    """`weight`: nats per element for structure; `scales`: sizes at which it is compared; `variance`: shared, or each its own."""
    need_numbers("structural", facts)
    shape = tuple(facts["shape"])
    if len(shape) not in (3, 4):
        raise BadOption(f"structural is for pictures and video (..., height, width); these samples have shape {shape}; use loss='gaussian'")
    if isinstance(scales, bool) or not isinstance(scales, int) or not 1 <= scales <= len(SHARES):
        raise BadOption(f"structural has no scales={scales!r}: give a whole number from 1 to {len(SHARES)}")
    measure = Structure(shape[-2:], scales)
    return Perceived(facts, measure, weighed("structural", weight), apart("structural", variance), members)
