"""Windows over a grid of time: cut, put together again without seams, and how long they should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from hourglass.kinds._moments import Array

__all__ = ["added", "averaged", "dense", "gathered", "suited", "windows"]

SHORTEST, LONGEST, USUAL = 16, 128, 64
CLEAR = 0.3  # autocorrelation at the period from which it is taken


def windows(lengths: Array, width: int) -> tuple[Array, Array, Array]:
    """Windows for use: where each begins (P,), where its segment ends (P,), and its segment (P,).

    They overlap by half; the last one ends with its segment; a segment shorter than `width` has one.
    """
    hop = max(1, width // 2)
    counts = np.where(lengths <= width, 1, -(-(lengths - width) // hop) + 1)
    segment = np.repeat(np.arange(len(lengths)), counts)
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    ends = np.cumsum(lengths)
    first = np.minimum(step * hop, np.maximum(lengths[segment] - width, 0))
    return (ends - lengths)[segment] + first, ends[segment], segment


def dense(lengths: Array, width: int, hop: int, generator: Any) -> tuple[Array, Array, Array]:
    """Windows to learn from, `hop` steps apart from a random step on; as `windows` gives them."""
    spare = np.maximum(lengths - width, 0)
    offset = generator.integers(0, hop, len(lengths)) if hop > 1 else np.zeros(len(lengths), dtype=np.int64)
    counts = np.maximum((spare - offset) // hop + 1, 1)
    segment = np.repeat(np.arange(len(lengths)), counts)
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    ends = np.cumsum(lengths)
    first = np.minimum(step * hop + offset[segment], spare[segment])
    return (ends - lengths)[segment] + first, ends[segment], segment


def gathered(x: Tensor, real: Tensor | None, begins: Array, ends: Array, width: int) -> tuple[Tensor, Tensor | None]:
    """Windows (P, C, width) of a grid (steps, C) and their mask (None: all real); what lies beyond a segment is 0 and not real."""
    places = begins[:, None] + np.arange(width)
    inside = torch.from_numpy(places < ends[:, None])
    index = torch.from_numpy(np.minimum(places, max(len(x) - 1, 0)))
    cut = x.T[:, index].transpose(0, 1).contiguous()
    if real is None and bool(inside.all()):
        return cut, None
    mask = inside[:, None].expand(cut.shape)
    mask = mask.contiguous() if real is None else real.T[:, index].transpose(0, 1) & mask
    return cut.masked_fill_(~mask, 0.0), mask


def added(values: Tensor, lengths: Array, width: int) -> Tensor:
    """Undo `gathered` for the windows of `windows`: (P, C, width) to (steps, C), overlaps faded into each other; NaN counts for nothing."""
    begins, ends, _ = windows(lengths, width)
    places = begins[:, None] + np.arange(width)
    inside = torch.from_numpy(places < ends[:, None])
    index = torch.from_numpy(places)[inside]
    fade = torch.sin(torch.pi * (torch.arange(width, dtype=values.dtype) + 0.5) / width).square()
    found = values.transpose(1, 2)[inside]  # (K, C)
    weight = fade.expand(inside.shape)[inside][:, None] * ~found.isnan()
    out, whole = (torch.zeros(int(lengths.sum()), values.shape[1], dtype=values.dtype) for _ in range(2))
    out.index_add_(0, index, found.nan_to_num(0.0) * weight)
    whole.index_add_(0, index, weight)
    return out / whole


def averaged(values: Array, lengths: Array, width: int) -> Array:
    """One value a window (P,), or one for each of its steps (P, width), to one a step: the mean of the windows over it."""
    begins, ends, _ = windows(lengths, width)
    places = begins[:, None] + np.arange(width)
    inside = places < ends[:, None]
    every = np.broadcast_to(values.reshape(len(values), -1), places.shape)[inside]
    total = int(lengths.sum())
    counted = np.bincount(places[inside], minlength=total)
    mean: Array = np.bincount(places[inside], weights=every, minlength=total) / np.maximum(counted, 1)
    return mean


def suited(stretches: list[Array], rows: int, longest: int, least: int = SHORTEST) -> int:
    """How long windows should be: a clear period or the next power of two, else 64; within a tenth of `rows` and the `longest` one.

    `least` steps, where they are within an eighth of `rows`.
    """
    period = _period(stretches)
    width = USUAL if period is None else int(2 ** np.ceil(np.log2(period)))
    width = min(max(width, SHORTEST, least), max(LONGEST, least))
    most = max(4, min(max(rows // 10, min(least, rows // 8)), longest))
    return min(width, int(2 ** np.floor(np.log2(most))))


def _period(stretches: list[Array]) -> int | None:
    """The lag of the first high peak of the autocorrelation, averaged over sensors; None where there is none up to 128."""
    found = [correlation for part in stretches if len(part) >= 4 * SHORTEST for correlation in _correlations(part)]
    if not found:
        return None
    size = min(map(len, found))
    mean = np.mean([each[:size] for each in found], axis=0)
    below = np.flatnonzero(mean < CLEAR / 2)
    if not len(below):
        return None
    peaks = np.flatnonzero((mean[1:-1] > mean[:-2]) & (mean[1:-1] >= mean[2:])) + 1
    high = [int(peak) for peak in peaks if peak > below[0] and mean[peak] >= CLEAR]
    best = max((mean[peak] for peak in high), default=0.0)
    return next((peak for peak in high if mean[peak] >= 0.9 * best), None)


def _correlations(part: Array) -> list[Array]:
    """The autocorrelation of each sensor of (n, C) up to lag 128 or a quarter of n; holes are filled in along straight lines."""
    rows = len(part)
    found = []
    for values in part.T:
        real = np.flatnonzero(~np.isnan(values))
        if len(real) < rows / 2 or np.ptp(values[real]) == 0:
            continue
        filled = np.interp(np.arange(rows), real, values[real]).astype(np.float64)
        filled = (filled - filled.mean()) / (filled.std() or 1.0)
        power = np.abs(np.fft.rfft(filled, 2 * rows)) ** 2
        lags = min(LONGEST + 2, rows // 4)
        found.append(np.fft.irfft(power)[:lags] / np.arange(rows, rows - lags, -1))
    return found
