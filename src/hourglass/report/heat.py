"""Unusual pictures on the page, each beside itself with the places marked that were not as expected."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from hourglass import results
from hourglass.kinds import image
from hourglass.model import Model
from hourglass.parts import find
from hourglass.report.cards import card
from hourglass.report.pictures import sheet
from hourglass.report.words import number
from hourglass.uses import maps
from hourglass.uses.overlay import marked as marks

__all__ = ["card_of", "card_of_maps", "marked", "on_maps"]

SMALL, LARGE = 160, 320  # pixels along the longer side; of pictures at their own size
Pixels = NDArray[np.uint8]

STRONG = 0.75  # how much of the colour covers the place that is furthest off
COLOUR = (0.85, 0.1, 0.1)


def card_of(pictures: Tensor, heat: Tensor, rows: Sequence[dict[str, Any]]) -> str:
    """A card of pictures (B, C, H, W) in [0, 1] with their heat (B, H, W), and the findings about each."""
    top = float(heat.flatten(1).max(1).values.median()) or 1.0
    pairs = [(picture, marked(picture, where)) for picture, where in zip(pictures, (heat / top).clamp(0, 1), strict=True)]
    return _gallery(pairs, rows, "In red where a picture is unlike expected; one scale for all.")


def card_of_maps(pairs: Sequence[tuple[Pixels, Pixels]], rows: Sequence[dict[str, Any]]) -> str:
    """A card of pictures at their own size, each (H, W, 3) without and with its marks, and the findings about each."""
    note = "Yellow where a place is half as unusual as a picture may be, red beyond that."
    return _gallery([tuple(torch.from_numpy(each).movedim(2, 0) / 255 for each in pair) for pair in pairs], rows, note, LARGE)


def on_maps(model: Model, chunk: Any, threshold: float) -> tuple[Pixels, Pixels]:
    """The one picture of a chunk, (H, W, 3), as it is and with the unusual places of its map marked."""
    module = find("kinds", model.kind)
    [found] = maps.maps(model, *results.samples(module, chunk, model.facts))
    [picture] = image.pictures(chunk)
    if found.shape != picture.size:  # seen at another size
        found = interpolate(found[None, None], size=picture.size, mode="nearest")[0, 0]
    return marks(picture, np.zeros(picture.size), threshold), marks(picture, found.numpy(), threshold)


def _gallery(pairs: Sequence[tuple[Tensor, ...]], rows: Sequence[dict[str, Any]], note: str, largest: int = SMALL) -> str:
    """Pictures (C, H, W) side by side, with name and score."""
    body = ""
    for pair, row in zip(pairs, rows, strict=True):
        images = "".join(f'<img alt="" src="{sheet(each[None], largest)}">' for each in pair)
        name = row.get("file") or f"row {row['row']}"
        told = f"<b>{escape(str(name))}</b> score {number(row['score'])}" + (", an anomaly" if row.get("anomaly") else "")
        body += f"<figure><div>{images}</div><figcaption>{told}</figcaption></figure>"
    return card("The most unusual pictures", f'<div class="gallery">{body}</div>' if body else "", note, wide=True)


def marked(picture: Tensor, heat: Tensor) -> Tensor:
    """A picture (C, H, W) as RGB (3, H, W) with the heat (H, W), in [0, 1], laid over it in red."""
    smooth = avg_pool2d(heat[None, None].float(), 3, stride=1, padding=1)[0, 0]
    ground = picture[:3].float() if picture.shape[0] >= 3 else picture[:1].float().expand(3, -1, -1)
    cover = STRONG * smooth.clamp(0, 1)
    return ground * (1 - cover) + torch.tensor(COLOUR)[:, None, None] * cover
