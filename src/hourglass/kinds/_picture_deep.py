"""Pictures of more than 8 bits: TIFF by tifffile, colour PNG and PPM of 16 bits by PyAV. Pillow would cut these to 8 bits."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from hourglass.errors import BadData, MissingExtra
from hourglass.kinds._pixels import plain, split

__all__ = ["by_av", "is_deep", "is_grey", "refuse_bomb", "tiff", "tiff_header", "tiff_pages"]

Found = tuple[NDArray[Any], NDArray[Any] | None, int, dict[str, Any]]
TURNED = (5, 6, 7, 8)


def refuse_bomb(path: Path, size: tuple[int, int], most: int) -> None:
    """A picture of more than `most` pixels is refused before it is decoded."""
    if size[0] * size[1] > most:
        raise BadData(
            f"{path}: {size[0] * size[1]:,} pixels ({size[0]} x {size[1]}), more than the {most:,} that are allowed: "
            f"a small file can ask for all the memory there is. If it is genuine, raise the limit with max_pixels={size[0] * size[1]}"
        )


def is_deep(image: Image.Image) -> bool:
    """Does Pillow cut this colour picture from 16 bits to 8?"""
    tile = getattr(image, "tile", None)
    if image.mode not in ("RGB", "RGBA", "LA") or not tile:
        return False
    arguments = tile[0][3]
    if isinstance(arguments, str):
        return arguments.endswith(";16B") or arguments.endswith(";16N")
    return image.format == "PPM" and isinstance(arguments, tuple) and any(isinstance(a, int) and a > 255 for a in arguments)


def is_grey(image: Image.Image) -> bool:
    """Does the file of this picture hold grey with alpha? Pillow makes colour of it at 16 bits."""
    return image.mode == "LA" or str(getattr(image, "tile", [("", 0, 0, "")])[0][3]).startswith("LA")


def by_av(path: Path, *, alpha: bool) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Pixels (H, W, 3) uint16 and alpha (H, W), by the decoders of FFmpeg."""
    try:
        import av
    except ImportError as error:
        raise MissingExtra(f"{path}: a colour picture of 16 bits needs PyAV: pip install av (or save it with 8 bits)") from error
    with path.open("rb") as file, av.open(file, mode="r") as container:  # an open file: in a path, %d would be taken for a sequence
        frame = next(iter(container.decode(video=0)))
        array = frame.to_ndarray(format="rgba64le" if alpha else "rgb48le").astype(np.uint16, copy=False)
    return array[..., :3], array[..., 3] if alpha else None


def tiff_header(path: Path, most: int) -> tuple[tuple[int, int], bool, str, bool] | None:
    """Size (H, W), colour, mode and several frames of a deep TIFF; None for every other file."""
    if not _is_tiff(path):
        return None
    with _quiet(), tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        if not _deep(page):
            return None
        height, width = page.imagelength, page.imagewidth
        refuse_bomb(path, (width, height), most)
        size = (width, height) if _orientation(page) in TURNED else (height, width)
        return size, page.samplesperpixel > 2, str(page.dtype), len(file.pages) > 1


def tiff_pages(path: Path) -> int:
    """How many pages of a TIFF are of the size and sort of the first; 1 for every other file."""
    if not _is_tiff(path):
        return 1
    with _quiet(), tifffile.TiffFile(path) as file:
        pages: Any = file.pages
        return sum(page.shape == pages[0].shape and page.dtype == pages[0].dtype for page in pages)


def tiff(path: Path, most: int, number: int = 0) -> Found | None:
    """Pixels, alpha, orientation and metadata of a page of a deep TIFF, the first by default; None for every other file."""
    if tiff_header(path, most) is None:
        return None
    with _quiet(), tifffile.TiffFile(path) as file:
        page: Any = file.pages[number]
        try:
            array = page.asarray()
        except ValueError:  # a compression that tifffile leaves to a large extra package
            array = _otherwise(path, page)
        array = array[..., None] if array.ndim == 2 else array
        if page.axes.startswith("S") and array.shape[0] == page.samplesperpixel:
            array = np.moveaxis(array, 0, -1)
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and array.dtype.kind == "u":
            array = np.iinfo(array.dtype).max - array
        pixels, alpha = _channels(array, path)
        return pixels, alpha, _orientation(page), _metadata(page)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without tifffile's own log: what is wrong with a file is said by us, in one line."""
    logger = logging.getLogger("tifffile")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _deep(page: Any) -> bool:
    """More than 8 bits, or a float."""
    return page.dtype is not None and page.dtype.itemsize > 1


def _orientation(page: Any) -> int:
    return int(page.tags[274].value) if 274 in page.tags else 1


def _metadata(page: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {"icc_profile": bytes(page.tags[34675].value)} if 34675 in page.tags else {}
    if 282 in page.tags and 283 in page.tags and page.tags.valueof(296) in (2, 3):
        inch = 1.0 if page.tags.valueof(296) == 2 else 2.54
        across, down = page.tags[282].value, page.tags[283].value
        if across[1] and down[1]:
            kept["dpi"] = (across[0] / across[1] * inch, down[0] / down[1] * inch)
    return kept


def _otherwise(path: Path, page: Any) -> NDArray[Any]:
    """Decode what tifffile cannot: Pillow keeps the depth of grey pictures, FFmpeg that of colour."""
    if page.samplesperpixel in (3, 4) and page.dtype == np.uint16:
        pixels, alpha = by_av(path, alpha=page.samplesperpixel == 4)
        return pixels if alpha is None else np.concatenate([pixels, alpha[..., None]], axis=-1)
    with Image.open(path) as image:
        return np.array(image)


def _channels(array: NDArray[Any], path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Pixels (H, W, 1 or 3) and alpha of (H, W, C), in one of the dtypes of a picture."""
    if array.ndim != 3 or array.shape[-1] > 4:
        raise BadData(
            f"{path}: a page of shape {array.shape}; a picture has 1 to 4 channels. Pick channels first, or give an array as .npz"
        )
    return split(plain(array))
