"""How many bytes pictures take at equal PSNR: by a picture codec of the user's own, by the shipped one, and by what everybody has."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.interpolate import PchipInterpolator

from hourglass import photos
from hourglass.kinds.image import Picture
from hourglass.model import Model
from hourglass.uses.photo import WHITES

__all__ = ["Coder", "Point", "at", "by_codec", "by_pillow", "compared", "curve", "level", "plain", "saved", "span"]

Pixels = NDArray[Any]
MOST, PIXELS = 16, 1 << 19  # pictures that are looked at, and pixels in them
CLOSEST = 60.0  # decibels: closer is told as this
NARROW = 0.5  # decibels: a smaller range in common is none
QUALITIES = (0, 15, 30, 50, 70, 90)


class Point(NamedTuple):
    """Mean bytes of a picture's file, and mean PSNR in decibels."""

    bytes: float
    psnr: float


class Coder(NamedTuple):
    """Pixels (H, W, 1 or 3) and a quality to bytes, bytes back to pixels, and the qualities that are looked at."""

    encode: Callable[[Pixels, float], bytes]
    decode: Callable[[bytes], Pixels]
    qualities: Sequence[float]


def by_codec(by: photos.Shipped, qualities: Sequence[float] = QUALITIES) -> Coder:
    """A picture codec of ours."""

    def encode(pixels: Pixels, quality: float) -> bytes:
        return photos.compress(by, Picture(pixels), photos.Aim(quality))

    return Coder(encode, lambda data: photos.decompress(by, data).pixels, qualities)


def by_pillow(kind: str, qualities: Sequence[float], **options: Any) -> Coder:
    """A format that Pillow writes, for pictures of 8 bits."""

    def encode(pixels: Pixels, quality: float) -> bytes:
        shown = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        shown.save(memory := io.BytesIO(), kind, quality=int(quality), **options)
        return memory.getvalue()

    def decode(data: bytes) -> Pixels:
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        return pixels[..., None] if pixels.ndim == 2 else pixels

    return Coder(encode, decode, qualities)


def plain() -> dict[str, Coder]:
    """What everybody has, at its best settings for size."""
    return {
        "WebP": by_pillow("WEBP", (0, 20, 50, 80, 90, 97), method=6),
        "JPEG": by_pillow("JPEG", (5, 12, 26, 45, 66, 82, 92, 96), optimize=True, progressive=True, subsampling=2),
    }


def level(pixels: Pixels, other: Pixels) -> float:
    """PSNR in decibels; of a grey picture that came back in colour, of its mean."""
    white = WHITES.get(str(pixels.dtype), 1.0)
    back = other.mean(2, keepdims=True) if other.shape[2] > pixels.shape[2] else other
    error = float(np.square(back.astype(np.float64) - pixels).mean()) / white**2
    return min(CLOSEST, -10 * math.log10(max(error, 1e-12)))


def curve(coder: Coder, pictures: Sequence[Pixels]) -> list[Point]:
    """Mean bytes and PSNR at each quality, of real files."""
    points = []
    for quality in coder.qualities:
        files = [coder.encode(pixels, quality) for pixels in pictures]
        levels = [level(pixels, coder.decode(data)) for pixels, data in zip(pictures, files, strict=True)]
        points.append(Point(float(np.mean([len(data) for data in files])), float(np.mean(levels))))
    return points


def span(curves: Sequence[Sequence[Point]]) -> tuple[float, float] | None:
    """The range of PSNR that all curves reach; None where there is hardly any."""
    rising = [_rising(points) for points in curves]
    low, high = max(points[0].psnr for points in rising), min(points[-1].psnr for points in rising)
    return (low, high) if high - low >= NARROW else None


def at(points: Sequence[Point], decibels: float) -> float:
    """Bytes at a PSNR within the curve."""
    return math.exp(float(_logarithms(points)(decibels)))


def saved(points: Sequence[Point], other: Sequence[Point], low: float, high: float) -> float:
    """The share of the other's bytes that is saved at equal PSNR, averaged over a range of it (after Bjontegaard)."""
    mine, theirs = (float(_logarithms(each).integrate(low, high)) / (high - low) for each in (points, other))
    return 1 - math.exp(mine - theirs)


def _logarithms(points: Sequence[Point]) -> Any:
    """The logarithm of the bytes as a smooth function of PSNR."""
    kept = _rising(points)
    return PchipInterpolator([point.psnr for point in kept], np.log([point.bytes for point in kept]))


def _rising(points: Sequence[Point]) -> list[Point]:
    """Points in order, without those that are no better than a smaller one."""
    kept: list[Point] = []
    for point in sorted(points):
        if not kept or point.psnr > kept[-1].psnr + 1e-6:
            kept.append(point)
    return kept


def compared(model: Model, pictures: Sequence[Pixels]) -> dict[str, Any]:
    """A codec against the shipped one, WebP and JPEG on pictures that it never saw, as JSON values; see `codecs`.

    `levels` are three PSNRs, `bytes` what each takes there; `saved` the shares saved; `pays` from how many pictures on its own bytes,
    `model`, are made up for (None: never).
    """
    own, given = photos.of_model(model), photos.shipped()
    assert own is not None
    some, coders = _some(pictures), {given.name: by_codec(given)}
    if own.fingerprint != given.fingerprint:
        coders = {own.name: by_codec(own), **coders}
    coders |= plain() if all(pixels.dtype == np.uint8 for pixels in some) else {}
    curves = {name: curve(coder, some) for name, coder in coders.items()}
    found: dict[str, Any] = {"pictures": len(some), "pixels": int(np.mean([math.prod(pixels.shape[:2]) for pixels in some]))}
    found |= {"name": next(iter(curves)), "given": given.name, "model": _size(model), "curves": curves, "levels": []}
    common = span(list(curves.values()))
    return found if common is None else found | _measured(curves, common, found["model"])


def _measured(curves: Mapping[str, Sequence[Point]], common: tuple[float, float], size: int) -> dict[str, Any]:
    """What curves say over a range of PSNR that they have in common."""
    low, high = common
    levels = [low + share * (high - low) for share in (0.15, 0.5, 0.85)]
    took = {name: [at(points, decibels) for decibels in levels] for name, points in curves.items()}
    (name, own), *others = curves.items()
    gained = {other: float(np.mean(took[other]) - np.mean(took[name])) for other, _ in others}
    return {
        "levels": levels,
        "bytes": took,
        "saved": {other: saved(own, points, low, high) for other, points in others},
        "pays": {other: math.ceil(size / gain) if gain > 0 else None for other, gain in gained.items()},
    }


def _some(pictures: Sequence[Pixels]) -> list[Pixels]:
    """Pictures until there are enough to look at; the first, however large."""
    found: list[Pixels] = []
    pixels = 0
    for picture in pictures[:MOST]:
        if found and pixels + math.prod(picture.shape[:2]) > PIXELS:
            continue
        found.append(picture)
        pixels += math.prod(picture.shape[:2])
    return found


def _size(model: Model) -> int:
    """Bytes of weights and tables as the file has them."""
    narrow = photos.narrow(model)
    return sum(each.numel() * each.element_size() for each in (*narrow.modules().state_dict().values(), *narrow.arrays.values()))
