"""Unusual pictures on the page, each beside itself with the places marked that were not as expected."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from hourglass.report.cards import card
from hourglass.report.pictures import sheet
from hourglass.report.words import number

__all__ = ["card_of", "marked"]

STRONG = 0.75  # how much of the colour covers the place that is furthest off
COLOUR = (0.85, 0.1, 0.1)


def card_of(pictures: Tensor, heat: Tensor, rows: Sequence[dict[str, Any]]) -> str:
    """A card of pictures (B, C, H, W) in [0, 1] with their heat (B, H, W), and the findings about each."""
    top = float(heat.flatten(1).max(1).values.median()) or 1.0
    body = ""
    for picture, where, row in zip(pictures, (heat / top).clamp(0, 1), rows, strict=True):
        images = "".join(f'<img alt="" src="{sheet(each[None])}">' for each in (picture, marked(picture, where)))
        name = row.get("file") or f"row {row['row']}"
        told = f"<b>{escape(str(name))}</b> score {number(row['score'])}"
        body += f"<figure><div>{images}</div><figcaption>{told}</figcaption></figure>"
    note = "In red where a picture is unlike expected; one scale for all."
    return card("The most unusual pictures", f'<div class="gallery">{body}</div>' if body else "", note, wide=True)


def marked(picture: Tensor, heat: Tensor) -> Tensor:
    """A picture (C, H, W) as RGB (3, H, W) with the heat (H, W), in [0, 1], laid over it in red."""
    smooth = avg_pool2d(heat[None, None].float(), 3, stride=1, padding=1)[0, 0]
    ground = picture[:3].float() if picture.shape[0] >= 3 else picture[:1].float().expand(3, -1, -1)
    cover = STRONG * smooth.clamp(0, 1)
    return ground * (1 - cover) + torch.tensor(COLOUR)[:, None, None] * cover
