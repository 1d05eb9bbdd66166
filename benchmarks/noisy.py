"""Learning to clean from noisy pictures alone, beside denoisers that learn nothing, the shipped one, and training with clean targets."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import classical
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hourglass import Autoencoder, Part, denoise
from hourglass.layers.noise import measured

SIGMA = 25 / 255
BLURS = (1.0, 1.5, 2.0, 3.0)
Cleaner = Callable[[Tensor], Tensor]


def main(data: Path | None, quick: bool) -> dict[str, list[dict[str, Any]]]:
    """Tables by title."""
    if data is None or not (data / "microscopy").is_dir():
        return {"no pictures: give --data": []}
    torch.set_num_threads(1)
    shown = "Microscopy, five noisy pictures, none clean: PSNR (dB) against the mean of 400 exposures, after the best scale and offset"
    white = "Set12 under white noise of an unknown level (sigma 25): PSNR (dB) of the same network after as many steps"
    return {shown: microscopy(data / "microscopy", quick), white: white_noise(data / "photos" / "set12", quick)}


def microscopy(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """One row for each way, and last those that learned."""
    paths = sorted(folder.glob("input_*.tif"))[: 2 if quick else None]
    noisy = [grey(path) for path in paths]
    truth = [grey(path.with_name(path.name.replace("input_avg1", "target_avg400"))) for path in paths]
    rows = [judged(name, way, noisy, truth) for name, way in known_ways().items()]
    for name, options in {
        "trained on these noisy pictures": {},
        "the same, from nothing": {"network": "unet:widths=[24,48],blocks=1,skips=2"},
    }.items():
        begun = time.process_time()
        model = fitted(paths, **({"epochs": 1} if quick else {}), **options)
        spent = {"steps": model.model_.record["steps"], "CPU s of training": time.process_time() - begun}
        rows.append(judged(name, cleaner(model), noisy, truth) | spent)
    return rows


def known_ways() -> dict[str, Cleaner]:
    """What learns nothing from the pictures. Those that are told the level of white noise also see pictures whose noise is made even."""
    ways: dict[str, Cleaner] = {"as they are": lambda x: x}
    ways |= {f"Gaussian blur, sigma {sigma:g}": lambda x, sigma=sigma: classical.blurred(x, sigma) for sigma in BLURS}
    told = {"wavelets": classical.wavelets, "non-local means": classical.nonlocal_means, "BM3D": classical.bm3d}
    if find_spec("bm3d"):
        import bm3d

        told["the package bm3d"] = lambda x, sigma: torch.from_numpy(bm3d.bm3d(x.numpy().astype(np.float64), sigma)).float()
    for name, way in told.items():
        ways[name] = lambda x, way=way: way(x, classical.white(x))
        ways[f"{name}, noise made even"] = lambda x, way=way: evened(x, way)
    return ways | {"the shipped denoiser": lambda x: torch.from_numpy(np.asarray(denoise(x.numpy())))}


def evened(x: Tensor, way: Callable[[Tensor, float], Tensor]) -> Tensor:
    """Cleaned by a `way` for white noise, once noise that grows with brightness is made even (Anscombe 1948), and back."""
    noise = measured([x[None]])
    assert noise is not None
    slope, floor = max(noise.slope, 1e-6), noise.floor + 3 / 8 * noise.slope**2
    even = 2 / slope * (slope * x + floor).clamp_min(0).sqrt()
    scale = float(even.max() - even.min())
    return ((way(even / scale, 1 / scale) * scale * slope / 2).square() - floor) / slope


def judged(name: str, way: Cleaner, noisy: list[Tensor], truth: list[Tensor]) -> dict[str, Any]:
    begun = time.process_time()
    made = [way(x) for x in noisy]
    spent = (time.process_time() - begun) / len(noisy)
    return {"way": name, "PSNR": f"{np.mean([fitting(x, y) for x, y in zip(made, truth, strict=True)]):.2f}", "CPU s a picture": spent}


def cleaner(model: Autoencoder) -> Cleaner:
    return lambda x: torch.from_numpy(np.asarray(denoise(x.numpy(), model=model)))


def white_noise(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """The noisy pictures alone, and the same network shown the clean ones, under noise of the right level."""
    truth = [grey(path) for path in sorted(folder.glob("*.png"))][: 2 if quick else None]
    noisy = [x + SIGMA * torch.randn(x.shape, generator=torch.Generator().manual_seed(number)) for number, x in enumerate(truth)]
    rows = [{"trained on": "photographs alone: the shipped denoiser", "PSNR": scored(lambda x: denoise(x.numpy()), noisy, truth)}]
    short = {"epochs": 1} if quick else {}
    clean = {"kind": Part("image", noise=False, size=[64, 64]), "spoil": Part("noise", sigma=SIGMA)}  # as large as halves are
    with tempfile.TemporaryDirectory() as place:
        for name, pictures, options in (("noisy pictures alone", noisy, {}), ("clean pictures, noise added", truth, clean)):
            paths = saved(pictures, Path(place) / name.split()[0])
            begun = time.process_time()
            model = fitted(paths, **short, **options)
            seconds = time.process_time() - begun
            row = {"trained on": name, "PSNR": scored(cleaner(model), noisy, truth)}
            rows.append(row | {"steps": model.model_.record["steps"], "CPU s": seconds})
    return rows


def scored(way: Callable[[Tensor], Any], noisy: list[Tensor], truth: list[Tensor]) -> str:
    return f"{np.mean([psnr(torch.as_tensor(np.asarray(way(x))), y) for x, y in zip(noisy, truth, strict=True)]):.2f}"


def fitted(paths: list[Path], **options: Any) -> Autoencoder:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Autoencoder("denoise", random_state=0, **options).fit(paths)


def saved(pictures: list[Tensor], folder: Path) -> list[Path]:
    """Float pictures as files."""
    import tifffile

    folder.mkdir()
    for number, picture in enumerate(pictures):
        tifffile.imwrite(folder / f"{number:02d}.tif", picture.numpy())
    return sorted(folder.glob("*.tif"))


def grey(path: Path) -> Tensor:
    return torch.from_numpy(np.asarray(Image.open(path).convert("L")).astype("f4")) / 255


def psnr(made: Tensor, truth: Tensor) -> float:
    return float(-10 * (made.clamp(0, 1) - truth).square().mean().log10())


def fitting(made: Tensor, truth: Tensor) -> float:
    """PSNR after the best scale and offset: each picture of a pair was stretched to the full range by itself."""
    x, y = made.double().flatten(), truth.double().flatten()
    slope = ((x - x.mean()) * (y - y.mean())).mean() / (x - x.mean()).square().mean()
    return float(-10 * (slope * (x - x.mean()) + y.mean() - y).square().mean().log10())
