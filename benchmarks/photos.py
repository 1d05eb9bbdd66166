"""The shipped picture codec beside JPEG, WebP and AVIF: rate and distortion, time, memory."""

from __future__ import annotations

import io
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hourglass import compress, decompress

RANGE = (27.0, 37.0)  # decibels, over which rates are compared
Coder = Callable[[Image.Image, float], bytes]


def main(data: Path | None, quick: bool) -> dict[str, list[dict[str, Any]]]:
    """Tables by title."""
    folder = None if data is None else data / "photos" / "kodak"
    paths = [] if folder is None else sorted(folder.glob("*.png"))[: 2 if quick else None]
    if not paths:
        return {"no Kodak pictures: give --data": []}
    pictures = [Image.open(path).convert("RGB") for path in paths]
    curves = {name: curve(coder, qualities, pictures) for name, (coder, qualities) in coders(quick).items()}
    against = curves["JPEG"]
    rates = [{"codec": name, **point} for name, points in curves.items() for point in points]
    whole = [{"codec": name, **gain(against, points)} for name, points in curves.items() if name != "JPEG"]
    count = len(pictures)
    return {
        f"Bits per pixel against JPEG at equal PSNR, {RANGE[0]:g} to {RANGE[1]:g} dB, {count} Kodak pictures, real files": whole,
        "Mean bits per pixel and PSNR (dB) at each quality; processor seconds per picture to encode and decode, one thread": rates,
        "Memory: the most that a process held (MB), and processor seconds, compressing and decompressing": [] if quick else [memory()],
    }


def coders(quick: bool) -> dict[str, tuple[Coder, list[float]]]:
    """Each codec with the qualities that it is run at."""
    few = slice(None, None, 2 if quick else 1)

    def pillow(kind: str, **options: Any) -> Coder:
        def encode(picture: Image.Image, quality: float) -> bytes:
            picture.save(memory := io.BytesIO(), kind, quality=int(quality), **options)
            return memory.getvalue()

        return encode

    return {
        "JPEG": (pillow("JPEG", optimize=True, progressive=True, subsampling=2), [5, 8, 12, 18, 26, 38, 52, 66, 78, 87, 93, 96][few]),
        "WebP": (pillow("WEBP", method=6), [0, 20, 50, 80, 90, 97][few]),
        "AVIF": (pillow("AVIF", speed=6, subsampling="4:4:4"), [8, 20, 35, 50, 65, 78, 88][few]),
        "hourglass": (lambda picture, quality: compress(picture, quality=quality), [0, 15, 40, 65, 85, 95][few]),
    }


def curve(coder: Coder, qualities: list[float], pictures: list[Image.Image]) -> list[dict[str, float]]:
    """Mean rate and distortion at each quality."""
    points = []
    for quality in qualities:
        found = [measured(coder, quality, picture) for picture in pictures]
        bits, decibels, encoding, decoding = (float(np.mean(column)) for column in zip(*found, strict=True))
        points.append({"quality": quality, "bits per pixel": bits, "PSNR": decibels, "encode": encoding, "decode": decoding})
    return points


def measured(coder: Coder, quality: float, picture: Image.Image) -> tuple[float, float, float, float]:
    """Bits per pixel, PSNR of the 8-bit result, processor seconds there and back."""
    begun = time.process_time()
    data = coder(picture, quality)
    between = time.process_time()
    pixels = decompress(data) if data.startswith(b"\x89HGZ") else np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    over = time.process_time()
    original = np.asarray(picture)
    error = np.square(pixels.astype(float) - original).mean()
    rate = 8 * len(data) / (original.shape[0] * original.shape[1])
    return rate, 10 * math.log10(255**2 / error), between - begun, over - between


def gain(one: list[dict[str, float]], other: list[dict[str, float]]) -> dict[str, float]:
    """How much fewer bits the other takes at equal PSNR, in percent, averaged over the part of the range that both curves span.

    After Bjontegaard, with piecewise cubic curves through the logarithms of the rates.
    """
    from scipy.interpolate import PchipInterpolator

    low = max(RANGE[0], *(min(point["PSNR"] for point in points) for points in (one, other)))
    high = min(RANGE[1], *(max(point["PSNR"] for point in points) for points in (one, other)))
    areas = []
    for points in (one, other):
        ordered = sorted(points, key=lambda point: point["PSNR"])
        decibels, rates = ([point[name] for point in ordered] for name in ("PSNR", "bits per pixel"))
        areas.append(float(PchipInterpolator(decibels, np.log(rates)).integrate(low, high)) / (high - low))
    return {"BD-rate, %": 100 * (math.exp(areas[1] - areas[0]) - 1), "from dB": low, "to dB": high}


def memory(width: int = 6000, height: int = 4000) -> dict[str, Any]:
    """A made-up picture of 24 megapixels through a process of its own."""
    ran = subprocess.run([sys.executable, __file__, str(width), str(height)], capture_output=True, text=True, check=True)
    names = ("compressing: MB", "seconds", "decompressing: MB", "seconds back")
    return {"pixels": f"{width} x {height}", **dict(zip(names, map(float, ran.stdout.split()), strict=True))}


def alone(width: int, height: int) -> None:
    """What `memory` runs: prints the peaks and times."""
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    picture = np.empty((height, width, 3), np.uint8)
    for colour in range(3):
        picture[..., colour] = 128 + 60 * np.sin(rows / (31 + colour)) * np.cos(columns / 47) + np.sin(rows * columns / 997) * 20
    begun = time.process_time()
    data = compress(picture)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    between = time.process_time()
    decompress(data)
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(peak, between - begun, whole, time.process_time() - between)


if __name__ == "__main__":
    alone(*map(int, sys.argv[1:]))
