"""Pictures of any size as tiles of one size and back: how networks with a spatial code see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from hourglass.errors import BadData
from hourglass.parts import Batch, Cut, concatenate

__all__ = ["DETAIL", "SIDE", "as_tiles", "inside", "repeated", "tiles", "whole"]

SIDE = 64  # pixels: large enough for the network's field of view, small enough that one photograph gives a hundred
DETAIL = 128  # pixels, where defects are to be found: surroundings count, and the sides of tiles, where there are none, should be few
KEPT = 64  # pictures that all have one size up to this stay whole


def as_tiles(facts: dict[str, Any], wanted: Sequence[int] | None = None, side: int = SIDE) -> dict[str, Any]:
    """Facts of the same pictures, seen as tiles (of `wanted` size, else `side` x `side`) instead of brought to one size."""
    notes = [note for note in facts["notes"] if "are brought to" not in note]
    kept = len(notes) == len(facts["notes"]) and facts.get("uniform") and max(facts["size"]) <= KEPT and wanted is None
    if kept and not facts.get("repeats"):
        return facts
    if facts.get("noise") and not facts.get("repeats") and side == SIDE and facts["least"] >= DETAIL:
        side = DETAIL  # pairs of noisy pictures are of half the size
    height, width = wanted or (side, side)
    return {**facts, "shape": [facts["shape"][0], height, width], "size": [height, width], "cut": True, "notes": notes}


def tiles(picture: Tensor, height: int, width: int) -> Tensor:
    """A picture (C, H, W) as tiles (n, C, height, width), row by row; the last ones are filled up by repeating the edge."""
    down, right = -picture.shape[-2] % height, -picture.shape[-1] % width
    if down or right:
        picture = pad(picture[None], (0, right, 0, down), mode="replicate")[0]
    channels = picture.shape[0]
    cut = picture.unflatten(2, (-1, width)).unflatten(1, (-1, height))  # (C, rows, height, columns, width)
    return cut.permute(1, 3, 0, 2, 4).reshape(-1, channels, height, width)  # type: ignore[no-any-return]


def inside(picture: Tensor, height: int, width: int) -> Tensor:
    """As many tiles (n, C, height, width) of a picture as `tiles` gives, but none beyond its sides: they overlap, evenly, instead.

    To learn from: a network that saw edges repeated would take them for what pictures have there.
    """
    down, right = max(0, height - picture.shape[-2]), max(0, width - picture.shape[-1])
    if down or right:
        picture = pad(picture[None], (0, right, 0, down), mode="replicate")[0]
    rows, columns = (_begins(side, size) for side, size in ((picture.shape[-2], height), (picture.shape[-1], width)))
    return torch.stack([picture[:, row : row + height, column : column + width] for row in rows for column in columns])


def repeated(pictures: Sequence[Tensor], names: Sequence[str], size: Sequence[int]) -> Cut:
    """Tiles of pictures (C, H, W) of which those of one folder, or without `names` all, show the same scene.

    The condition of each is the mean of the others there: noise is new in every picture, so that nothing can be told of it but the scene
    (Lehtinen et al. 2018).
    """
    scenes: dict[Any, list[int]] = {}
    for number, picture in enumerate(pictures):
        scenes.setdefault((names[number].rpartition("/")[0] if names else "", picture.shape), []).append(number)
    batches, sources = [], []
    for numbers in scenes.values():
        tiles = torch.stack([inside(pictures[number], *size) for number in numbers]).float()  # (n, tiles, C, h, w)
        if len(numbers) > 1:
            others = (tiles.sum(0) - tiles) / (len(numbers) - 1)
            batches.append(Batch(tiles.flatten(0, 1), None, others.flatten(0, 1)))
            sources.append(torch.tensor(numbers).repeat_interleave(tiles.shape[1]))
    if not batches:
        raise BadData(
            "repeats=true, and no two pictures of one size lie in one folder or stack: leave it out, or put those of a scene together"
        )
    source = torch.cat(sources)
    return Cut(concatenate(batches), source, torch.zeros(len(source)), torch.ones(len(source)))


def _begins(side: int, size: int) -> list[int]:
    return [round(float(at)) for at in torch.linspace(0, side - size, -(-side // size), dtype=torch.float64)]


def whole(cut: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Undo `tiles` for pictures of `sizes` (H, W) whose tiles (n, C, h, w) follow one another."""
    height, width = cut.shape[-2:]
    counts = [(-(-H // height), -(-W // width)) for H, W in sizes]
    pictures = []
    parts = torch.split(cut, [rows * columns for rows, columns in counts])
    for part, (rows, columns), (H, W) in zip(parts, counts, sizes, strict=True):
        grid = part.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4)  # (C, rows, height, columns, width)
        pictures.append(grid.reshape(part.shape[1], rows * height, columns * width)[:, :H, :W])
    return pictures
