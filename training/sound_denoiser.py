"""Remake the shipped denoiser of sound, src/hourglass/pretrained/sound-denoiser-1.hourglass.

    python training/sound_denoiser.py --data audio [--minutes 40] [-o sound-denoiser-1.hourglass]

`--data` is a folder with music/ and spoken-digits/; which files of it are learned from stands below, the others are for tests. One
network learns sounds of 8,000 to 48,000 samples a second, under the spoil `hiss`. Spectra are of about 36 ms at any rate, so that a
pitch lies at about the same place of all. Pieces are of a third of a second to four seconds, for the floor of the noise is measured in
each. What is written, every minute and at the end, is an average of the weights.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hourglass.batches import shuffler
from hourglass.files import write_model
from hourglass.kinds._sound_parts import at_rate, ratio
from hourglass.layers.hush import framed
from hourglass.model import Model, seeded
from hourglass.parts import Batch
from hourglass.spoils.hiss import spoil

NAME = "sound-denoiser-1"
MUSIC = (
    "Hungarian_Dance",
    "Karissa_Hobbs_-_Lets",
    "Kevin_MacLeod_-_P_I_Tchaikovsky",
    "sorohanro",
    "456440",
    "contrabassoon48",
    "sopr48",
)
SPEECH = ("198-209", "3436-172162")
SPEAKERS = ("george", "jackson", "lucas", "yweweler")
PAUSE = 0.3  # seconds between two digits, at most
SORTS = {"music": 0.5, "speech": 0.2, "digits": 0.3}  # shares of the batches
FRAMES = (40, 80, 160, 320)  # lengths of pieces, in quarters of a spectrum
WORK = 125_000  # samples of all pieces of a batch
NEPER = 20 / math.log(10)  # decibels
RATE, MEAN, WARM, WRITTEN, TOLD = 3e-3, 0.998, 100, 60.0, 20.0
SETTINGS: dict[str, Any] = {
    "purpose": "denoise",
    "network": "gate:frame=512",
    "bottleneck": "plain",
    "loss": "ratio",
    "code_size": 8,
    "members": 1,
    "batch_size": 8,
    "spoil": "hiss",
}


def read(path: Path) -> tuple[np.ndarray, int]:
    """(T, C) and the rate."""
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return samples, rate


def sources(data: Path, chance: np.random.Generator) -> dict[str, list[tuple[np.ndarray, int]]]:
    """Sounds (T,) and their rates, by sort, each at several rates."""
    found: dict[str, list[tuple[np.ndarray, int]]] = {"music": [], "speech": [], "digits": []}
    for sort, names, halvings in (("music", MUSIC, (1, 2, 4)), ("speech", SPEECH, (1, 2))):
        for path in sorted((data / "music").iterdir()):
            if path.name.startswith(names) and path.suffix != ".txt":
                samples, rate = read(path)
                for down in halvings:
                    found[sort] += [(at_rate(channel[:, None], 1, down)[:, 0], rate // down) for channel in samples.T]
    for speaker in SPEAKERS:
        parts = []
        for path in sorted((data / "spoken-digits").glob(f"*_{speaker}_*.wav")):
            samples, rate = read(path)
            parts += [samples[:, 0], np.zeros(int(PAUSE * rate * chance.random()), np.float32)]
        found["digits"].append((np.concatenate(parts), 8000))
        found["digits"].append((at_rate(found["digits"][-1][0][:, None], *ratio(8000, 11025))[:, 0], 11025))
    return found


def batch(sounds: dict[str, list[tuple[np.ndarray, int]]], chance: np.random.Generator) -> tuple[Tensor, int]:
    """Pieces (B, 1, T) of sounds of one rate, in units of their usual loudness, and that rate."""
    sort = str(chance.choice(list(SORTS), p=list(SORTS.values())))
    rates = sorted({rate for _, rate in sounds[sort]})
    rate = int(chance.choice(rates))
    frame = framed(rate)
    length = int(chance.choice(FRAMES)) * frame // 4 + int(chance.integers(0, frame))
    several = [sound for sound, own in sounds[sort] if own == rate and len(sound) > length]
    count = max(1, round(WORK / length))
    pieces: list[np.ndarray] = []
    while len(pieces) < count:
        sound = several[chance.integers(len(several))]
        begin = int(chance.integers(0, len(sound) - length))
        piece = sound[begin : begin + length]
        if piece.std() > 1e-3 or chance.random() < 0.02:
            pieces.append(piece / max(float(piece.std()), 1e-3))
    return torch.from_numpy(np.stack(pieces))[:, None], rate


def train(model: Model, sounds: dict[str, list[tuple[np.ndarray, int]]], minutes: float, seed: int, target: Path) -> None:
    """Until the minutes are over."""
    chance, draw = np.random.default_rng(seed), shuffler(seed)
    weights = list(model.parameters())
    optimizer = torch.optim.AdamW(weights, RATE, betas=(0.9, 0.98))
    mean = [weight.detach().clone() for weight in weights]
    begun = written = told = time.monotonic()
    step, lost = 0, 0.0

    def nats(output: Tensor, target: Tensor) -> Tensor:
        return model.loss(output, target).mean() / target.shape[-1]  # type: ignore[no-any-return]

    while (used := (time.monotonic() - begun) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / WARM) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * used)))
        x, rate = batch(sounds, chance)
        model.encoder.frame = model.decoder.frame = framed(rate)  # type: ignore[assignment]
        model.decoder.shape = tuple(x.shape[1:])  # type: ignore[assignment]
        noisy = spoil(x, draw, rate=rate)
        loss = nats(model.reconstruct(Batch(noisy)), x)
        before = nats(noisy, x)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        kept = min(MEAN, (step + 1) / (step + 20))
        for average, weight in zip(mean, weights, strict=True):
            average.lerp_(weight.detach(), 1 - kept)
        step, now = step + 1, time.monotonic()
        lost = 0.98 * lost + 0.02 * NEPER * float(before - loss.detach())
        if now - told > TOLD:
            told = now
            print(f"{step} steps, {used:.0%}: {lost / (1 - 0.98**step):.2f} dB gained", flush=True)
        if now - written > WRITTEN:
            written = now
            save(model, mean, target, step, seed)
    save(model, mean, target, step, seed)


def save(model: Model, mean: list[Tensor], target: Path, step: int, seed: int) -> None:
    """Write the average of the weights, in float16."""
    with seeded(0):
        kept = Model.build("audio", model.facts, SETTINGS)
    with torch.no_grad():
        for weight, average in zip(kept.parameters(), mean, strict=True):
            weight.copy_(average)
    kept.record = {"steps": step, "seed": seed, "name": NAME}
    write_model(kept.to(torch.float16), target)


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path(f"{NAME}.hourglass"))
    given = parser.parse_args()
    facts = {"shape": [1, 16384], "fields": [["number", 0, 1]], "resolution": torch.full((1, 1), 2.0**-15)}
    with seeded(given.seed):
        model = Model.build("audio", facts, SETTINGS)
    train(model.train(), sources(given.data, np.random.default_rng(given.seed)), given.minutes, given.seed, given.output)


if __name__ == "__main__":
    main()
