"""Square patches of pictures blotted out, as masked autoencoders do it (He et al. 2022)."""

from __future__ import annotations

import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.spoils._draw import check_share, uniform

__all__ = ["spoil"]


def spoil(x: Tensor, generator: torch.Generator, *, share: float = 0.75, size: int = 4) -> Tensor:
    """Set a random `share` of the patches, `size` pixels wide and high, to 0 in all channels: the same number in every picture.

    x is (B, C, H, W) or (M, B, C, H, W). Where `size` does not divide a side, the last patches are cut. For tables use `mask`.

    >>> float(spoil(torch.ones(1, 1, 8, 8), torch.Generator(), share=0.75).sum())
    16.0
    """
    check_share(share)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 65_536:
        raise BadOption(f"size={size!r}: a patch is a whole number of pixels wide, such as 4")
    if x.dim() < 4:
        raise BadOption("the spoil patches works on pictures; for tables and series use mask")
    height, width = x.shape[-2:]
    tall, wide = -(-height // size), -(-width // size)
    draws = uniform([*x.shape[:-3], tall * wide], x, generator)
    ranks = draws.argsort(-1).argsort(-1)
    grid = (ranks < round(share * tall * wide)).unflatten(-1, (tall, wide)).unsqueeze(-3)  # (..., 1, tall, wide)
    hidden = grid.repeat_interleave(size, -2).repeat_interleave(size, -1)[..., :height, :width]
    return x.masked_fill(hidden, 0)
