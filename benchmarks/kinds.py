"""Series, sound, video and text with the default recipes: held-out error beside PCA's with as many numbers in the code.

    python benchmarks/run.py --only kinds [--data DIR] [--quick]

What is held out was in no training: the last part of series, of pieces of music and of films; every tenth recording of spoken digits, every
tenth line of texts, chosen by chance. PCA is fitted to the training samples, missing and padded places filled in by itself, and judged on
the same held-out samples, over what is real. Errors are shares of the variance in the network's units; of texts the share of wrong bytes.
"""

from __future__ import annotations

import json
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from speed import race, told
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from hourglass import Autoencoder
from hourglass.parts import Batch, concatenate
from hourglass.reading import Reader, chunks, single
from hourglass.report.measures import measure

Rows = list[dict[str, Any]]
MINUTES = 2.0
NAB = (
    "realKnownCause/machine_temperature_system_failure",
    "realKnownCause/ambient_temperature_system_failure",
    "realKnownCause/nyc_taxi",
    "realAWSCloudwatch/ec2_cpu_utilization_5f5533",
    "realAWSCloudwatch/elb_request_count_8c0756",
)


class Split(NamedTuple):
    """Data of some kind: a part to train on, a part to test on, and settings that are no defaults."""

    name: str
    train: Any
    test: Any
    settings: dict[str, Any]


def series(data: Path) -> Iterator[Split]:
    """A pump's test bed without anomalies, and five series of NAB: the first 70 % to train on, of the rest what is no known anomaly."""
    odd = json.loads((data / "sensors/nab/windows.json").read_text())
    frames = {"SKAB": pd.read_csv(data / "sensors/skab/anomaly-free/anomaly-free.csv", sep=";", parse_dates=["datetime"])}
    for name in NAB:
        frames[name] = pd.read_csv(data / "sensors/nab" / f"{name}.csv", parse_dates=["timestamp"])
    for name, frame in frames.items():
        cut = int(0.7 * len(frame))
        test = frame[cut:].reset_index(drop=True)
        for begin, end in odd.get(f"{name}.csv", []):
            test = test[(test["timestamp"] < begin) | (test["timestamp"] > end)]
        yield Split(name.split("/")[-1], frame[:cut], test.reset_index(drop=True), {"kind": "series"})


def sounds(data: Path, folder: Path) -> Iterator[Split]:
    """Spoken digits, of which whole recordings are held out, and music, of which the last fifth of each piece is."""
    import soundfile

    paths = sorted((data / "audio/spoken-digits").glob("*.wav"))
    apart = set(np.random.default_rng(0).permutation(len(paths))[: len(paths) // 10].tolist())
    yield Split("spoken digits", *_parted(paths, apart), {})
    for part in ("train", "test"):
        (folder / part).mkdir()
    for path in sorted((data / "audio/music").glob("*48_stereo.wav")):
        samples, rate = soundfile.read(path)
        cut = int(0.8 * len(samples))
        soundfile.write(folder / "train" / path.name, samples[:cut], rate)
        soundfile.write(folder / "test" / path.name, samples[cut:], rate)
    yield Split("music", folder / "train", folder / "test", {})


def films(data: Path) -> Iterator[Split]:
    """Four films: the first four fifths of the frames of each to train on."""
    import av

    train, test = [], []
    for path in sorted(path for path in (data / "video").iterdir() if path.suffix in (".mp4", ".mkv", ".y4m", ".webm")):
        with av.open(str(path)) as file:
            frames = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
        cut = int(0.8 * len(frames))
        train.append(frames[:cut])
        test.append(frames[cut:])
    yield Split("four films", train, test, {"kind": "video"})


def texts(data: Path) -> Iterator[Split]:
    """Names, and lines of Shakespeare."""
    for name in ("names", "tinyshakespeare"):
        lines = [line for line in (data / f"text/{name}.txt").read_text().splitlines() if line]
        apart = set(np.random.default_rng(0).permutation(len(lines))[: len(lines) // 10].tolist())
        yield Split(name, *_parted(lines, apart), {})


def _parted(items: list[Any], apart: set[int]) -> tuple[list[Any], list[Any]]:
    """Those that are not in `apart`, and those that are."""
    return [item for i, item in enumerate(items) if i not in apart], [item for i, item in enumerate(items) if i in apart]


def splits(data: Path, folder: Path) -> Iterator[Split]:
    """Default recipes, two minutes each: errors on what no training saw, shares of the variance, of texts shares of wrong bytes."""
    yield from series(data)
    yield from sounds(data, folder)
    yield from films(data)
    yield from texts(data)


def rebuilt(split: Split, minutes: float) -> dict[str, Any]:
    """One line of the table."""
    clock = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = {"random_state": 0, "minutes": minutes, **split.settings}
        fitted = Autoencoder(**settings).fit(split.train)
    seconds, model = time.process_time() - clock, fitted.model_
    error = measure(model, fitted._samples[0], samples(fitted, split.test))["error"]
    mean = 1.0 if model.kind == "text" else error["mean"]
    return {
        "data": split.name,
        "sample": "x".join(map(str, model.shape)),
        "network": model.settings["network"],
        "code": model.code_size,
        "hourglass": error["model"] / mean,
        "PCA": error["pca"] / mean,
        "times PCA": error["model"] / error["pca"],
        "CPU s": seconds,
        "steps": model.record["steps"],
    } | ({"commonest": error["mean"]} if model.kind == "text" else {})


def samples(fitted: Autoencoder, source: Any) -> Batch:
    """The source as the model's samples, each part of it once."""
    reader = Reader(fitted.model_.settings["reading"], source)
    pieces = reader.pieces(source)
    return concatenate([single(reader.module.to_tensor(chunk, fitted.model_.facts)) for chunk in chunks(pieces)])


def recurrent(rounds: int = 5) -> Rows:
    """`fit` of 2,000 series of 64 steps of 8 sensors, recurrent:widths=64, code 16, 3 epochs of batches of 64, and the same by nn.GRU."""
    draw = np.random.default_rng(0)
    x = np.sin(draw.normal(size=(2000, 1, 8)) * np.linspace(0, 12, 64)[None, :, None] + draw.normal(size=(2000, 1, 8))).astype("f4")
    model = Autoencoder(
        kind="series", network="recurrent:widths=[64]", code_size=16, epochs=3, batch_size=64, learning_rate=1e-3, random_state=0
    )
    seconds, _ = race({"hourglass": lambda: model.fit(x), "torch, nn.GRU loop": lambda: _by_gru(torch.from_numpy(x))}, rounds)
    return told(seconds)


class _Loop(nn.Module):
    """What most people write: nn.GRU in both directions, its last state to the code, and one that unrolls the code."""

    def __init__(self, channels: int, width: int, code: int) -> None:
        super().__init__()
        self.read = nn.GRU(channels, width, batch_first=True, bidirectional=True)
        self.code, self.wide = nn.Linear(2 * width, code), nn.Linear(code, width)
        self.write, self.out = nn.GRU(width, width, batch_first=True), nn.Linear(width, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) to the same."""
        z = self.code(self.read(x)[1].transpose(0, 1).flatten(1))
        out: Tensor = self.out(self.write(self.wide(z)[:, None].expand(-1, x.shape[1], -1))[0])
        return out


def _by_gru(x: Tensor) -> nn.Module:
    model = _Loop(x.shape[2], 64, 16)
    steps = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(3):
        for (batch,) in DataLoader(TensorDataset(x[:1800]), 64, shuffle=True, drop_last=True):
            steps.zero_grad()
            (model(batch) - batch).square().mean().backward()
            steps.step()
    return model


def main(data: Path | None = None, quick: bool = False) -> dict[str, Rows]:
    """All tables, by title."""
    torch.set_num_threads(1)
    if data is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="hourglass-bench-") as folder:
        found = [rebuilt(split, 0.1 if quick else MINUTES) for split in splits(data, Path(folder))]
    return {str(splits.__doc__): found, str(recurrent.__doc__): recurrent(2 if quick else 5)}
