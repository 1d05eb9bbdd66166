"""Defects by masks: which way finds them better is said, and a speck is found without a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hourglass.kinds._picture import Picture
from hourglass.report import specks
from hourglass.report.masked import JUDGES, Masked, card_of


def measured(own: float | None, other: float | None) -> dict:
    ways = {name: {"image_auroc": area, "pixel_auroc": 0.9} for name, area in (("model", own), ("differences", other))}
    return {"masks": {"pictures": 30, "defects": 12, "ways": ways}}


def test_the_better_way_is_named() -> None:
    (judge,) = JUDGES
    assert judge({}) is None
    assert judge(measured(0.95, 0.9)).level == "good"
    assert judge(measured(0.9, 0.92))[:2] == ("loses to differences", "warn")
    assert judge(measured(0.8, 0.92)).level == "bad"
    assert "12 of 30 pictures have defects" in judge(measured(0.95, 0.9)).sentence
    assert judge(measured(None, None)).level == "note"
    assert "differences of Gaussians" in card_of(measured(0.95, 0.9))
    assert card_of({}) == ""


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_speck_stands_out(dtype: str) -> None:
    pixels = np.random.default_rng(0).normal(0.5, 0.02, (60, 70, 1))
    top = np.iinfo(dtype).max if dtype != "float32" else 1
    good = Picture((pixels * top).astype(dtype))
    pixels[30:34, 40:44] = 0.1
    found = specks.mapped(Picture((pixels * top).astype(dtype)))
    assert np.unravel_index(found.argmax(), found.shape) == pytest.approx((31.5, 41.5), abs=3)
    assert specks.score(Picture((pixels * top).astype(dtype))) > 2 * specks.score(good)


def test_maps_that_say_nothing_are_at_chance(tmp_path: Path) -> None:
    """A model that calls every place alike has an area of a half, whatever the pictures hold."""
    paths = {}
    for number in range(6):
        pixels, mask = np.full((60, 60, 1), 128, np.uint8), np.zeros((60, 60), np.uint8)
        mask[20:26, 20:26] = 255 * (number < 3)
        pixels[mask > 0] = 20
        paths[f"{number}.png"] = tmp_path / f"{number}.png"
        Image.fromarray(mask).save(tmp_path / f"{number}_mask.png")
    masked = Masked(paths, "_mask.png")
    for number, name in enumerate(paths):
        pixels = np.full((60, 60, 1), 128, np.uint8)
        pixels[20:26, 20:26] = 20 if number < 3 else 128
        masked(Picture(pixels, name), np.ones((60, 60), np.float32))
    figures = masked.figures()
    assert (figures["pictures"], figures["defects"]) == (6, 3)
    assert figures["ways"]["model"] == {"image_auroc": 0.5, "pixel_auroc": 0.5}
    assert figures["ways"]["differences"]["image_auroc"] == 1
    assert figures["ways"]["differences"]["pixel_auroc"] > 0.95
