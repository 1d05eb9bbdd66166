"""Hiss and hum in music and speech: scale-invariant signal-to-noise ratios of the denoiser of sound beside classical gates.

    python benchmarks/run.py --only hiss [--data DIR] [--quick]

None of the recordings was in the training of the shipped denoiser: see the list in training/sound_denoiser.py.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hourglass import Autoencoder, denoise
from hourglass.kinds.audio import Sound

Array = NDArray[np.float64]
Way = Callable[[Array, int], Array]
Rows = list[dict[str, Any]]
MUSIC = ("442789", "147793", "Kevin_MacLeod_-_Vibe", "admiralbob", "guitar48", "moonlight48", "strauss48", "5703")  # the last is speech
SPEAKERS, LEARNED = ("theo", "nicolas"), ("george", "jackson", "lucas", "yweweler")
SECONDS = 8.0  # of a recording, from its middle
RATIOS = (0, 5, 10, 20)  # dB
SORTS = ("white hiss", "pink hiss", "hum")
OVERTONES = 8
SHARE, TIMES, SMOOTH = 0.2, 1.0, 3  # of the gate: share of the time for its floor, power above it, places averaged; the best of 20


class Clip(NamedTuple):
    """Samples (T,), so many in a second, and what they are."""

    samples: Array
    rate: int
    sort: str


def clips(data: Path, quick: bool) -> list[Clip]:
    """The middles of music in mono, and digits as they are."""
    import soundfile

    found = []
    for name in MUSIC[: 2 if quick else None]:
        path = next(path for path in sorted((data / "audio/music").glob(f"{name}*")) if path.suffix != ".txt")
        samples, rate = soundfile.read(path, always_2d=True)
        half, middle = int(SECONDS * rate / 2), len(samples) // 2
        found.append(Clip(samples[max(0, middle - half) : middle + half].mean(1), rate, "music"))
    for speaker in SPEAKERS:
        for digit in range(1 if quick else 10):
            samples, rate = soundfile.read(data / f"audio/spoken-digits/{digit}_{speaker}_{digit}.wav")
            found.append(Clip(samples, rate, "digits"))
    return found


def noise(sort: str, clip: Clip, chance: np.random.Generator) -> Array:
    """Noise of power 1."""
    count = len(clip.samples)
    if sort == "hum":
        time = np.arange(count) / clip.rate
        loud, phase = chance.uniform(0.2, 1, OVERTONES), chance.uniform(0, 7, OVERTONES)
        made = sum(loud[n] / (n + 1) * np.sin(2 * np.pi * 50 * (n + 1) * time + phase[n]) for n in range(OVERTONES))
    else:
        white = np.fft.rfft(chance.normal(size=count))
        pitch = np.maximum(np.arange(len(white)), max(1, count / 800))
        made = np.fft.irfft(white if sort == "white hiss" else white / np.sqrt(pitch), count)
    return np.asarray(made / np.std(made))


def ratio(clean: Array, made: Array) -> float:
    """Scale-invariant signal-to-noise ratio in dB (Le Roux et al. 2019)."""
    x, y = clean - clean.mean(), made - made.mean()
    target = (x @ y) / (x @ x) * x
    return float(10 * np.log10((target @ target) / max(float((y - target) @ (y - target)), 1e-20)))


def _spectra(samples: Array, rate: int) -> tuple[int, NDArray[Any], Array, Array]:
    """The size of spectra, the spectra, their power, and its floor: from what it does not exceed in a fifth of the time."""
    from scipy.signal import stft

    frame = 1 << round(np.log2(0.036 * rate))
    spectrum = stft(samples, rate, nperseg=frame, noverlap=frame * 3 // 4)[2]
    power = np.abs(spectrum) ** 2
    return frame, spectrum, power, np.quantile(power, SHARE, axis=1, keepdims=True) / -np.log(1 - SHARE) + 1e-20


def _back(spectrum: NDArray[Any], frame: int, rate: int, count: int) -> Array:
    from scipy.signal import istft

    return np.asarray(istft(spectrum, rate, nperseg=frame, noverlap=frame * 3 // 4)[1][:count])


def gate(samples: Array, rate: int) -> Array:
    """A spectral gate (Boll 1979): places below the floor are shut, edges smoothed."""
    from scipy.ndimage import uniform_filter

    frame, spectrum, power, floor = _spectra(samples, rate)
    return _back(spectrum * uniform_filter((power > TIMES * floor).astype(float), SMOOTH), frame, rate, len(samples))


def wiener(samples: Array, rate: int) -> Array:
    """Wiener's filter, its ratio of signal to noise followed from spectrum to spectrum (Ephraim and Malah 1984)."""
    frame, spectrum, power, floor = _spectra(samples, rate)
    over = power / floor
    shares, before = np.zeros_like(power), np.maximum(over[:, 0] - 1, 0)
    for place in range(power.shape[1]):
        likely = 0.9 * before + 0.1 * np.maximum(over[:, place] - 1, 0)
        shares[:, place] = likely / (1 + likely)
        before = shares[:, place] ** 2 * over[:, place]
    return _back(spectrum * shares, frame, rate, len(samples))


def ways() -> dict[str, Way]:
    """What cleans samples; nobody is told the noise or its level."""
    every: dict[str, Way] = {"noisy": lambda samples, rate: samples, "hourglass": hushed(None), "Wiener": wiener, "spectral gate": gate}
    if find_spec("noisereduce"):
        import noisereduce

        every["noisereduce"] = lambda samples, rate: noisereduce.reduce_noise(y=samples, sr=rate, stationary=True)
        every["noisereduce, not stationary"] = lambda samples, rate: noisereduce.reduce_noise(y=samples, sr=rate, stationary=False)
    return every


def hushed(model: Autoencoder | None) -> Way:
    """The shipped denoiser, or another."""
    return lambda samples, rate: denoise(Sound(samples.astype(np.float32), rate), model=model).samples[:, 0].astype(np.float64)


def compared(every: list[Clip], cleaners: dict[str, Way]) -> Rows:
    """A line for each sort of sound, noise and ratio, and one of means."""
    rows: Rows = []
    for group in dict.fromkeys(clip.sort for clip in every):
        some = [clip for clip in every if clip.sort == group]
        for sort in SORTS:
            for level in RATIOS:
                pairs = [(clip, damaged(clip, sort, level, number)) for number, clip in enumerate(some)]
                found = {name: np.mean([ratio(clip.samples, way(y, clip.rate)) for clip, y in pairs]) for name, way in cleaners.items()}
                rows.append({"sounds": group, "noise": sort, "dB": level} | found)
    means = {name: f"{np.mean([row[name] for row in rows]):.2f}" for name in cleaners}
    told = [{key: f"{value:.1f}" if isinstance(value, float) else value for key, value in row.items()} for row in rows]
    return [*told, {"sounds": "mean", "noise": "", "dB": ""} | means]


def damaged(clip: Clip, sort: str, level: float, seed: int) -> Array:
    """A clip under noise so many decibels below it."""
    added = noise(sort, clip, np.random.default_rng([seed, level]))
    return np.asarray(clip.samples + added * clip.samples.std() * 10 ** (-level / 20))


def unharmed(every: list[Clip], cleaners: dict[str, Way]) -> Rows:
    """What recordings without added noise are like afterwards: the mean, and the least."""
    rows = []
    for group in dict.fromkeys(clip.sort for clip in every):
        found: dict[str, Any] = {"sounds": group}
        for name, way in cleaners.items():
            if name != "noisy":
                values = [ratio(clip.samples, way(clip.samples, clip.rate)) for clip in every if clip.sort == group]
                found[name] = f"{np.mean(values):.1f} (least {min(values):.1f})"
        rows.append(found)
    return rows


def own(data: Path, every: list[Clip], quick: bool) -> Rows:
    """Spoken digits: the shipped denoiser, and the same trained further on 400 digits of others (`fit FOLDER --purpose denoise`)."""
    paths = [data / f"audio/spoken-digits/{digit}_{name}_{take}.wav" for name in LEARNED for digit in range(10) for take in range(10)]
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = Autoencoder("denoise", random_state=0, **({"epochs": 1} if quick else {})).fit([str(path) for path in paths])
    seconds = time.process_time() - begun
    digits = [clip for clip in every if clip.sort == "digits"]
    row = compared(digits, {"noisy": lambda samples, rate: samples, "shipped": hushed(None), "trained further": hushed(fitted)})[-1]
    return [{name: value for name, value in row.items() if name not in ("noise", "dB")} | {"CPU s": seconds}]


def speed() -> Rows:
    """Processor seconds for a minute of stereo at 44,100 Hz, one thread."""
    samples = np.random.default_rng(0).normal(size=(60 * 44_100, 2)).astype(np.float32) / 8
    begun = time.process_time()
    denoise(Sound(samples, 44_100))
    return [{"sound": "a minute, stereo, 44,100 Hz", "CPU s": time.process_time() - begun}]


def main(data: Path | None, quick: bool = False) -> dict[str, Rows]:
    """Tables by title."""
    torch.set_num_threads(1)
    if data is None or not (data / "audio").is_dir():
        return {"no sounds: give --data": []}
    every, cleaners = clips(data, quick), ways()
    return {
        "Music (eight recordings, one of speech) and spoken digits (20): SI-SDR (dB) after cleaning, by SI-SDR before": compared(
            every, cleaners
        ),
        "Recordings without added noise: SI-SDR (dB) to themselves": unharmed(every, cleaners),
        str(own.__doc__): own(data, every, quick),
        str(speed.__doc__): speed(),
    }
