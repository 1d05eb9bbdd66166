"""Sound without its noise: what goes, what stays, long recordings, files, and models of one's own."""

from __future__ import annotations

import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from hourglass import Autoencoder, denoise, load, sounds
from hourglass.errors import BadOption
from hourglass.kinds import _sound_source, audio
from hourglass.kinds.audio import Sound
from hourglass.sounds import Cleaning, shipped

Array = NDArray[Any]
RATE = 16_000


def melody(seconds: float = 3.0, rate: int = RATE, seed: int = 0) -> Array:
    """Notes with overtones that die away, two in a second."""
    draw, made = np.random.default_rng(seed), np.zeros(int(seconds * rate))
    for begin in range(0, len(made), rate // 2):
        time = np.arange(len(made) - begin) / rate
        pitch = 220 * 2 ** (draw.integers(0, 24) / 12)
        tones = sum(np.sin(2 * np.pi * pitch * n * time) / n**2 for n in range(1, 6) if pitch * n < rate / 2)
        made[begin:] += tones * np.exp(-5 * time) * draw.uniform(0.3, 1)
    return made / np.abs(made).max() / 2


def damaged(clean: Array, decibels: float, sort: str = "white", rate: int = RATE) -> Array:
    """Noise so many decibels below the sound."""
    noise = np.random.default_rng(1).normal(size=clean.shape)
    if sort == "hum":
        time = np.arange(len(clean)) / rate
        noise = sum(np.sin(2 * np.pi * 50 * n * time + n) / n for n in (1, 2, 3, 5))
    return clean + noise / noise.std() * clean.std() * 10 ** (-decibels / 20)


def ratio(clean: Array, made: Array) -> float:
    """Signal to noise in dB."""
    return float(10 * np.log10((clean**2).sum() / ((made - clean) ** 2).sum()))


def cleaned(samples: Array, rate: int = RATE, **options: Any) -> Array:
    return denoise(Sound(samples.astype(np.float32), rate), **options).samples[:, 0]


@pytest.mark.parametrize(("sort", "decibels", "least"), [("white", 0, 8), ("white", 10, 6), ("white", 20, 3), ("hum", 5, 2)])
def test_noise_goes(sort: str, decibels: float, least: float) -> None:
    clean = melody()
    assert ratio(clean, cleaned(damaged(clean, decibels, sort))) > decibels + least


@pytest.mark.parametrize("rate", [8000, 22_050, 48_000])
def test_the_rate_does_not_matter(rate: int) -> None:
    clean = melody(2.0, rate)
    assert ratio(clean, cleaned(damaged(clean, 5, rate=rate), rate)) > 10


def test_a_gate_that_knows_nothing_is_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    clean = melody()
    noisy = damaged(clean, 10)
    model = shipped().to(torch.float32)
    for weight in model.decoder.parameters():
        torch.nn.init.zeros_(weight)  # every share is a half
    monkeypatch.setattr(sounds, "shipped", lambda: model)
    assert ratio(clean, cleaned(noisy)) < 10


def test_loudness_is_nothing_to_it() -> None:
    noisy = damaged(melody(), 10)
    assert np.allclose(cleaned(noisy), 200 * cleaned(noisy / 200), atol=3e-3)  # floors are counted in steps


def test_clean_sound_is_left_alone() -> None:
    clean = melody()
    assert ratio(clean, cleaned(clean)) > 25
    silence = np.zeros(RATE)
    assert not cleaned(silence).any()


def test_strength_blends() -> None:
    noisy = damaged(melody(1.0), 10).astype(np.float32)
    whole, half, none = (cleaned(noisy, strength=strength) for strength in (1.0, 0.5, 0.0))
    assert np.array_equal(none, noisy)
    assert np.allclose(half, (whole + noisy) / 2, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 7, 100, 511, 4096])
def test_any_length_and_channels(count: int) -> None:
    samples = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    made = denoise(Sound(samples, RATE)).samples
    assert made.shape == samples.shape
    assert made.dtype == np.float32
    assert np.isfinite(made).all()


def test_channels_are_cleaned_by_themselves() -> None:
    one, other = damaged(melody(1.0), 10), damaged(melody(1.0, seed=3), 20) / 5
    made = denoise(Sound(np.stack([one, other], 1).astype(np.float32), RATE)).samples
    assert np.allclose(made[:, 0], cleaned(one), atol=1e-5)
    assert np.allclose(made[:, 1], cleaned(other), atol=1e-5)


def test_long_recordings_have_no_seams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = damaged(melody(40.0, 8000), 10).astype(np.float32)
    soundfile.write(tmp_path / "long.wav", noisy, 8000, subtype="FLOAT")
    (whole,) = denoise(tmp_path / "long.wav")
    monkeypatch.setattr(_sound_source, "PIECE", 8000 * 10)
    pieces = audio.read(tmp_path / "long.wav")
    assert len(pieces.counts) == 4
    done = Cleaning(pieces)
    joined = np.concatenate([sound.samples for chunk in done for sound in chunk])
    assert np.allclose(joined, whole.samples, atol=2e-3)
    assert ratio(melody(40.0, 8000), joined[:, 0]) > 15
    assert 0.2 < done.removed < 0.4  # ten decibels below the sound


def test_memory_does_not_grow_with_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sound_source, "PIECE", 8000 * 5)
    most = []
    for seconds in (10, 40):
        soundfile.write(tmp_path / f"{seconds}.wav", damaged(melody(seconds, 8000), 10), 8000)
        tracemalloc.start()
        denoise(tmp_path / f"{seconds}.wav", to=tmp_path / f"{seconds}.out.wav")
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[1] < 1.3 * most[0] + 1e6


def test_files_keep_what_they_are(tmp_path: Path) -> None:
    samples = np.stack([damaged(melody(1.0, 44_100), 10)] * 2, 1)
    with soundfile.SoundFile(tmp_path / "a.flac", "w", 44_100, 2, "PCM_24") as file:
        file.title = "a song"
        file.write(samples)
    denoise(tmp_path / "a.flac", to=tmp_path / "b.flac")
    with soundfile.SoundFile(tmp_path / "b.flac") as file:
        assert (file.samplerate, file.channels, file.frames, file.subtype) == (44_100, 2, len(samples), "PCM_24")
        assert file.title == "a song"
    with pytest.raises(BadOption, match="careful"):
        denoise(tmp_path / "a.flac", careful=True)


def test_recordings_of_ones_own_teach_more(tmp_path: Path) -> None:
    folder = tmp_path / "clean"
    folder.mkdir()
    for number in range(6):
        soundfile.write(folder / f"{number}.wav", melody(3.0, 8000, seed=number), 8000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Autoencoder("denoise", epochs=2, random_state=0).fit(folder)
    settings = model.model_.settings
    assert settings["network"] == "gate:frame=256"
    assert settings["spoil"] == "hiss:rate=8000"
    assert settings["loss"] == "ratio"
    assert model.model_.facts["window"] == 32 * 256
    model.save(tmp_path / "own.hourglass")
    clean = melody(3.0, 8000, seed=9)
    made = cleaned(damaged(clean, 5, rate=8000), 8000, model=load(tmp_path / "own.hourglass"))
    assert ratio(clean, made) > 11
    assert not np.array_equal(made, cleaned(damaged(clean, 5, rate=8000), 8000))
