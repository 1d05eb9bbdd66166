"""Spectrograms: how strong each pitch is at each time, as small pictures; pitches lie an equal number to the octave, as one hears them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hourglass.report.cards import png

__all__ = ["loudness", "picture"]

Array = NDArray[np.float64]
ROWS, COLUMNS = 96, 320  # of a picture
SHOWN = 72.0  # decibels below the loudest that are told apart
LOWEST = 60.0  # Hz
# Dark to light through violet, red and yellow, evenly in lightness: readable in grey and by the colour-blind.
COLOURS = np.array(
    [[8, 7, 28], [44, 17, 84], [96, 26, 110], [149, 42, 106], [201, 67, 83], [238, 110, 52], [251, 170, 40], [250, 236, 150]], dtype=float
)


def loudness(samples: Array, rate: float) -> Array:
    """Decibels (ROWS, COLUMNS) of a sound (N,), low pitches in the last row."""
    window = 1 << max(5, min(11, int(rate * 0.032).bit_length() - 1, max(len(samples), 32).bit_length() - 1))
    padded = np.pad(samples, window // 2)
    begins = np.linspace(0, max(0, len(padded) - window), COLUMNS).astype(int)
    frames = padded[begins[:, None] + np.arange(window)] * np.hanning(window)
    power = np.abs(np.fft.rfft(frames, axis=1)).T ** 2 / np.hanning(window).sum() ** 2  # (frequencies, COLUMNS)
    return np.asarray(10 * np.log10(_pitches(power, rate, window) + 1e-12))


def _pitches(power: Array, rate: float, window: int) -> Array:
    """Rows of frequencies at equal steps to rows of pitches at equal ratios, high ones first."""
    low = max(LOWEST, rate / window)
    edges = np.geomspace(low, max(rate / 2, 2 * low), ROWS + 1) * window / rate  # in rows of `power`
    total = np.concatenate([np.zeros((1, power.shape[1])), power.cumsum(0)])

    def below(edge: Array) -> Array:
        """All power below a row that need not be whole."""
        at = np.clip(edge + 0.5, 0, len(power) - 1e-6)
        whole = at.astype(int)
        return np.asarray(total[whole] + (at - whole)[:, None] * power[whole])

    bands = (below(edges[1:]) - below(edges[:-1])) / np.maximum(edges[1:] - edges[:-1], 1e-9)[:, None]
    return np.asarray(bands[::-1])


def picture(decibels: Array, loudest: float) -> str:
    """Decibels as a PNG; `loudest` is the lightest colour, 72 dB below it the darkest."""
    level = np.clip((decibels - loudest) / SHOWN + 1, 0, 1)
    at = np.linspace(0, len(COLOURS) - 1, 64)
    palette = np.stack([np.interp(at, np.arange(len(COLOURS)), channel) for channel in COLOURS.T], 1)
    indexed = Image.frombytes("P", level.shape[::-1], np.rint(level * 63).astype(np.uint8).tobytes())
    indexed.putpalette(np.rint(palette).astype(np.uint8).tobytes())
    return png(indexed)  # 64 colours: a quarter the size of full colour
