"""Small moves of pictures and videos: shifted, turned, scaled a little, as a hand or a camera does it. The moved picture is the target too.

For few pictures (some hundreds): each is then seen in many positions, and the network learns what a picture is instead of these few by
heart (measured on 320 faces: a third less held-out error). Not where the position itself is what matters, nor for tables.

With `back` the network is asked for the picture as it was: it learns to tell what a picture shows from where it lies, and its code tells
sorts of pictures apart far better (measured in docs/benchmarks.md). Not for compression or anomalies, which want the picture as it lies.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from hourglass.errors import BadOption
from hourglass.layers.options import checked_flag, checked_number
from hourglass.spoils._draw import uniform

__all__ = ["TARGET", "spoil"]

TARGET = True  # the network is asked for the moved picture, not for the one before, unless it is to bring it `back`


def spoil(
    x: Tensor,
    generator: torch.Generator,
    *,
    shift: float = 2.0,
    turn: float = 0.05,
    scale: float = 0.05,
    flip: bool = False,
    back: bool = False,
) -> Tensor:
    """Pictures (B, C, H, W), each moved by up to `shift` pixels, turned by up to `turn` radians, scaled by up to `scale`.

    `flip` mirrors half of them, `back`: they are to be brought back to where they were. Frames of a video (B, C, T, H, W) move together.
    Edges are repeated.
    """
    for name, most in (("shift", shift), ("turn", turn), ("scale", scale)):
        checked_number("moves", name, most, 0, {"shift": 1000, "turn": 3.15, "scale": 0.9}[name])
    for name, flag in (("flip", flip), ("back", back)):
        checked_flag("moves", name, flag)
    if x.dim() not in (4, 5) or not x.is_floating_point():
        raise BadOption("the spoil moves is for pictures and videos; for other data take noise or mask")
    flat = x.flatten(1, -3)  # (B, C or C * T, H, W)
    return grid_sample(flat, _grid(flat, generator, (shift, turn, scale), flip), padding_mode="border", align_corners=False).reshape(
        x.shape
    )


def _grid(x: Tensor, generator: torch.Generator, most: tuple[float, float, float], flip: bool) -> Tensor:
    """Where each pixel (B, H, W, 2) is taken from."""
    count, _, height, width = x.shape
    shift, turn, scale = most
    right, down, turned, grown, wider = (
        limit * (2 * uniform((count,), x, generator) - 1) for limit in (shift, shift, turn, scale, scale / 2)
    )
    mirrored = torch.where(uniform((count,), x, generator) < 0.5, -1.0, 1.0) if flip else torch.ones_like(right)
    across, along = (1 + grown) * (1 + wider), (1 + grown) / (1 + wider)
    rows = [
        torch.stack([mirrored * across * turned.cos(), -across * turned.sin() * height / width, 2 * right / width], 1),
        torch.stack([along * turned.sin() * width / height, along * turned.cos(), 2 * down / height], 1),
    ]
    return affine_grid(torch.stack(rows, 1).to(x.dtype), list(x.shape), align_corners=False)
