"""Sounds as windows that overlap, and back: where windows lie, how they are cut out, and how they are faded into one another again.

Windows of a recording lie `window - overlap` samples apart; the last one ends where the recording ends. Because their places follow from
the recording alone, a piece of a long one has the same windows as the whole has there, and pieces meet without seams.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Grid", "at_rate", "back", "cut", "grid", "length_at", "ratio", "starts", "streams", "weights"]

Facts = dict[str, Any]
TAPS = 10  # half the length of the filter for resampling, in samples of the lower rate; scipy's own choice


class Grid(NamedTuple):
    """How a sound lies among the windows of its recording, in samples at the model's rate.

    `length` of the recording, `begin` and `end` of the sound in it, `reach` around that is needed to bring it back to its own rate, and the
    numbers of the windows (`first`, `last`) that cover it all.
    """

    length: int
    begin: int
    end: int
    reach: tuple[int, int]
    first: int
    last: int

    @property
    def windows(self) -> int:
        """How many windows."""
        return self.last - self.first + 1


def ratio(before: int, after: int) -> tuple[int, int]:
    """A change of sampling rate as whole numbers: how often up, how often down."""
    common = math.gcd(before, after)
    return after // common, before // common


def length_at(frames: int, up: int, down: int) -> int:
    """How many samples so many become."""
    return -(-frames * up // down)


def hop(facts: Facts) -> int:
    """The distance between two windows."""
    return int(facts["window"]) - int(facts["overlap"])


def grid(entry: dict[str, Any], facts: Facts) -> Grid:
    """The place of a sound, of which `entry` tells (see `_sound.told`), among the windows."""
    window, step = int(facts["window"]), hop(facts)
    up, down = ratio(entry["rate"], facts["rate"])
    length = length_at(entry["total"], up, down)
    begin, end = length_at(entry["begin"], up, down), length_at(entry["end"], up, down)
    more = 0 if up == down else up * math.ceil((TAPS * max(1, up / down) + 1) / up)
    reach = max(0, begin - more), min(length, end + more)
    last = max(0, -(-(length - window) // step))
    return Grid(length, begin, end, reach, min(last, max(0, (reach[0] - window) // step + 1)), min(last, (reach[1] - 1) // step))


def at_rate(samples: NDArray[Any], up: int, down: int) -> NDArray[Any]:
    """Samples (n, channels) at another rate."""
    if up == down or not len(samples):
        return samples
    from scipy.signal import resample_poly

    made: NDArray[Any] = resample_poly(samples, up, down, axis=0, window=_filter(up, down).astype(samples.dtype))
    return made


@lru_cache(maxsize=16)
def _filter(up: int, down: int) -> NDArray[np.float64]:
    """The filter of `scipy.signal.resample_poly`, made once."""
    from scipy.signal import firwin

    most = max(up, down)
    made: NDArray[np.float64] = firwin(2 * TAPS * most + 1, 1 / most, window=("kaiser", 5.0))
    return made


def streams(samples: NDArray[Any], channels: int) -> Tensor:
    """Samples (n, K) as streams (S, channels, n): of a model of one channel each channel by itself, else by twos; an odd one is doubled."""
    missing = -samples.shape[1] % channels
    rows = np.concatenate([samples.T, *([samples.T[-1:]] * missing)])
    made: Tensor = torch.from_numpy(rows).unflatten(0, (-1, channels))
    return made


def _one(rows: Tensor, channels: int) -> Tensor:
    """Undo `streams`: (S, C, n) to (n, channels); of a doubled channel the mean."""
    flat = rows.flatten(0, 1)
    if len(flat) > channels:
        flat = torch.cat([flat[: channels - 1], flat[channels - 1 :].mean(0, keepdim=True)])
    return flat.T


def starts(place: Grid, facts: Facts) -> Tensor:
    """Where the windows of a sound begin in its recording: the last one of a recording so that it ends with it."""
    begins = torch.arange(place.first, place.last + 1) * hop(facts)
    return begins.clamp_max(max(0, place.length - int(facts["window"])))


def cut(rows: Tensor, begins: Tensor, loaded: int, width: int) -> tuple[Tensor, Tensor]:
    """Windows (S, n, C, width) of streams (S, C, length) that begin at `begins` (n,), and which of their samples (n, width) are real.

    `loaded` is where the streams begin themselves.
    """
    places = begins[:, None] + (torch.arange(width) - loaded)
    real = (places >= 0) & (places < rows.shape[-1])
    windows = rows[:, :, places.clamp(0, rows.shape[-1] - 1)]  # (S, C, n, width)
    return (windows if bool(real.all()) else windows * real).transpose(1, 2), real


def back(windows: Tensor, place: Grid, entry: dict[str, Any], facts: Facts) -> NDArray[Any]:
    """Undo `cut` for one sound: windows (S, n, C, width) to its own samples (frames, channels) at its own rate."""
    joined = _faded(windows.transpose(1, 2), place, facts)  # (S, C, length)
    low, high = place.reach
    begin = place.first * hop(facts)
    rows = _one(joined[..., low - begin : high - begin], entry["channels"])
    up, down = ratio(entry["rate"], facts["rate"])
    samples = at_rate(rows.numpy(), down, up)
    first = entry["begin"] - low * down // up
    return samples[first : first + entry["end"] - entry["begin"]]


def _faded(windows: Tensor, place: Grid, facts: Facts) -> Tensor:
    """Windows (S, C, n, width) as one stream (S, C, length) from the first one's begin on; where two overlap, one fades into the other."""
    step, overlap = hop(facts), int(facts["overlap"])
    late = place.last * step - max(0, place.length - int(facts["window"]))  # so much the last window begins before its turn
    if late > 0:
        windows = windows.clone()
        windows[:, :, -1] = torch.nn.functional.pad(windows[:, :, -1, late:], (0, late))
    tails, heads = windows[..., :-1, step:], windows[..., 1:, :overlap]
    rise = torch.sin(torch.linspace(0, math.pi / 2, overlap + 2, dtype=windows.dtype)[1:-1]).square()
    body = windows[..., :step].clone()  # (S, C, n, step)
    body[..., 1:, :overlap] = tails + rise * (heads - tails)
    return torch.cat([body.flatten(2), windows[..., -1, step:]], dim=-1)


def weights(place: Grid, facts: Facts) -> Tensor:
    """How much of each window (n,) is the sound's own, in samples."""
    begins = torch.arange(place.first, place.last + 1) * hop(facts)
    own = (begins + int(facts["window"])).clamp_max(place.end) - begins.clamp_min(place.begin)
    return own.clamp_min(0).double()
