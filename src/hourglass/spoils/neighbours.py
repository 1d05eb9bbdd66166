"""Noisy pictures without a clean example: one half of the pixels is shown, their neighbours are asked for.

Neighbouring pixels show nearly the same thing, each with noise of its own. What a network can tell of a pixel from its neighbours is
therefore the thing and not the noise (Neighbor2Neighbor: Huang et al. 2021). Two pictures of half the size are made of each: out of every
four pixels in a square two that touch are drawn, one for each.

For pictures whose noise is new in every pixel: photon counts, readout, film grain in fine scans. Where neighbours share their noise
(developed photographs, anything enlarged or compressed) give `apart`: pixels so far from one another count as neighbours, and in use the
network sees pictures in the same way, at the price of the finest detail. Not for clean pictures: take noise. The network must take pictures
of any size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pixel_unshuffle

from hourglass.errors import BadOption
from hourglass.layers.options import checked_whole

__all__ = ["PAIR", "spoil"]

PAIR = True  # what the network is asked for is another picture than the one before
MOST = 8  # pixels apart


def spoil(x: Tensor, generator: torch.Generator, *, apart: int = 1) -> tuple[Tensor, Tensor]:
    """Pictures (B, C, H, W) as two noisy ones each (B, C, H / 2, W / 2), the one to show and the one to ask for.

    With `apart` above 1, one of the `apart` x `apart` pictures that every so many pixels make is taken first. Half of the time pictures
    are mirrored, up and down or left and right: what counts as noise is not where things lie.

    >>> shown, asked = spoil(torch.rand(2, 1, 8, 8), torch.Generator().manual_seed(0))
    >>> shown.shape, bool((shown == asked).any())
    (torch.Size([2, 1, 4, 4]), False)
    """
    apart = checked_whole("neighbours", "apart", apart, 1, MOST)
    if x.dim() != 4 or not x.is_floating_point():
        raise BadOption("the spoil neighbours is for pictures; for other data take noise or mask")
    if min(x.shape[-2:]) < 2 * apart:
        raise BadOption(
            f"the spoil neighbours needs pictures of at least {2 * apart} x {2 * apart} pixels; these have {tuple(x.shape[-2:])}"
        )
    down, right, mirrored, turned = (int(_drawn(most, (1,), x, generator)) for most in (apart, apart, 2, 2))
    x = x[..., down::apart, right::apart]
    height, width = (side // 2 for side in x.shape[-2:])
    cells = pixel_unshuffle(x[..., : 2 * height, : 2 * width], 2).unflatten(1, (-1, 4))  # (B, C, 4, h, w)
    first = _drawn(4, (len(x), 1, 1, height, width), x, generator)
    second = first ^ (1 + _drawn(2, first.shape, x, generator))  # beside it, or below or above
    sides = [-1 - side for side, flipped in enumerate((mirrored, turned)) if flipped]
    shown, asked = (cells.gather(2, each.expand(-1, cells.shape[1], -1, -1, -1)).squeeze(2).flip(sides) for each in (first, second))
    return shown, asked


def _drawn(most: int, shape: Sequence[int], like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(most, tuple(shape), generator=generator, device=generator.device).to(like.device)
