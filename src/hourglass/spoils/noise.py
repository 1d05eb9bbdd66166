"""Normal noise on every element, the spoil of the denoising autoencoder (Vincent et al. 2008)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.spoils._draw import uniform

__all__ = ["spoil"]


def spoil(x: Tensor, generator: torch.Generator, *, sigma: float = 0.1, log_uniform: Sequence[float] | None = None) -> Tensor:
    """Add normal noise of standard deviation `sigma`, in the units of x; nothing is clipped.

    `log_uniform=[low, high]` draws a level for each sample instead, evenly on a logarithmic scale, so that one network learns every
    level. x is (B, ...) or (M, B, ...) of floats: three axes are read as (M, B, F), four as (B, C, H, W).

    >>> spoil(torch.zeros(2, 3), torch.Generator().manual_seed(0), sigma=0.5).shape
    torch.Size([2, 3])
    """
    if not x.is_floating_point():
        raise BadOption("the spoil noise works on numbers, not on text or other whole numbers; use mask")
    noise = torch.randn(x.shape, generator=generator, device=generator.device, dtype=x.dtype).to(x.device)
    if log_uniform is not None:
        return x + _levels(x, generator, log_uniform) * noise
    if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not 0 <= sigma < math.inf:
        raise BadOption(f"sigma={sigma!r}: the noise level is a number from 0 up, such as 0.1")
    return x + sigma * noise


def _levels(x: Tensor, generator: torch.Generator, limits: Sequence[float]) -> Tensor:
    """One level per sample, as (B, 1, ...) or (M, B, 1, ...)."""
    if isinstance(limits, str | int | float) or len(limits) != 2 or not 0 < limits[0] <= limits[1] < math.inf:
        raise BadOption(f"log_uniform={limits!r}: two levels above 0, the lower first, such as [0.01,0.3]")
    low, high = (math.log(value) for value in limits)
    leading = 2 if x.dim() in (3, 5) else 1  # (M, B, F) and (M, B, C, H, W) have members in front
    shape = [*x.shape[:leading], *[1] * (x.dim() - leading)]
    return (low + (high - low) * uniform(shape, x, generator)).exp().to(x.dtype)
