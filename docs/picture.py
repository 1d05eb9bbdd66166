"""Remake docs/pictures/digits.png, the picture of the README: what two autoencoders learned of scikit-learn's handwritten digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits

from hourglass import Autoencoder

TARGET = Path(__file__).parent / "pictures" / "digits.png"
WIDTH, HEIGHT, MAP, TOP, CELL = 1260, 560, 520, 40, 64
COLOURS = ("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#c9a700", "#b07aa1", "#d4718a", "#9c755f", "#6d6a68")


def code_map(draw: ImageDraw.ImageDraw, codes: Any, labels: Any) -> None:
    """Every digit at the place of its code of two numbers, drawn as a figure in the colour of its label."""
    ranks = codes.argsort(0).argsort(0) / (len(codes) - 1)
    middle = (codes - codes.min(0)) / np.ptp(codes, 0)
    places = 12 + (0.6 * ranks + 0.4 * middle) * (MAP - 34)
    font = ImageFont.load_default(13)
    for (x, y), label in zip(places, labels, strict=True):
        draw.text((x, TOP + y), str(label), fill=COLOURS[label], font=font)


def strip(page: Image.Image, pictures: Any, left: int, top: int) -> None:
    """Pictures (n, 8, 8) from 0 to 16, dark on light, side by side."""
    for number, picture in enumerate(pictures):
        grey = (255 * (1 - np.clip(picture / 16, 0, 1))).astype("uint8")
        page.paste(Image.fromarray(grey).resize((CELL - 4, CELL - 4), Image.Resampling.BICUBIC), (left + CELL * number, top))


def main() -> None:
    """Train, draw, save."""
    pixels, labels = load_digits(return_X_y=True)
    pictures = pixels.reshape(-1, 8, 8)
    flat = Autoencoder(kind="image", code_size=2, random_state=0).fit(pictures)
    whole = Autoencoder(kind="image", code_size=16, random_state=0).fit(pictures)
    chosen = [int(np.flatnonzero(labels == digit)[7]) for digit in range(10)]
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(18)
    code_map(draw, flat.transform(pictures), labels)
    left = MAP + 60
    draw.text((12, 8), "64 pixels as 2 numbers: a map of the codes", fill="#333", font=font)
    rows = {
        "Digits": pictures[chosen],
        "The same, rebuilt from 16 numbers each": whole.reconstruct(pictures[chosen]),
        "Digits that nobody wrote: new codes, decoded": whole.sample(20),
    }
    for (title, shown), top in zip(rows.items(), (24, 192, 360), strict=True):
        draw.text((left, top), title, fill="#333", font=font)
        for row in range(0, len(shown), 10):
            strip(page, shown[row : row + 10], left, top + 36 + CELL * row // 10)
    TARGET.parent.mkdir(exist_ok=True)
    page.quantize(128).save(TARGET, optimize=True)
    print(TARGET, f"{TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
