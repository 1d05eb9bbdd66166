"""Video on the page: rows of frames, and original and reconstruction side by side as a moving picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from hourglass.report.cards import address, card
from hourglass.report.pictures import sheet

__all__ = ["card_of", "moving"]

FRAMES = 8  # shown of each clip
LARGEST = 120  # pixels along the longer side of a frame
SMALL = 250_000  # bytes: moving pictures larger than this are left out
SLOWEST = 12.0  # frames a second: clips of fewer than a second are shown slower, so that one sees something


def card_of(facts: dict[str, Any], originals: Tensor, reconstructions: Tensor, titles: Sequence[str], note: str) -> str:
    """A card of clips (n, C, T, H, W), nominally in [0, 1]."""
    body = "".join(_clip(x, back, facts, title) for x, back, title in zip(originals, reconstructions, titles, strict=True))
    return card("Originals beside reconstructions", body, note, wide=True)


def _clip(original: Tensor, back: Tensor, facts: dict[str, Any], title: str) -> str:
    """One clip (C, T, H, W): three rows of frames, and both moving."""
    back = back.nan_to_num(0.0).clamp(0, 1)
    difference = (original - back).abs()
    top = float(difference.max()) or 1.0
    some = np.linspace(0, original.shape[1] - 1, min(FRAMES, original.shape[1])).round().astype(int).tolist()
    rows = {"original": original, "reconstruction": back, f"difference (x {1 / top:.1f})": difference / top}
    strips = "".join(
        f'<span>{escape(name)}</span><img alt="{escape(name)}" src="{sheet(frames[:, some].transpose(0, 1), LARGEST)}">'
        for name, frames in rows.items()
    )
    film = moving(original, back, facts)
    beside = f'<figure class="film"><img alt="original and reconstruction, moving" src="{film}"><figcaption>moving</figcaption></figure>'
    told = f"{escape(title)}, {original.shape[1]} frames"
    return f'<h3>{told}</h3><div class="clip"><div class="strips">{strips}</div>{beside if film else ""}</div>'


def moving(original: Tensor, back: Tensor, facts: dict[str, Any]) -> str:
    """Original over reconstruction (C, T, H, W) as an animated WebP; "" where that would be large."""
    up, down = facts.get("rate") or (SLOWEST, 1)
    pictures = []
    for one, other in zip(original.unbind(1), back.unbind(1), strict=True):
        pair = np.concatenate([_pixels(one), np.full((2, one.shape[2], 3), 255, np.uint8), _pixels(other)])
        times = max(1, LARGEST // max(one.shape[1:]))
        pictures.append(Image.fromarray(pair).resize((pair.shape[1] * times, pair.shape[0] * times), Image.Resampling.NEAREST))
    file = io.BytesIO()
    wait = int(1000 / min(SLOWEST, max(1.0, float(up) / float(down))))
    pictures[0].save(file, "WEBP", save_all=True, append_images=pictures[1:], duration=wait, loop=0, quality=80)
    data = file.getvalue()
    return address(data, "image/webp") if len(data) <= SMALL and len(pictures) > 1 else ""


def _pixels(frame: Tensor) -> NDArray[np.uint8]:
    """A frame (C, H, W) in [0, 1] as (H, W, 3)."""
    colours = frame[:3] if frame.shape[0] >= 3 else frame[:1].expand(3, -1, -1)
    return np.asarray((colours.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())
