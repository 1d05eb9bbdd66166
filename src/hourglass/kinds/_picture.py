"""One picture: the record, and how any file that Pillow, tifffile or PyAV can read becomes one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from hourglass.errors import BadData, BadFile, HourglassError
from hourglass.kinds import _picture_deep as deep
from hourglass.kinds._pixels import plain, split, upright

__all__ = ["MOST_PIXELS", "Header", "Picture", "check", "from_pillow", "load", "peek"]

MOST_PIXELS = 2 * 89_478_485  # where Pillow itself refuses
ORIENTATION = 0x0112
_limit = threading.Lock()


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture on its way: `pixels` (H, W, 1 or 3) in the file's own dtype, `alpha` (H, W) of the same dtype or None.

    `name` is the path relative to what was read; `metadata` holds `exif`, `icc_profile` (bytes) and `dpi` where the file has them,
    `label` the label, when one was asked for. Pixels stand upright: an EXIF orientation is applied, and gone from `exif`.
    """

    pixels: NDArray[Any]
    name: str = ""
    alpha: NDArray[Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def full(self) -> NDArray[Any]:
        """Pixels with alpha as the last channel: (H, W, 1 to 4)."""
        return self.pixels if self.alpha is None else np.concatenate([self.pixels, self.alpha[..., None]], axis=-1)


class Header(NamedTuple):
    """What is known without decoding: upright `size` (H, W), `colour`, Pillow's `mode`, and whether there are several `frames`."""

    size: tuple[int, int]
    colour: bool
    mode: str
    frames: bool


def load(path: Path, *, name: str = "", label: str | None = None, most: int = MOST_PIXELS, page: int = 0) -> Picture:
    """Decode a file, of a stack a `page`. Whatever is wrong with it raises `BadData` or `BadFile` with the file's name in front."""
    with _said(path):
        found = deep.tiff(path, most, page)
        if found is not None:
            pixels, alpha, orientation, metadata = found
        else:
            with _opened(path, most) as image:
                image.seek(page)
                pixels, alpha = _decoded(image, path)
                orientation, metadata = _orientation(image), _metadata(image)
        _finite(pixels, path)
        alpha = None if alpha is None else upright(alpha, orientation)
        return Picture(upright(pixels, orientation), name or path.name, alpha, metadata, label)


def from_pillow(image: Image.Image, *, name: str = "") -> Picture:
    """A picture of a Pillow image."""
    pixels, alpha = _decoded(image, None)
    orientation = _orientation(image)
    alpha = None if alpha is None else upright(alpha, orientation)
    return Picture(upright(pixels, orientation), name, alpha, _metadata(image))


def peek(path: Path, most: int = MOST_PIXELS) -> Header:
    """Read the header only; errors as in `load`."""
    with _said(path):
        found = deep.tiff_header(path, most)
        if found is not None:
            return Header(*found)
        with _opened(path, most) as image:
            turned = _orientation(image) in (5, 6, 7, 8)
            size = image.size if turned else image.size[::-1]
            # phones store a second picture behind the first (MPO); nobody thinks of it as a frame
            frames = image.format != "MPO" and bool(getattr(image, "is_animated", False))
            return Header(size, image.mode not in ("1", "L", "LA", "La", "I", "F") and not image.mode.startswith("I;"), image.mode, frames)


def check(path: Path, most: int = MOST_PIXELS) -> None:
    """Decode a file and forget it; errors as in `load`. JPEG is decoded at an eighth of its size, which reads every byte and is quick."""
    with _said(path), _opened(path, most, tolerant=True) as image:
        if image is not None and image.format == "JPEG":
            image.draft("RGB", (max(1, image.width // 8), max(1, image.height // 8)))
            image.load()
            return
    load(path, most=most)


@contextlib.contextmanager
def _said(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into `BadData` naming the file: on broken files they raise nearly anything."""
    try:
        yield
    except HourglassError:
        raise
    except PermissionError as error:
        raise BadFile(f"{path}: no permission to read it") from error
    except FileNotFoundError as error:
        raise BadFile(f"{path}: there is no such file") from error
    except MemoryError as error:
        raise BadData(f"{path}: does not fit in memory") from error
    except Exception as error:
        why = "it is empty (0 bytes)" if path.is_file() and path.stat().st_size == 0 else _first_line(error)
        raise BadData(f"{path}: not a picture that can be read: {why}") from error


def _first_line(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its format is not known, or its beginning is damaged"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


@contextlib.contextmanager
def _opened(path: Path, most: int, *, tolerant: bool = False) -> Iterator[Any]:
    """The file as a Pillow image with our own limit on pixels; None, if `tolerant`, for what Pillow does not know."""
    try:
        with _limit:  # Pillow's limit is one global number
            before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                image = Image.open(path)
            finally:
                Image.MAX_IMAGE_PIXELS = before
    except UnidentifiedImageError:
        if not tolerant:
            raise
        yield None
        return
    with image:
        deep.refuse_bomb(path, image.size, most)
        yield image


def _decoded(image: Image.Image, path: Path | None) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Pixels (H, W, 1 or 3) and alpha (H, W) of an open image, as it lies in the file."""
    if path is not None and deep.is_deep(image):
        pixels, alpha = deep.by_av(path, alpha=image.mode in ("LA", "RGBA"))
        return pixels[..., :1] if deep.is_grey(image) else pixels, alpha
    image.load()
    if image.mode == "I" or image.mode.startswith("I;") or image.mode == "F":
        return plain(np.array(image))[..., None], None
    clear = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    grey = image.mode in ("1", "L", "LA", "La")
    array = np.array(image.convert({(0, 0): "RGB", (0, 1): "RGBA", (1, 0): "L", (1, 1): "LA"}[grey, clear]))
    return split(array[..., None] if array.ndim == 2 else array)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF does not make the pixels worse
        return 1


def _metadata(image: Image.Image) -> dict[str, Any]:
    """What goes over to the output: EXIF without its orientation, the colour profile, dots per inch."""
    kept: dict[str, Any] = {}
    exif = image.info.get("exif")
    if exif and image.format != "TIFF":
        with contextlib.suppress(Exception):
            tags = image.getexif()
            if ORIENTATION in tags:
                del tags[ORIENTATION]
                exif = tags.tobytes()
            kept["exif"] = exif
    if image.info.get("icc_profile") and image.mode not in (
        "CMYK",
        "LAB",
    ):  # a profile of other colours than the pixels' is worse than none
        kept["icc_profile"] = image.info["icc_profile"]
    if image.info.get("dpi"):
        kept["dpi"] = tuple(float(value) for value in image.info["dpi"])
    return kept


def _finite(pixels: NDArray[Any], path: Path) -> None:
    if pixels.dtype.kind == "f" and (bad := int(pixels.size - np.isfinite(pixels).sum())):
        raise BadData(f"{path}: {bad} of {pixels.size} values are not finite (NaN or infinite); replace them first")
