"""Sound without its noise by a gate: the floor of the noise from a whole recording, then the gate over it, a stretch at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from hourglass.layers.hush import OVERLAP, SHARES, TINY, Floors, bins, framed, heard, law, spectra, waves
from hourglass.model import Model
from hourglass.networks.gate import FOLD

__all__ = ["Quiet", "hushed"]

BLOCK, AROUND = 1024, 48  # frames that go through the gate at once, and those around them that it looks at too
LOWEST, HIGHEST, FINE = math.log(TINY), 25.0, 0.05  # nats: what is counted, and how finely


class Quiet:
    """What is heard at each pitch of a recording, counted: a few megabytes, however long it is."""

    def __init__(self, channels: int, rate: float) -> None:
        self.frame = framed(rate)
        self.places = int((HIGHEST - LOWEST) / FINE) + 1
        self.counts = torch.zeros(channels * bins(self.frame), self.places, dtype=torch.int64)

    def take(self, x: Tensor) -> None:
        """Count samples (C, n), a stretch of it; frames that are silent altogether, and those at its ends, are none."""
        for part in x.split(BLOCK * self.frame // OVERLAP, dim=1):
            power = heard(spectra(part, self.frame))  # (C, bins, frames)
            power = power[..., 2:-2] if power.shape[-1] > 8 else power
            there = power[:, :, (power > LOWEST + 1e-3).any(1).any(0)].flatten(0, 1)
            place = ((there - LOWEST) / FINE).long().clamp(0, self.places - 1)
            self.counts.scatter_add_(1, place, torch.ones_like(place))

    def floors(self) -> Floors:
        """The floors (C, bins) of what was counted."""
        below = self.counts.cumsum(1)
        found = []
        for share in SHARES:
            wanted = (share * (below[:, -1:] - 1).clamp_min(0)).long() + 1
            place = torch.searchsorted(below, wanted)[:, 0].clamp_max(self.places - 1)
            found.append((LOWEST + FINE * (place + 0.5) - law(share)).float().unflatten(0, (-1, bins(self.frame))))
        return Floors(*found)


def hushed(model: Model, x: Tensor, quiet: Floors, rate: float, place: tuple[int, int, int]) -> Iterator[Tensor]:
    """Samples (C, n) of a stretch of a recording through the gate, in parts that follow one another.

    `place`: at which sample of the recording x begins, and of which samples the result is (begin, end); x may hold more on both sides.
    """
    loaded, begin, end = place
    frame = framed(rate)
    grid = FOLD * frame // OVERLAP
    first, around = -(-loaded // grid) * grid, AROUND * frame // OVERLAP
    for start in range(begin, end, BLOCK * frame // OVERLAP):
        stop = min(end, start + BLOCK * frame // OVERLAP)
        left = max(first, (start - around) // grid * grid)
        left = loaded if left > start else left  # a stretch that begins in the middle of nowhere
        seen = x[:, left - loaded : stop + around - loaded]
        yield _let_through(model, seen, quiet, frame)[:, start - left : stop - left]


def _let_through(model: Model, x: Tensor, quiet: Floors, frame: int) -> Tensor:
    """Sounds (C, n) through the gate, each channel by itself."""
    with torch.inference_mode():
        spectrum = spectra(x, frame)
        alone = [_shares(model, heard(part), Floors(*(each[[row]] for each in quiet))) for row, part in enumerate(spectrum.split(1))]
        shares = torch.cat(alone)[:, : spectrum.shape[1], : spectrum.shape[2]]
        return waves(spectrum * shares, frame, x.shape[1])


def _shares(model: Model, power: Tensor, quiet: Floors) -> Tensor:
    """What the gate lets through of one channel (1, bins, frames)."""
    h, features = model.encoder.heard(power, quiet, 1)  # type: ignore[operator]
    shares: Tensor = model.decoder.shares(model.bottleneck(h).z, features)  # type: ignore[operator]
    return shares[:, 0]
