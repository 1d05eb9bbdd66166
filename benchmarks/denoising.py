"""The shipped picture denoiser beside filters, and beside BM3D and scikit-image where these are installed: PSNR and processor time."""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hourglass import denoise

Array = NDArray[Any]
Cleaner = Callable[[Array, float], Array]
LEVELS = (15, 25, 50)
SIDE = 256  # of colour pictures their middle
PATCH, WINDOW, STRENGTH = 5, 9, 0.6  # of non-local means: pixels, pixels, and how alike is alike, in standard deviations of the noise


class Pair(NamedTuple):
    """A picture in [0, 1] without and with its noise, and the standard deviation of that, of 255."""

    clean: Array
    noisy: Array
    level: float


def main(data: Path | None, quick: bool) -> dict[str, list[dict[str, Any]]]:
    """Tables by title."""
    photos = None if data is None else data / "photos"
    grey = [opened(path) for path in found(photos, "set12", "*.png", quick)]
    colour = [middle(opened(path)) for path in found(photos, "kodak", "*.png", quick)]
    if photos is None or not grey:
        return {"no Set12 pictures: give --data": []}
    cleaners = peers()
    once = {name: cleaner for name, cleaner in cleaners.items() if "careful" not in name}  # which takes eight times as long
    even = {name: cleaner for name, cleaner in cleaners.items() if "median" not in name}
    plain = {name: cleaner for name, cleaner in once.items() if name in even}
    real = [of_files(path) for path in found(photos, "real-noise", "*_real.JPG", quick)]
    return {
        "Set12, grey, white noise: PSNR (dB); processor seconds for 256 x 256 pixels, one thread": white(grey, even, timed=True),
        f"Kodak, the middle {SIDE} x {SIDE} pixels in colour, white noise: PSNR (dB)": white(colour, plain),
        "Noise of cameras (PolyU), the middle of each picture: PSNR (dB) against the mean of many shots": [one(real, plain)],
        "Set12, a fifth of the pixels black or white: PSNR (dB)": [one([specked(picture, n) for n, picture in enumerate(grey)], once)],
        "Pictures without noise: PSNR (dB) to themselves": unharmed({"Set12": grey, "Kodak": colour}),
        "24 megapixels in colour: processor seconds, and the most that the process held (MB)": [] if quick else [large()],
    }


def found(photos: Path | None, folder: str, names: str, quick: bool) -> list[Path]:
    """The pictures of a folder."""
    return [] if photos is None else sorted((photos / folder).glob(names))[: 2 if quick else None]


def opened(path: Path) -> Array:
    """(H, W) or (H, W, 3) in [0, 1]."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L" if image.mode == "L" else "RGB"), dtype=np.float64) / 255


def middle(picture: Array) -> Array:
    """Its middle."""
    top, left = ((side - SIDE) // 2 for side in picture.shape[:2])
    return picture[top : top + SIDE, left : left + SIDE]


def of_files(path: Path) -> Pair:
    """A real picture and the mean of many, which stands for the clean one; nobody knows the level."""
    noisy, clean = middle(opened(path)), middle(opened(path.with_name(path.name.replace("_real", "_mean"))))
    return Pair(clean, noisy, 255 * float(np.std(noisy - clean)))


def specked(picture: Array, seed: int) -> Pair:
    """Salt and pepper."""
    chance, noisy = np.random.default_rng(seed), picture.copy()
    lost = chance.random(picture.shape) < 0.2
    noisy[lost] = chance.integers(0, 2, int(lost.sum()))
    return Pair(picture, noisy, 50.0)


def whitened(picture: Array, level: float, seed: int) -> Pair:
    """White noise, not cut off."""
    return Pair(picture, picture + np.random.default_rng(seed).normal(0, level / 255, picture.shape), level)


def peers() -> dict[str, Cleaner]:
    """What cleans a picture, given the level of its noise; ours is not told."""
    from scipy.ndimage import gaussian_filter, median_filter

    def sizes(picture: Array, size: float) -> tuple[float, ...]:
        return (size, size, 0)[: picture.ndim]

    every: dict[str, Cleaner] = {
        "noisy": lambda picture, level: picture,
        "hourglass": lambda picture, level: denoise(picture.astype(np.float32)),
        "hourglass, careful": lambda picture, level: denoise(picture.astype(np.float32), careful=True),
        "Gaussian blur, 1 pixel": lambda picture, level: gaussian_filter(picture, sizes(picture, 1.0)),
        "median, 3 x 3": lambda picture, level: median_filter(picture, (3, 3, 1)[: picture.ndim]),
        "non-local means": non_local,
    }
    if find_spec("skimage"):
        from skimage.restoration import denoise_nl_means, denoise_wavelet

        def of_skimage(picture: Array, level: float) -> Array:
            told = {"h": 0.6 * level / 255, "sigma": level / 255, "patch_size": 5, "patch_distance": 6, "fast_mode": True}
            return denoise_nl_means(picture, channel_axis=None if picture.ndim == 2 else 2, **told)

        every["scikit-image, non-local means"] = of_skimage
        every["scikit-image, wavelet"] = lambda picture, level: denoise_wavelet(
            picture, sigma=level / 255, channel_axis=None if picture.ndim == 2 else 2, rescale_sigma=True
        )
    if find_spec("bm3d"):
        import bm3d

        every["bm3d"] = lambda picture, level: (bm3d.bm3d if picture.ndim == 2 else bm3d.bm3d_rgb)(picture, level / 255)
    return every


def non_local(picture: Array, level: float) -> Array:
    """Non-local means (Buades et al. 2005): the mean of all pixels near by, weighted by how alike what is around them is."""
    from scipy.ndimage import uniform_filter

    image = np.asarray(picture if picture.ndim == 3 else picture[..., None], dtype=np.float32)
    height, width, reach, sigma = *image.shape[:2], WINDOW // 2, level / 255
    wide = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    sums, weights = np.zeros_like(image), np.zeros((height, width, 1), np.float32)
    for down in range(WINDOW):
        for across in range(WINDOW):
            other = wide[down : down + height, across : across + width]
            apart = uniform_filter(np.square(image - other).mean(2), PATCH) - 2 * sigma**2
            weight = np.exp(-np.maximum(apart, 0) / (STRENGTH * sigma + 1e-9) ** 2)[..., None]
            sums, weights = sums + weight * other, weights + weight
    return (sums / weights).reshape(picture.shape)


def psnr(made: Array, clean: Array) -> float:
    """Decibels of the result, cut off at black and white."""
    return -10 * math.log10(max(float(np.square(made.clip(0, 1) - clean).mean()), 1e-12))


def white(pictures: list[Array], cleaners: dict[str, Cleaner], timed: bool = False) -> list[dict[str, Any]]:
    """A row for each cleaner: the mean at each level, and its time for a small picture."""
    if not pictures:
        return []
    pairs = {level: [whitened(picture, level, seed) for seed, picture in enumerate(pictures)] for level in LEVELS}
    rows = []
    for name, cleaner in cleaners.items():
        row: dict[str, Any] = {"cleaner": name}
        row |= {f"sigma {level}": round(mean(pairs[level], cleaner), 2) for level in LEVELS}
        rows.append(row | ({"CPU s": spent(cleaner, pairs[25])} if timed else {}))
    return [{name: f"{value:.2f}" if name.startswith("sigma") else value for name, value in row.items()} for row in rows]


def mean(pairs: list[Pair], cleaner: Cleaner) -> float:
    """Over the pictures."""
    return float(np.mean([psnr(cleaner(pair.noisy, pair.level), pair.clean) for pair in pairs]))


def spent(cleaner: Cleaner, pairs: list[Pair]) -> float:
    """Processor seconds for a picture of 256 x 256, the least of three."""
    small, level = pairs[0].noisy[:256, :256], pairs[0].level

    def once() -> float:
        begun = time.process_time()
        cleaner(small, level)
        return time.process_time() - begun

    return min(once() for _ in range(3))


def one(pairs: list[Pair], cleaners: dict[str, Cleaner]) -> dict[str, Any]:
    """A row with the mean of each cleaner."""
    return {name: f"{mean(pairs, cleaner):.2f}" for name, cleaner in cleaners.items()} if pairs else {}


def unharmed(sets: dict[str, list[Array]]) -> list[dict[str, Any]]:
    """How near pictures stay that have no noise, as 8 bits."""
    return [{"pictures": name, **dict(_of(pictures))} for name, pictures in sets.items() if pictures]


def _of(pictures: list[Array]) -> Iterator[tuple[str, str]]:
    near = [psnr(denoise(whole) / 255, whole / 255) for whole in (np.rint(picture * 255).astype(np.uint8) for picture in pictures)]
    yield "the mean", f"{np.mean(near):.1f}"
    yield "the least", f"{np.min(near):.1f}"


def large(width: int = 6000, height: int = 4000) -> dict[str, Any]:
    """A made-up picture through a process of its own."""
    ran = subprocess.run([sys.executable, __file__, str(width), str(height)], capture_output=True, text=True, check=True)
    return {"pixels": f"{width} x {height}", **dict(zip(("CPU s", "MB"), map(float, ran.stdout.split()), strict=True))}


def alone(width: int, height: int) -> None:
    """What `large` runs: prints processor seconds and the peak."""
    chance = np.random.default_rng(0)
    picture = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, 100):  # in parts: the noise itself would take more memory than cleaning
        rows, columns = np.arange(top, top + 100, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
        scene = 128 + 60 * np.sin(rows / 31) * np.cos(columns / 47)
        picture[top : top + 100] = (scene[..., None] + chance.normal(0, 20, (100, width, 3))).clip(0, 255)
    begun = time.process_time()
    denoise(picture)
    print(time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    alone(*map(int, sys.argv[1:]))
