"""The cards that a page is made of."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["address", "card", "png"]


def card(title: str, body: str, note: str = "", wide: bool = False) -> str:
    """A card of HTML; nothing where there is no body."""
    if not body:
        return ""
    remark = f'<p class="note">{note}</p>' if note else ""
    return f'<section class="{"wide" if wide else "half"}"><h2>{title}</h2>{remark}{body}</section>'


def address(data: bytes, sort: str) -> str:
    """Bytes as a `data:` address, so that the page needs no file beside it."""
    return f"data:{sort};base64," + base64.b64encode(data).decode()


def png(pixels: NDArray[np.uint8] | Image.Image, **options: Any) -> str:
    """A picture, (H, W) or (H, W, 3) or of Pillow, as the `data:` address of a PNG."""
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True, **options)
    return address(file.getvalue(), "image/png")
