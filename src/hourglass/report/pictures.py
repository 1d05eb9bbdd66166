"""Pictures inside the page: PNG as text, with nothing beside it on the disk."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from hourglass.report.cards import card, png

__all__ = ["card_of", "sheet", "strips"]

LARGEST = 160  # pixels along the longer side of a picture on the page
GAP, COUNT = 2, 10
CHANNELS = (1, 2, 3, 4)  # grey, grey with alpha, RGB, RGBA


def card_of(originals: Tensor, reconstructions: Tensor, note: str, *, cleaned: bool = False) -> str:
    """A card of pictures (B, C, H, W) in [0, 1] and how they came back; noisy ones that were `cleaned`, with what was removed."""
    rows = strips(originals, reconstructions) if len(originals) else {}
    if cleaned and rows:
        removed = originals[:COUNT].float() - reconstructions[:COUNT].float()
        times = 1 / max(8 * float(removed.std()), 1 / 64)
        rows = {"noisy": rows["original"], "cleaned": rows["reconstruction"], f"removed (x {times:.1f})": sheet(0.5 + times * removed)}
    title = "Before and after" if cleaned else "Originals beside reconstructions"
    body = "".join(f'<span>{escape(name)}</span><img alt="{escape(name)}" src="{data}">' for name, data in rows.items())
    return card(title, body and f'<div class="strips">{body}</div>', note, wide=True)


def strips(originals: Tensor, reconstructions: Tensor, count: int = COUNT) -> dict[str, str]:
    """Rows of pictures by name, as `data:` addresses: originals, what came back, and how they differ (brightened).

    Both are (B, C, H, W), nominally in [0, 1]. Large pictures are shown smaller.
    """
    first, second = originals[:count].float().cpu(), reconstructions[:count].float().cpu()
    difference = (first - second).abs()[:, : 3 if first.shape[1] >= 3 else 1]  # without transparency, which would hide it
    top = float(difference.nan_to_num(0.0).max()) or 1.0
    return {"original": sheet(first), "reconstruction": sheet(second), f"difference (x {1 / top:.1f})": sheet(difference / top)}


def sheet(pictures: Tensor, largest: int = LARGEST) -> str:
    """One PNG of several pictures (B, C, H, W) side by side, as a `data:` address. Values beyond [0, 1] are cut, NaN is black."""
    values = pictures.float().nan_to_num(0.0, 1.0, 0.0).clamp(0, 1).permute(0, 2, 3, 1).numpy()  # (B, H, W, C)
    values = values if values.shape[3] in CHANNELS else values[..., :1]
    tiles = [_small(np.rint(value * 255).astype(np.uint8), largest) for value in values]
    height, width = max(tile.height for tile in tiles), sum(tile.width + GAP for tile in tiles) - GAP
    whole = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    left = 0
    for tile in tiles:
        whole.paste(tile.convert("RGBA"), (left, 0))
        left += tile.width + GAP
    return png(whole)


def _small(value: Any, largest: int) -> Image.Image:
    """A picture of at most `largest` pixels a side; small ones grow by whole numbers, so that pixels stay sharp."""
    picture = Image.fromarray(value[..., 0] if value.shape[2] == 1 else value)
    longer = max(picture.size)
    if longer > largest:
        picture.thumbnail((largest, largest))
        return picture
    times = max(1, 96 // longer)
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
