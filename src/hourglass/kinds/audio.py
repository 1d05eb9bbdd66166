"""Sounds: files of any rate and number of channels to windows (B, C, T) of the same loudness, and back to files as they came.

    read -> pieces of Sounds -> cut (windows that overlap) -> network -> join (faded into one another) -> write

A chunk is a list of `Sound`: whole ones, or pieces of long recordings, which bring some of their neighbours along, so that a recording of
hours is read in bounded memory and has no seams. A model of one channel takes each channel of a sound by itself, one of two takes pairs.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hourglass.errors import BadData
from hourglass.kinds import _sound_parts as parts
from hourglass.kinds import _sound_source as sources
from hourglass.kinds._sound import ARRAY, RATE, Sound, as_sounds, rows_of, told
from hourglass.kinds._sound_back import as_array, made, restore, write
from hourglass.kinds._sound_facts import Tally, duration
from hourglass.kinds._sound_save import WRITTEN
from hourglass.kinds._sound_source import SUFFIXES, claims
from hourglass.kinds._sound_spans import lies, spans
from hourglass.layers.options import checked_flag
from hourglass.parts import Batch, Cut, Pieces

__all__ = [
    "SUFFIXES",
    "WRITTEN",
    "Sound",
    "because",
    "claims",
    "cut",
    "describe",
    "element_names",
    "from_tensor",
    "join",
    "labels",
    "learn",
    "lies",
    "places",
    "read",
    "restore",
    "spans",
    "spread",
    "to_tensor",
    "training",
    "write",
]

Facts = dict[str, Any]
Chunk = Any  # list[Sound], or an array (n, T[, C]) as it comes from a model that was trained on one
CONTINUES = True  # the numbers of recordings run on from chunk to chunk


def read(source: Any, *, rate: int | None = None, window: float | None = None, strict: bool = False) -> Pieces:
    """Sounds from files, a folder (recursively), a glob, a list, or an array (n, T) or (n, T, C); decoded when loaded.

    Broken and empty files are left out with a warning that names each, or raise with `strict`. Of arrays `rate` is the sampling rate.
    A long recording comes in several pieces, of which the first counts one row and the others none.

    >>> read(np.zeros((300, 800), np.float32), rate=8000).counts
    [256, 44]
    """
    sources.numbers(rate, window)
    if sources.is_path(source) and (Path(source).suffix.lower() in (".npy", ".npz") or ".npz:" in str(source)):
        from hourglass.kinds._picture_source import array_file

        source = array_file(Path(source))[0]
    if hasattr(source, "__array__"):
        return sources.of_memory(rows_of(np.asarray(source)), rate or RATE)
    items = source if isinstance(source, list | tuple) else [source]
    if items and all(isinstance(item, Sound) or hasattr(item, "__array__") for item in items):
        return sources.of_memory(items, rate or RATE)
    files, headers = sources.usable(sources.gather(source), strict)
    return sources.of_files(files, headers, window, rate, str(source))


def learn(
    pieces: Pieces, *, rate: int | None = None, channels: str | None = None, window: float | None = None, noise: bool = False
) -> Facts:
    """One pass: rate, channels, loudness, and the length of a window.

    `rate` in Hz (default: the commonest), `channels` mono or stereo (default: mono where most are), `window` in samples, up to 16 in
    seconds (default: whole sounds where there are 16 or more of at most a second; else the power of two next to a tenth of a second).
    `noise`: of longer sounds windows of about a second, in which the floor of noise shows.
    """
    sources.numbers(rate, window)
    checked_flag("audio", "noise", noise)
    if not pieces.count:
        raise BadData(f"{pieces.name}: no sounds")
    tally = Tally()
    axes: set[int] = set()
    for index in range(len(pieces.counts)):
        for sound in as_sounds(pieces.load(index)):
            tally.add(sound)
            axes.add(2 + (sound.channels > 1) if sound.format == ARRAY else 0)
    return tally.facts(None if rate is None else int(rate), channels, window, max(axes) if 0 not in axes else 0, noise)


def cut(chunk: Chunk, facts: Facts) -> tuple[Batch, list[dict[str, Any]]]:
    """Windows (B, C, T) that cover all sounds, in order, in units of the learned loudness; the layout tells of each sound where it lies.

    Sounds shorter than a window are filled up with zeros, masked. Other sampling rates are resampled; what is lost by that is said.
    """
    sounds = as_sounds(chunk)
    _tell_lost(sounds, facts)
    layout = [told(sound) for sound in sounds]
    found = [_windows(sound, parts.starts(parts.grid(entry, facts), facts), facts) for sound, entry in zip(sounds, layout, strict=True)]
    return _batch([x for x, _ in found], [real for _, real in found], facts), layout


def _tell_lost(sounds: Sequence[Sound], facts: Facts) -> None:
    """Say what the model cannot hear; what was learned from has been told of."""
    higher = [sound for sound in sounds if sound.rate > facts["rate"] and sound.rate not in facts["rates"]]
    if higher:
        first, half = higher[0], facts["rate"] // 2
        told = f"{first.name or 'a sound'} has {first.rate:,} Hz" + (f", and {len(higher) - 1} more" if len(higher) > 1 else "")
        warnings.warn(f"{told}; the model hears {facts['rate']:,} Hz: what lies above {half:,} Hz is lost", UserWarning, stacklevel=3)


def _windows(sound: Sound, begins: Tensor, facts: Facts) -> tuple[Tensor, Tensor]:
    """Windows (S * n, C, T) of a sound that begin at `begins` (n,), and which samples (S * n, T) are real."""
    up, down = parts.ratio(sound.rate, facts["rate"])
    rows = parts.streams(parts.at_rate(sound.samples, up, down), facts["channels"])
    loaded = parts.length_at(sound.begin - sound.ahead, up, down)
    windows, real = parts.cut(rows, begins, loaded, facts["window"])
    return windows.flatten(0, 1), real.repeat(len(rows), 1)


def _batch(windows: list[Tensor], real: list[Tensor], facts: Facts) -> Batch:
    """Windows as samples; a mask only where something is not real."""
    if not windows:
        return Batch(torch.zeros(0, *facts["shape"]))
    x, there = torch.cat(windows) / facts["scale"], torch.cat(real)
    return Batch(x, None if bool(there.all()) else there[:, None].expand(x.shape))


def training(chunk: Chunk, facts: Facts, generator: np.random.Generator) -> Cut:
    """Windows to learn from: of sounds longer than a window at places by chance, the closer together the less there is to learn from."""
    found: list[tuple[Tensor, Tensor]] = []
    places: list[Tensor] = []
    for sound in as_sounds(chunk):
        place = parts.grid(told(sound), facts)
        begins = torch.from_numpy(_drawn(place, facts, generator))
        found.append(_windows(sound, begins, facts))
        shares = torch.stack([begins / place.length, ((begins + facts["window"]) / place.length).clamp_max(1)])  # (2, n)
        numbers = torch.full((1, len(begins)), sound.recording)
        places.append(torch.cat([numbers, shares.double()]).repeat(1, len(found[-1][0]) // max(1, len(begins))))
    source, begin, end = torch.cat(places, dim=1)
    return Cut(_batch([x for x, _ in found], [real for _, real in found], facts), source.long(), begin.float(), end.float())


def _drawn(place: parts.Grid, facts: Facts, generator: np.random.Generator) -> NDArray[np.int64]:
    """Where windows to learn from begin: one by chance in each step of the sound."""
    latest = place.length - facts["window"]
    if latest <= 0:
        return np.zeros(int(place.begin == 0), dtype=np.int64)
    span = min(place.end, latest + 1) - place.begin
    if span <= 0:  # the last piece of a recording, shorter than a window
        return np.array([latest])
    count = -(-span // facts["step"])
    drawn = place.begin + (np.arange(count) + generator.random(count)) * (span / count)
    begins: NDArray[np.int64] = np.minimum(drawn.astype(np.int64), latest)
    return begins


def join(values: Tensor, facts: Facts, layout: Sequence[dict[str, Any]], like: Chunk | None = None) -> Chunk:
    """Undo `cut`: windows (B, C, T), faded into one another, as sounds of their own rate and channels.

    Titles and the precision of numbers come from `like`. What comes from an array without `like` is an array again.
    """
    given = [None] * len(layout) if like is None else as_sounds(like)
    sounds, begin = [], 0
    for entry, before in zip(layout, given, strict=True):
        place = parts.grid(entry, facts)
        streams = -(-entry["channels"] // facts["channels"])
        windows = values[begin : begin + streams * place.windows].detach().cpu() * facts["scale"]
        begin += streams * place.windows
        samples = parts.back(windows.unflatten(0, (streams, place.windows)), place, entry, facts)
        sounds.append(made(samples, entry, before))
    if begin != len(values):
        raise BadData(f"{len(values)} windows for a layout of {begin}; give all of them, in order")
    return sounds if like is not None else as_array(sounds, facts)


def to_tensor(chunk: Chunk, facts: Facts) -> Batch:
    """The windows of `cut`, (B, C, T)."""
    return cut(chunk, facts)[0]


def from_tensor(values: Tensor, facts: Facts, like: Chunk | None = None) -> Chunk:
    """Undo `to_tensor`; without `like` each of (B, C, T) is a sound of its own, of the usual length where whole sounds were learned."""
    if like is not None:
        return join(values, facts, [told(sound) for sound in as_sounds(like)], like)
    samples = (values[..., : facts["length"]].detach().cpu() * facts["scale"]).transpose(1, 2).numpy()
    made = [Sound(each, facts["rate"], "", facts["format"], facts["subtype"], number) for number, each in enumerate(samples)]
    return as_array(made, facts)


def spread(values: Tensor, facts: Facts, layout: Sequence[dict[str, Any]]) -> NDArray[Any]:
    """One value per window (B,) as one per sound: the mean, each window counted by how much of the sound it holds."""
    found, begin = [], 0
    for entry in layout:
        weights = parts.weights(parts.grid(entry, facts), facts)
        weights = weights.repeat(-(-entry["channels"] // facts["channels"]))
        part = values[begin : begin + len(weights)]
        begin += len(weights)
        found.append(float((part.double() * weights).sum() / weights.sum()))
    return np.array(found, dtype=values.numpy().dtype)


def places(chunk: Chunk, facts: Facts) -> dict[str, list[str]]:
    """The file of each sound, where they come from files."""
    sounds = as_sounds(chunk)
    return {"file": [sound.name for sound in sounds]} if all(sound.name for sound in sounds) else {}


def because(
    residuals: Tensor, expected: Chunk, chunk: Chunk, facts: Facts, layout: Sequence[dict[str, Any]], rows: Sequence[int]
) -> list[str]:
    """Where in each of the sounds `rows` the network was furthest off: the window with most of the residual (B, C, T), in seconds."""
    grids = [parts.grid(entry, facts) for entry in layout]
    counts = [place.windows * -(-entry["channels"] // facts["channels"]) for place, entry in zip(grids, layout, strict=True)]
    apart = residuals.flatten(1).mean(1).split(counts)
    reasons = []
    for row in rows:
        window = int(apart[row].argmax()) % grids[row].windows
        begin = int(parts.starts(grids[row], facts)[window])
        end = min(begin + facts["window"], grids[row].length)
        reasons.append(f"{begin / facts['rate']:.2f} s to {end / facts['rate']:.2f} s")
    return reasons


def labels(chunk: Chunk, facts: Facts) -> None:
    """Sounds have no labels."""
    return


def element_names(facts: Facts) -> list[str]:
    """When in the window each element of a sample is, after the channel where there are two."""
    sides = [""] if facts["channels"] == 1 else ["left ", "right "]
    return [f"{side}{1000 * number / facts['rate']:.2f} ms" for side in sides for number in range(facts["window"])]


def describe(facts: Facts) -> list[tuple[str, str]]:
    """What was learned, in words."""
    size, rate = facts["window"], facts["rate"]
    channels = "mono: each channel by itself" if facts["channels"] == 1 else "stereo"
    rows = [("sounds", facts["reading"]), ("heard as", f"{rate:,} Hz, {channels}")]
    rows.append(("samples", f"{'whole sounds of up to' if facts['whole'] else 'windows of'} {size:,} samples ({duration(size / rate)})"))
    rows.append(
        ("loudness", f"{20 * np.log10(facts['scale']):.1f} dB below full scale".replace("-", "") if facts["scale"] < 1 else "full scale")
    )
    return rows + [("note", note) for note in facts["notes"]]
