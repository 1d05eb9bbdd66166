"""Cleaner samples: what the network rebuilds has no room for the noise.

A network with a spatial code works on pictures of any size, in tiles; one with a flat code at the size it learned.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.tiles import tiled
from hourglass.uses.embed import rebuilt

__all__ = ["clean", "native"]

TILE, OVERLAP = 512, 64


def native(model: Model) -> bool:
    """Whether the model takes pictures at their own size."""
    return len(model.code_shape) == 3


def clean(model: Model, x: Tensor, strength: float = 1.0) -> Tensor:
    """Samples (B, *shape), or with a spatial code (B, C, H, W) of any size, cleaned; `strength` 0 gives them back unchanged."""
    if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0 <= strength <= 1:
        raise BadOption(f"strength={strength!r}: give a number from 0 (unchanged) to 1 (as the network has it)")
    if native(model):
        cleaned = torch.stack([tiled(lambda tile: _at_size(model, tile), picture, TILE, OVERLAP) for picture in x])
    else:
        cleaned = rebuilt(model, Batch(x))
    if not x.is_floating_point():  # there is nothing between two letters
        return cleaned if strength > 0 else x
    return torch.lerp(x, cleaned.to(x.dtype), strength)


def _at_size(model: Model, tile: Tensor) -> Tensor:
    """One tile (C, h, w) through the network; what the encoder pads is cut off again."""
    with torch.inference_mode():
        whole = model.reconstruct(Batch(tile[None]))
    return whole[0, :, : tile.shape[-2], : tile.shape[-1]].clone()
