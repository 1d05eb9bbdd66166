"""Cleaner samples: what the network rebuilds has no room for the noise.

A network with a spatial code works on pictures of any size, in tiles; one with a flat code at the size it learned.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.layers.processor import fast_bfloat16
from hourglass.model import Model
from hourglass.parts import Batch, Part, find, options_for
from hourglass.tiles import tiled
from hourglass.uses.embed import rebuilt

__all__ = ["checked_strength", "clean", "native", "taken"]

TILE, OVERLAP = 1024, 64


def native(model: Model) -> bool:
    """Whether the model takes pictures at their own size."""
    return len(model.code_shape) == 3


def clean(model: Model, x: Tensor, strength: float = 1.0, turns: int = 1) -> Tensor:
    """Samples (B, *shape), or with a spatial code (B, C, H, W) of any size, cleaned; `strength` 0 gives them back unchanged.

    `turns`: of how many turned and mirrored looks, up to eight, pictures are the mean; see `taken`.
    """
    checked_strength(strength)
    cleaned = torch.stack([_whole(model, picture, _apart(model), turns) for picture in x]) if native(model) else rebuilt(model, Batch(x))
    if not x.is_floating_point():  # there is nothing between two letters
        return cleaned if strength > 0 else x
    return torch.lerp(x, cleaned.to(x.dtype), strength)


def checked_strength(strength: float) -> None:
    """Refuse a strength that cannot be meant."""
    if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0 <= strength <= 1:
        raise BadOption(f"strength={strength!r}: give a number from 0 (unchanged) to 1 (as the network has it)")


def taken(model: Model, picture: Tensor, turns: int = 1) -> Tensor:
    """What the network takes for noise in one picture (C, H, W), averaged over the first `turns` of its eight turned and mirrored copies.

    Averaging gains a tenth of a decibel (Timofte et al. 2016) and costs its work as often.
    """
    narrow = fast_bfloat16()

    def noise(copy: Tensor) -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=narrow):
            return copy - model.reconstruct(Batch(copy[None]))[0, :, : copy.shape[1], : copy.shape[2]]

    return _turned(noise, picture, turns)


def _turned(look: Callable[[Tensor], Tensor], picture: Tensor, turns: int) -> Tensor:
    """The mean of what `look` makes of the first `turns` turned and mirrored copies of a picture (C, H, W)."""
    found = torch.zeros_like(picture)
    for turn in range(turns):
        copy = torch.rot90(picture, turn // 2, (1, 2))
        made = look(copy.flip(2) if turn % 2 else copy)
        found += torch.rot90(made.flip(2) if turn % 2 else made, -(turn // 2), (1, 2))
    return found / turns


def _apart(model: Model) -> int:
    """How far apart the pixels lie that the network takes for neighbours: more than 1 where it learned from noise that neighbours share."""
    part = Part.parse(model.settings.get("spoil") or "none")
    return int(options_for(part, find("spoils", part.name).spoil)[0].get("apart", 1)) if part.name == "neighbours" else 1


def _whole(model: Model, picture: Tensor, apart: int, turns: int) -> Tensor:
    """A picture (C, H, W) of any size, in tiles, and in as many pictures as pixels apart make."""
    if apart == 1 or min(picture.shape[-2:]) < 2 * apart:
        return tiled(lambda tile: _turned(lambda copy: _at_size(model, copy), tile, turns), picture, TILE, OVERLAP)
    cleaned = torch.empty_like(picture)
    for down in range(apart):
        for across in range(apart):
            cleaned[:, down::apart, across::apart] = _whole(model, picture[:, down::apart, across::apart], 1, turns)
    return cleaned


def _at_size(model: Model, tile: Tensor) -> Tensor:
    """One tile (C, h, w) through the network; what the encoder pads is cut off again."""
    with torch.inference_mode():
        whole = model.reconstruct(Batch(tile[None]))
    return whole[0, :, : tile.shape[-2], : tile.shape[-1]].clone()
