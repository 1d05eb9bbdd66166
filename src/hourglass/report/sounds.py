"""Sounds on the page: waveform, spectrogram and a player for original, reconstruction and difference."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourglass.report import spectra
from hourglass.report.cards import address, card

__all__ = ["card_of", "stretches", "wav"]

Array = NDArray[np.float64]
BYTES = 1_000_000  # of all sounds together, before they are written as text
LONGEST, MOST = 5.0, 16_000  # seconds of one; samples a second that are played at least
PEAK, FADE = 0.5, 0.005  # of full scale; seconds
GAIN = 20.0  # at most: silence stays silent
WIDTH, HEIGHT = 320, 64  # of a waveform
SAME = 32  # samples that two windows must share to be taken for neighbours
NAMES = ("original", "reconstruction", "difference")


def card_of(facts: dict[str, Any], pairs: Sequence[tuple[Array, Array]], titles: Sequence[str], note: str) -> str:
    """A card of sounds (C, N), each with its reconstruction, in the units of the network."""
    rate = int(facts["rate"])
    longest = int(min(LONGEST, BYTES / (len(pairs) * len(NAMES) * 2 * rate / _thinned(rate))) * rate)
    body = "".join(_sound(x[:, :longest], back[:, :longest], rate, title) for (x, back), title in zip(pairs, titles, strict=True))
    many = " Channels are heard together." if facts["shape"][0] > 1 else ""
    loud = "All three of a sound are equally amplified, to half of full scale; colours run from the loudest down to 72 dB below." + many
    return card("Listen and look", body, f"{note} {loud}", wide=True)


def _sound(original: Array, back: Array, rate: int, title: str) -> str:
    """One sound: three columns."""
    parts = [np.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0) for part in (original, back, original - back)]
    peak = max(float(np.abs(part).max(initial=0.0)) for part in parts[:2])
    parts = [np.clip(part * min(GAIN, PEAK / max(peak, 1e-9)), -2 * PEAK, 2 * PEAK) for part in parts]
    heard = [spectra.loudness(part.mean(0), rate) for part in parts]
    loudest = float(heard[0].max())
    columns = ""
    for name, part, decibels in zip(NAMES, parts, heard, strict=True):
        player = f'<audio controls preload="none" aria-label="{name}" src="{wav(part.mean(0), rate)}"></audio>'
        shown = f'<img class="spectrum" alt="spectrogram of the {name}" src="{spectra.picture(decibels, loudest)}">'
        columns += f"<figure><figcaption>{name}</figcaption>{_outline(part.mean(0), NAMES.index(name))}{shown}{player}</figure>"
    low, high = max(spectra.LOWEST, 1), rate / 2000
    told = f"{title}, {original.shape[1] / rate:.2f} s; pitches from {low:.0f} Hz to {high:.3g} kHz"
    return f'<h3>{told}</h3><div class="sounds">{columns}</div>'


def _outline(samples: Array, colour: int) -> str:
    """A waveform: how far it swings in each of 320 slots."""
    edges = np.linspace(0, len(samples), min(WIDTH, max(1, len(samples))) + 1).astype(int)
    slots = [samples[a:b] for a, b in pairwise(edges)]
    scale, middle = HEIGHT / 2 / PEAK * 0.95, HEIGHT / 2
    step = WIDTH / len(slots)
    tops = [f"{i * step:.0f},{middle - scale * max(slot.max(), 0.004):.1f}" for i, slot in enumerate(slots)]
    floors = [f"{i * step:.0f},{middle - scale * min(slot.min(), -0.004):.1f}" for i, slot in enumerate(slots)]
    path = " ".join([*tops, *reversed(floors)])
    shape = f'<polygon class="wave c{(0, 1, 7)[colour]}" points="{path}"/>'
    return f'<svg class="outline" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{shape}</svg>'


def _thinned(rate: int) -> int:
    """By how much fewer samples a second are played, so that a page has room for seconds of sound: half of 44,100 Hz suffice to judge."""
    return max(1, rate // MOST)


def wav(samples: Array, rate: int) -> str:
    """Samples (N,) in [-1, 1] as the `data:` address of a 16-bit WAV, its ends faded so that they do not click."""
    times = _thinned(rate)
    if times > 1 and len(samples):
        from scipy.signal import resample_poly

        samples, rate = resample_poly(samples, 1, times), rate // times
    fade = min(len(samples) // 2, int(FADE * rate))
    ramp = np.ones(len(samples))
    ramp[:fade] = np.linspace(0, 1, fade)
    ramp[len(samples) - fade :] = np.linspace(1, 0, fade)
    whole = np.rint(np.clip(samples * ramp, -1, 1) * 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(whole.tobytes())
    return address(file.getvalue(), "audio/wav")


def stretches(x: Array, back: Array, firsts: Sequence[int], longest: int) -> list[tuple[Array, Array]]:
    """Windows (n, C, T) are short: around each of `firsts`, those that overlap are put together again, up to `longest` samples.

    Neighbours are known by what they share, to the last digit; where one ends the other begins.
    """
    return [_stretch(x, back, first, longest) for first in firsts]


def _stretch(x: Array, back: Array, first: int, longest: int) -> tuple[Array, Array]:
    """One of them: half of it before the window `first`, the rest behind."""
    chain = [(first, 0)]  # windows, and where each begins
    while chain[0][1] > -longest // 2 and (before := _neighbour(x, chain[0][0], earlier=True)):
        chain.insert(0, (before[0], chain[0][1] - before[1]))
    origin = chain[0][1]
    while chain[-1][1] - origin < longest and (behind := _neighbour(x, chain[-1][0], earlier=False)):
        chain.append((behind[0], chain[-1][1] + behind[1]))
    whole = np.zeros((2, x.shape[1], chain[-1][1] - origin + x.shape[2]))
    for number, begin in chain:
        at = slice(begin - origin, begin - origin + x.shape[2])
        whole[0, :, at], whole[1, :, at] = x[number], back[number]
    return whole[0, :, :longest], whole[1, :, :longest]


def _neighbour(x: Array, number: int, earlier: bool) -> tuple[int, int] | None:
    """The window that overlaps least with this one, and by how many samples the two are apart."""
    here, width = x[number], x.shape[2]
    if earlier:
        others, places = np.nonzero(x[:, 0, 1 : width - SAME] == here[0, 0])  # this one's first sample within another
    else:
        others, places = np.nonzero(x[:, 0, :1] == here[0, 1 : width - SAME])  # another's first sample within this one
    for other, place in sorted(zip(others.tolist(), (places + 1).tolist(), strict=True), key=lambda pair: -pair[1]):
        one, two = (x[other], here) if earlier else (here, x[other])
        shared = two[:, : width - place]
        if np.ptp(shared[0, :SAME]) > 0 and np.array_equal(shared, one[:, place:]):
            return other, place
    return None
