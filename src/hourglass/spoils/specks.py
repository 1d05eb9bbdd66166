"""Salt and pepper: single elements that are altogether wrong, as dead sensors and typing errors are."""

from __future__ import annotations

import torch
from torch import Tensor

from hourglass.spoils._draw import check_share, hits

__all__ = ["spoil"]

FAR = 3.0


def spoil(x: Tensor, generator: torch.Generator, *, share: float = 0.05) -> Tensor:
    """Replace a random `share` of pixels by black or white (0 or 1), in all channels alike; of a table's elements, by -3 or 3.

    x is a picture (B, C, H, W) or (M, B, C, H, W) with values in [0, 1], or anything with fewer axes, standardised.

    >>> spoil(torch.zeros(1, 4), torch.Generator(), share=1.0).abs()
    tensor([[3., 3., 3., 3.]])
    """
    check_share(share)
    picture = x.dim() >= 4
    shape = [*x.shape[:-3], 1, *x.shape[-2:]] if picture else list(x.shape)
    low, high = (0.0, 1.0) if picture else (-FAR, FAR)
    chosen = hits(shape, x, generator, share)
    specks = torch.where(hits(shape, x, generator, 0.5), low, high).to(x.dtype)
    return torch.where(chosen, specks, x)
