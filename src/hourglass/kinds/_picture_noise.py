"""Some of the pictures that are read, to measure their noise on."""

from __future__ import annotations

import warnings
from typing import Any

from numpy.typing import NDArray

from hourglass.kinds._picture_facts import to_values
from hourglass.layers.noise import measured

__all__ = ["Some"]

MOST, SIDE = 24, 768  # pictures, spread over all pieces, and pixels a side of each


class Some:
    """Up to 24 pictures, from as many pieces as there are."""

    def __init__(self, pieces: int) -> None:
        self.each, self.kept = max(1, MOST // pieces), 0
        self.pixels: list[NDArray[Any]] = []
        self.index, self.least = -1, 1 << 30

    def add(self, pixels: NDArray[Any], index: int) -> None:
        """Keep some of the pictures (n, H, W, C) of piece `index`, of large ones the middle."""
        self.least = min(self.least, *pixels.shape[1:3])
        self.kept = 0 if index != self.index else self.kept
        self.index = index
        room = min(self.each - self.kept, MOST - len(self.pixels))
        top, left = (max(0, side - SIDE) // 2 for side in pixels.shape[1:3])
        for picture in pixels[: max(0, room)]:
            self.pixels.append(picture[None, top : top + SIDE, left : left + SIDE].copy())
            self.kept += 1

    def told(self, facts: dict[str, Any], count: int, *, file: bool) -> dict[str, Any]:
        """The facts, and with them the noise, the shortest side of all pictures, and what to say of them."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = measured([to_values(picture, facts, file=file)[0].float() for picture in self.pixels])
        if found is None:
            return facts
        said = f"{count:,} pictures with {found.words(*facts['range'])}"
        return {**facts, "noise": found.told(), "least": self.least, "reading": said}
