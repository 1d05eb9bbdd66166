"""Pictures to files: each format keeps the depth, alpha and metadata that it can; a file is there whole or not at all."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from hourglass.errors import BadOption
from hourglass.kinds._picture import Picture
from hourglass.kinds._picture_source import SUFFIXES
from hourglass.writing import atomic

__all__ = ["TIFF", "save", "save_stack", "scaled"]

TIFF = (".tif", ".tiff")
DEEP = {".png": ("uint16",), ".pgm": ("uint16",), ".ppm": ("uint16",), **dict.fromkeys(TIFF, ("uint16", "float32", "float64"))}
CLEAR = (".png", ".webp", ".avif", ".gif", *TIFF)
CARRIES: dict[str, tuple[str, ...]] = {
    ".png": ("exif", "icc_profile", "dpi"),
    ".jpg": ("exif", "icc_profile", "dpi"),
    ".webp": ("exif", "icc_profile"),
    ".avif": ("exif", "icc_profile"),
    ".tif": ("icc_profile", "dpi"),
    ".bmp": ("dpi",),
}
SETTINGS: dict[str, dict[str, Any]] = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".webp": {"quality": 95},
    ".avif": {"quality": 90},
    ".tif": {"compression": "tiff_adobe_deflate"},
}
FORMATS = {".jpg": "JPEG", ".tif": "TIFF", ".pgm": "PPM"}


def save(picture: Picture, path: Path, span: tuple[float, float] = (0.0, 1.0)) -> None:
    """Write one picture; the suffix chooses the format. `span` are the values that floats have for black and white.

    16 bits stay in PNG, TIFF, PGM and PPM, floats in TIFF, alpha in PNG, WebP, AVIF, GIF and TIFF; else a picture becomes 8 bits and
    loses its alpha, with a warning for the alpha. A suffix that is not known raises `BadOption`, a full disk `CannotWrite`.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadOption(f"cannot write a picture to {path}: its name must end in one of {' '.join(SUFFIXES)}")
    deep = str(picture.pixels.dtype) in DEEP.get(suffix, ())
    pixels = picture.full if suffix in CLEAR else picture.pixels
    if picture.alpha is not None and suffix not in CLEAR:
        warnings.warn(f"{path.name}: {suffix} cannot hold transparency, which is left out; PNG can", UserWarning, stacklevel=2)
    if suffix == ".pgm" and pixels.shape[-1] == 3:
        raise BadOption(f"cannot write a colour picture to {path}: .pgm holds grey only; use .ppm or .png")
    if not deep:
        pixels = scaled(pixels, "uint8", span)
    with atomic(path) as beside:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            _encode(file, pixels, suffix, picture.metadata)


def save_stack(pictures: Sequence[Picture], path: Path) -> None:
    """Write pictures as the pages of one TIFF, each as it is."""
    with atomic(path) as beside:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file, tifffile.TiffWriter(file) as pages:
            for picture in pictures:
                pages.write(**_page(picture.full, {}))


def scaled(pixels: NDArray[Any], dtype: str, span: tuple[float, float]) -> NDArray[Any]:
    """The same picture in uint8 or uint16; integers run over their full range, floats over `span`."""
    if str(pixels.dtype) == dtype:
        return pixels
    low, high = (0.0, float(np.iinfo(pixels.dtype).max)) if pixels.dtype in (np.uint8, np.uint16) else span
    top = np.iinfo(dtype).max
    made: NDArray[Any] = np.rint(((pixels.astype(np.float64) - low) / (high - low) * top).clip(0, top)).astype(dtype)
    return made


def _encode(file: BinaryIO, pixels: NDArray[Any], suffix: str, metadata: Mapping[str, Any]) -> None:
    """Pixels (H, W, 1 to 4) of a dtype that the format holds."""
    suffix = {".jpeg": ".jpg", ".tiff": ".tif"}.get(suffix, suffix)
    kept = {key: metadata[key] for key in CARRIES.get(suffix, ()) if metadata.get(key)}
    if pixels.dtype == np.uint8:
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        kind = FORMATS.get(suffix, suffix[1:].upper())
        # Pillow seeks and tells in what it writes: memory first, the disk once
        image.save(memory := io.BytesIO(), kind, **SETTINGS.get(suffix, {}), **kept)
        file.write(memory.getvalue())
    elif suffix == ".tif":
        _tiff(file, pixels, kept)
    elif suffix == ".png":
        file.write(_png(pixels, kept))
    else:
        height, width, channels = pixels.shape
        file.write(b"P%d\n%d %d\n65535\n" % (5 if channels == 1 else 6, width, height) + pixels.astype(">u2").tobytes())


def _tiff(file: BinaryIO, pixels: NDArray[Any], kept: Mapping[str, Any]) -> None:
    tifffile.imwrite(file, **_page(pixels, kept))


def _page(pixels: NDArray[Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """What tifffile is told of pixels (H, W, 1 to 4)."""
    data = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    return {
        "data": data,
        "photometric": "rgb" if pixels.shape[-1] > 2 else "minisblack",
        "planarconfig": "contig" if data.ndim == 3 else None,
        "extrasamples": ["unassalpha"] if pixels.shape[-1] in (2, 4) else None,
        "iccprofile": kept.get("icc_profile"),
        "resolution": kept.get("dpi"),
        "resolutionunit": "INCH" if "dpi" in kept else None,
        "metadata": None,
    }


def _png(pixels: NDArray[Any], kept: Mapping[str, Any]) -> bytes:
    """A PNG of 16 bits with 1 to 4 channels; Pillow writes these in grey only."""
    height, width, channels = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    lines = np.empty((height, rows.shape[1] + 1), dtype=np.uint8)
    lines[:, 0] = 2  # filter "up": each byte less the one above
    lines[:, 1:] = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, (0, 4, 2, 6)[channels - 1], 0, 0, 0))]
    if "icc_profile" in kept:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(kept["icc_profile"])))
    if "dpi" in kept:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in kept["dpi"]), 1)))
    if "exif" in kept:
        chunks.append((b"eXIf", bytes(kept["exif"]).removeprefix(b"Exif\0\0")))
    chunks += [(b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b"")]
    packed = (struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
