"""What is learned from sounds: their rate, channels and loudness, and how long a window is."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from hourglass.errors import BadOption, did_you_mean
from hourglass.kinds._sound import Sound, depth
from hourglass.kinds._sound_parts import length_at, ratio
from hourglass.layers.hush import framed

__all__ = ["Tally", "duration"]

CHANNELS = {"mono": 1, "stereo": 2}
WHOLE_SECONDS, WHOLE_COUNT = 1.0, 16  # so many sounds that last at most so long (99 % of them) are each one sample
SHORTEST, LONGEST = 1024, 4096  # samples of a window of longer sounds
QUIET = 32  # spectra side by side, where the floor of noise is to be measured in a window: about a second
ROUND = 256  # windows of whole sounds of several lengths are a multiple of this
LEAST = 16
MANY = (1_000, 10_000)  # windows side by side: below the first, training begins one every quarter of a window, below the second every half


def duration(seconds: float) -> str:
    """A time in words.

    >>> duration(1320)
    '22 minutes'
    """
    for size, word in ((3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.{0 if seconds >= 10 * size else 1}f} {word}"
    return f"{seconds:.{0 if seconds >= 10 else 2}f} seconds"


@dataclass
class Tally:
    """What one pass over the sounds counts."""

    rates: Counter[int] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)
    sorts: Counter[tuple[str, str]] = field(default_factory=Counter)
    lengths: list[tuple[int, int]] = field(default_factory=list)  # frames and rate
    loud: dict[int, float] = field(default_factory=dict)  # the largest value of each recording
    names: dict[int, str] = field(default_factory=dict)
    squares: float = 0.0
    values: int = 0

    def add(self, sound: Sound) -> None:
        """Count a sound, or a piece of one."""
        samples = sound.own
        if sound.begin == 0:
            self.rates[sound.rate] += 1
            self.channels[sound.channels] += 1
            self.sorts[sound.format, sound.subtype] += 1
            self.lengths.append((sound.total, sound.rate))
            self.names[sound.recording] = sound.name or f"sound {sound.recording}"
        if samples.size:
            flat = samples.ravel()
            self.squares += float(np.dot(flat, flat)) if flat.dtype == np.float64 else float(np.square(flat, dtype=np.float64).sum())
            self.values += flat.size
            self.loud[sound.recording] = max(self.loud.get(sound.recording, 0.0), float(flat.max()), -float(flat.min()))

    @property
    def seconds(self) -> float:
        """How long they all last together."""
        return sum(frames / rate for frames, rate in self.lengths)

    def facts(self, rate: int | None, channels: str | None, window: float | None, axes: int, noise: bool) -> dict[str, Any]:
        """The facts of kind `audio`; `axes` are those of the array that the sounds come from, 0 for files."""
        chosen = int(rate or max(self.rates, key=lambda each: (self.rates[each], each)))
        if channels is not None and channels not in CHANNELS:
            raise BadOption(f"channels={channels!r}: {did_you_mean(str(channels), CHANNELS)}")
        width = CHANNELS[channels or ("mono" if self.channels[1] * 2 > len(self.lengths) else "stereo")]
        lengths = np.array([length_at(frames, *ratio(before, chosen)) for frames, before in self.lengths])
        size, whole = _chosen(lengths, chosen, noise) if window is None else (_asked(window, chosen), False)
        scale = math.sqrt(self.squares / max(1, self.values)) or 1.0
        form, subtype = self.sorts.most_common(1)[0][0]
        side_by_side = int(np.ceil(lengths / size).sum())
        return {
            "shape": [width, size],
            "fields": [["number", 0, width]],
            "resolution": torch.full((1, 1), 2.0 ** (1 - depth(subtype)) / scale),
            "cut": True,
            "rate": chosen,
            "channels": width,
            "window": size,
            "overlap": size // 8,
            "step": max(1, size // (4 if side_by_side < MANY[0] else 2 if side_by_side < MANY[1] else 1)),
            "whole": whole,
            "length": int(np.median(lengths)) if whole else size,
            "scale": scale,
            "format": form,
            "subtype": subtype,
            "rates": sorted(self.rates),
            "axes": axes,
            "label": None,
            "reading": self._reading(),
            "notes": self._notes(chosen),
        }

    def _reading(self) -> str:
        count, low, high = len(self.lengths), min(self.rates), max(self.rates)
        rates = f"{low:,} Hz" if low == high else f"{low:,} to {high:,} Hz"
        names = [{1: "mono", 2: "stereo"}.get(each, f"{each} channels") for each in sorted(self.channels)]
        return f"{count:,} sound{'s' * (count > 1)}, {rates}, {' and '.join(names)}, {duration(self.seconds)}"

    def _notes(self, chosen: int) -> list[str]:
        notes = []
        if others := {rate: count for rate, count in self.rates.items() if rate != chosen}:
            told = ", ".join(f"{count:,} of {rate:,} Hz" for rate, count in sorted(others.items()))
            notes.append(f"{sum(others.values()):,} of {len(self.lengths):,} sounds ({told}) are resampled to {chosen:,} Hz")
        silent = [self.names[number] for number, peak in self.loud.items() if peak == 0]
        if len(silent) == len(self.lengths):
            notes.append("all sounds are silent: there is nothing to learn")
        elif silent:
            named = ", ".join(silent[:10]) + (f" and {len(silent) - 10} more" if len(silent) > 10 else "")
            notes.append(f"{len(silent)} of {len(self.lengths):,} sounds {'is' if len(silent) == 1 else 'are'} silent: {named}")
        if max(self.channels) > 2:
            notes.append(f"sounds of {max(self.channels)} channels go through the network one channel, or two, at a time")
        return notes


def _asked(window: float, rate: int) -> int:
    """The window that the user asked for, in samples: up to 16 are seconds."""
    return max(LEAST, round(window * rate / LEAST) * LEAST if window <= 16 else round(window))


def _chosen(lengths: np.ndarray[Any, Any], rate: int, noise: bool) -> tuple[int, bool]:
    """The window (samples at the model's rate), and whether it holds whole sounds."""
    most = int(np.quantile(lengths, 0.99, method="higher"))
    if len(lengths) >= WHOLE_COUNT and most <= WHOLE_SECONDS * rate:
        size = most if len(set(lengths.tolist())) == 1 else -(-most // ROUND) * ROUND
        return max(LEAST, size), True
    power = 2 ** round(math.log2(rate / 10))
    size = QUIET * framed(rate) if noise else min(max(power, SHORTEST), LONGEST)
    return max(LEAST, min(size, -(-int(lengths.max()) // LEAST) * LEAST)), False
