"""The page that ties the demo together: what was found, in words and pictures, with a link to each model's report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder

__all__ = ["Chapter", "index", "keep", "sheet"]

LOOK = """
main > section { margin-top: 16px; } section p { margin: 6px 0; max-width: 75ch; } header p { color: var(--soft); margin-top: 6px; }
figure { margin: 16px 0 10px; } figure img { display: block; max-width: 100%; border-radius: 6px; }
figcaption { color: var(--soft); font-size: 13px; margin-top: 6px; }
.pixels { image-rendering: pixelated; background: #fff; padding: 6px; } .photo { width: 100%; max-width: 1000px; } a { color: var(--c0); }
"""


@dataclass
class Chapter:
    """One model's story: `told` in sentences, `figures` as HTML, `report` the name of its page, `found` the numbers for machines."""

    title: str
    report: str
    told: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)

    def picture(self, name: str, words: str, pixels: bool = False) -> None:
        """Show a picture of the folder."""
        look = "pixels" if pixels else "photo"
        self.figures.append(
            f'<figure><img class="{look}" src="{name}" alt="{escape(words)}"><figcaption>{escape(words)}</figcaption></figure>'
        )


def keep(model: Autoencoder, folder: Path, chapter: Chapter) -> None:
    """Save the model, and its report page beside it."""
    report = model.report(to=folder / chapter.report)
    model.save((folder / chapter.report).with_suffix(".hourglass"))
    doubts = [verdict for verdict in report.verdicts if verdict.level != "good"]
    chapter.found["verdicts"] = [verdict._asdict() for verdict in report.verdicts]
    objections = "; ".join(dict.fromkeys(verdict.name for verdict in doubts)) or "nothing"
    chapter.told.append(f"What its report objects to: {objections}.")


def sheet(rows: Sequence[Any], path: Path, zoom: int = 6, gap: int = 2) -> None:
    """Rows of small grey pictures (n, H, W) uint8 as one picture, enlarged without blur."""
    import numpy as np
    from PIL import Image

    count, height, width = max(map(len, rows)), rows[0].shape[1], rows[0].shape[2]
    whole = np.full((len(rows) * (height + gap) - gap, count * (width + gap) - gap), 255, np.uint8)
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            top, left = down * (height + gap), across * (width + gap)
            whole[top : top + height, left : left + width] = picture
    Image.fromarray(whole.repeat(zoom, 0).repeat(zoom, 1)).save(path)


def index(chapters: Sequence[Chapter]) -> str:
    """The page in HTML; pictures and reports are files beside it."""
    from hourglass.report.style import STYLE

    sections = "".join(_section(chapter) for chapter in chapters)
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    intro = "<p>Three autoencoders, trained just now on data that come with the program. Nobody told them what is normal.</p>"
    body = f"<header><h1>What hourglass found</h1>{intro}</header>{sections}"
    title = "<title>hourglass demo</title>"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{title}{head}<style>{STYLE}{LOOK}</style></head><body><main>{body}</main></body></html>\n'
    )


def _section(chapter: Chapter) -> str:
    words = "".join(f"<p>{escape(sentence)}</p>" for sentence in chapter.told)
    link = f'<p><a href="{chapter.report}">The report on this model</a>: did it learn something, and what to change?</p>'
    return f'<section class="wide"><h2>{escape(chapter.title)}</h2>{words}{"".join(chapter.figures)}{link}</section>'
