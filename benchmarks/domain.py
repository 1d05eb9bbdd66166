"""Picture codecs for one sort of pictures, fitted on some of them, beside the shipped codec, JPEG, WebP and AVIF on others."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hourglass import Autoencoder, photos
from hourglass.report import rates

RANGE = (27.0, 37.0)  # decibels
QUALITIES = (0, 15, 30, 45, 60, 75, 90, 100)
TESTED = 20


def main(data: Path | None, quick: bool) -> dict[str, list[dict[str, Any]]]:
    """Tables by title."""
    found = {} if data is None else {"faces": faces(data / "faces"), "magnetic tiles": tiles(data / "surfaces" / "good")}
    rows: list[dict[str, Any]] = []
    for name, (training, others) in found.items():
        if training:
            rows += judged(name, training, others[: 4 if quick else TESTED], 2 if quick else "auto")
    if not rows:
        return {"no faces and no tiles: give --data": []}
    over = f"{RANGE[0]:g} to {RANGE[1]:g} dB or as much of it as both reach"
    return {f"Bytes of the fitted codec's files against others at equal PSNR, {over}; real files, the model's own bytes not counted": rows}


def faces(folder: Path) -> tuple[list[Any], list[Any]]:
    """320 pictures of 32 people, and every fourth of 8 others'."""
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        return [], []
    with np.load(paths[0]) as archive:
        pictures = archive["x"]
    return list(pictures[:320]), list(pictures[320::4])


def tiles(folder: Path) -> tuple[list[Any], list[Any]]:
    """Four fifths, by a seeded shuffle, and others."""
    paths = sorted(folder.rglob("*.jpg"))
    random.Random(0).shuffle(paths)
    pictures = [np.asarray(Image.open(path).convert("L")) for path in paths]
    return pictures[: len(pictures) * 4 // 5], pictures[len(pictures) * 4 // 5 :]


def judged(name: str, training: Sequence[Any], others: Sequence[Any], epochs: Any) -> list[dict[str, Any]]:
    """A row for each codec that the fitted one is compared with."""
    begun = time.process_time()
    model = Autoencoder("compress", epochs=epochs, random_state=0).fit([Image.fromarray(each) for each in training])
    took = time.process_time() - begun
    own = photos.of_model(model.model_)
    assert own is not None
    pictures = [each[..., None] for each in others]
    avif = rates.by_pillow("AVIF", (8, 20, 35, 50, 65, 78, 88), speed=6)
    coders = {"shipped codec": rates.by_codec(photos.shipped(), QUALITIES), **rates.plain(), "AVIF": avif}
    mine = rates.curve(rates.by_codec(own, QUALITIES), pictures)
    rows = []
    for other, coder in coders.items():
        theirs = rates.curve(coder, pictures)
        common = rates.span([mine, theirs])
        assert common is not None
        low, high = max(RANGE[0], common[0]), min(RANGE[1], common[1])
        size = rates.saved(mine, theirs, low, high)
        row = {"pictures": name, "trained on": len(training), "judged on": len(others), "training, CPU s": took, "against": other}
        rows.append(row | {"bytes, %": -100 * size, "from dB": low, "to dB": high, "its bytes at 32 dB": rates.at(theirs, 32.0)})
    return rows
