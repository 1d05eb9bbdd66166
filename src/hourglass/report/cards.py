"""The cards that a page is made of."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hourglass.report.style import STYLE

__all__ = ["HOURGLASS", "address", "card", "document", "png"]

HOURGLASS = (
    '<svg viewBox="0 0 15 20" aria-hidden="true"><path d="M1 1h13v2.5L9 10l5 6.5V19H1v-2.5L6 10 1 3.5z" '
    'fill="none" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round"/></svg>'
)


def document(title: str, header: str, sections: Sequence[str], footer: str) -> str:
    """A whole page: everything inside, nothing fetched, no script."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>'
    body = f'{header}<div class="grid-of-cards">{"".join(sections)}</div><footer>{footer}</footer>'
    named = f"<title>{escape(title)}</title>{head}"
    return f'<!DOCTYPE html>\n<html lang="en"><head>{named}</head><body><main>{body}</main></body></html>\n'


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
