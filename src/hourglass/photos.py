"""Pictures to .hgz bytes and back: what stands around the codec of `uses.photo`.

header    name and fingerprint of the model, shape, type, quality, what else is kept
chunks    one for each tile of 512 x 512 pixels; then transparency, then EXIF and colour profile, where there are such
"""

from __future__ import annotations

import functools
import math
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hourglass import bits
from hourglass.errors import BadData, BadFile, BadOption, DamagedFile
from hourglass.files import digest, read_model
from hourglass.kinds.image import MOST_PIXELS, Picture
from hourglass.model import Model
from hourglass.uses.photo import ARRAYS, CODEC, LEVELS, SHORT, WHITES, Codec, Progress, is_codec, places

__all__ = [
    "Aim",
    "Shipped",
    "compress",
    "decompress",
    "is_codec",
    "is_shipped",
    "narrow",
    "of_model",
    "picture_header",
    "shipped",
    "shipped_model",
    "wide",
]

PRETRAINED = Path(__file__).parent / "pretrained"
SHIPPED = "photo-1"
HEADER = ("codec", "model", "fingerprint", "shape", "dtype", "quality", "alpha", "kept")
DTYPES = ("uint8", "uint16", "float32", "float64")
KEPT = ("exif", "icc_profile")
MOST_KEPT = 16 << 20  # bytes of metadata


class Shipped(NamedTuple):
    """A codec with the name and fingerprint that its files carry."""

    codec: Codec
    name: str
    fingerprint: str


class Aim(NamedTuple):
    """What is asked for: a `quality`, or the best that fits into so many `bytes`, or the smallest that reaches a `psnr`."""

    quality: float = 50
    bytes: int | None = None
    psnr: float | None = None


@functools.cache
def shipped() -> Shipped:
    """The codec that comes with hourglass."""
    found = of_model(shipped_model())
    assert found is not None, "what is shipped is a codec"
    return found


def shipped_model() -> Model:
    """The model of that codec."""
    return read_model(PRETRAINED / f"{SHIPPED}.hourglass")


def is_shipped(model: Model) -> bool:
    """Whether a model is that codec."""
    found = of_model(model)
    return found is not None and found.fingerprint == shipped().fingerprint


def narrow(model: Model) -> Model:
    """A codec with its weights in half precision, as its file has them, where nothing is lost by that; any other model as it is."""
    weights = model.modules().state_dict().values()
    same = is_codec(model) and all(torch.equal(each.half().to(each.dtype), each) for each in weights if each.is_floating_point())
    if not same:
        return model
    made = model.to(torch.float16)
    bottleneck: Any = made.bottleneck
    bottleneck.prior.float()  # as in the file of the first codec, to which its fingerprint belongs
    return made


def wide(model: Model) -> Model:
    """The opposite of `narrow`: for all uses but the codec's own, half precision is none to compute in."""
    return model.to(torch.float32) if is_codec(model) else model


def of_model(model: Model) -> Shipped | None:
    """A model as a codec, or None where it is none."""
    if not is_codec(model):
        return None
    if model.codec is not None:
        return model.codec  # type: ignore[no-any-return]
    held = dict(narrow(model).modules().state_dict()) | {name: model.arrays[name] for name in ARRAYS}
    model.codec = Shipped(Codec(model), str(model.record.get("name") or "picture codec"), digest({"codec": CODEC}, held)[:16])
    made: Shipped = model.codec
    return made


def compress(by: Shipped, picture: Picture, aim: Aim, progress: Progress | None = None) -> bytes:
    """A picture as the bytes of a .hgz file. An aim that cannot be met, or is none, raises `BadOption`."""
    if str(picture.pixels.dtype) not in DTYPES or 0 in picture.pixels.shape:
        raise BadData(f"a picture of {picture.pixels.dtype}, {picture.pixels.shape}: give {', '.join(DTYPES)}, not empty")
    if aim.bytes is None and aim.psnr is None:
        level = _level(aim.quality)
        return _file(by, picture, level, by.codec.compress(picture.pixels, level, progress))
    if aim.bytes is not None and aim.psnr is not None:
        raise BadOption("bytes and psnr are both given; give one of them")
    return _fitting(by, picture, aim.bytes) if aim.bytes is not None else _reaching(by, picture, float(aim.psnr or 0))


def decompress(by: Shipped, data: bytes, salvage: bool = False, progress: Progress | None = None) -> Picture:
    """The picture in a .hgz file. Damage raises `DamagedFile`, with `salvage` its tiles are grey; another model's file raises `BadFile`."""
    header, chunks = bits.read_container(data, salvage)
    height, width, colours = _checked(by, header)
    tiles = sum(1 for _ in places(height, width))
    more = bool(header["alpha"]) + bool(header["kept"])
    if len(chunks) != tiles + more:
        raise DamagedFile(f"the header of this compressed file contradicts itself: {len(chunks)} chunks for {tiles} tiles and {more} more")
    shape = (height, width, colours)
    pixels, lost = by.codec.decompress(
        chunks[:tiles], shape, header["dtype"], round(header["quality"] * 10), progress, plain=header["codec"] == CODEC
    )
    if lost and not salvage:
        raise DamagedFile(f"chunk {lost[0] + 1} of {len(chunks)} is damaged: its symbols do not add up; --salvage writes the other chunks")
    alpha = _apart(chunks[tiles], (height, width), header["dtype"], salvage) if header["alpha"] else None
    metadata = _metadata(chunks[-1], header["kept"], salvage)
    if lost:
        warnings.warn(f"{len(lost):,} of {tiles:,} tiles are lost to damage and given in grey", UserWarning, stacklevel=2)
    return Picture(pixels, alpha=alpha, metadata=metadata)


def picture_header(header: dict[str, Any]) -> bool:
    """Whether a .hgz file holds a picture of this codec."""
    return header.get("codec") in (CODEC, SHORT)


def _level(quality: float) -> int:
    if isinstance(quality, bool) or not isinstance(quality, int | float) or not 0 <= quality <= 100:
        raise BadOption(f"quality={quality!r}: give a number from 0 (smallest) to 100 (best)")
    return round(quality * 10)


def _file(by: Shipped, picture: Picture, level: int, tiles: list[bytes]) -> bytes:
    kept = {name: bytes(picture.metadata[name]) for name in KEPT if picture.metadata.get(name)}
    header: dict[str, Any] = {"codec": SHORT, "model": by.name, "fingerprint": by.fingerprint, "shape": list(picture.pixels.shape)}
    header |= {"dtype": str(picture.pixels.dtype), "quality": level / 10, "alpha": int(picture.alpha is not None)}
    header["kept"] = {name: len(part) for name, part in kept.items()}
    chunks = tiles + ([] if picture.alpha is None else [_together(picture.alpha)])
    return bits.write_short(header, chunks + ([zlib.compress(b"".join(kept.values()), 9)] if kept else []))


def _search(good: Callable[[int], bool], rising: bool) -> int | None:
    """The last level that is `good`, where quality makes things worse, or, `rising`, the first one that is; None where there is none."""
    low, high, found = 0, LEVELS, None
    while low <= high:
        middle = (low + high) // 2
        fine = good(middle)
        found = middle if fine else found
        low, high = (low, middle - 1) if fine == rising else (middle + 1, high)
    return found


def _fitting(by: Shipped, picture: Picture, most: int) -> bytes:
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise BadOption(f"bytes={most!r}: give the size of the file as a whole number from 1 on")
    made: dict[int, bytes] = {}

    def fits(level: int) -> bool:
        made[level] = _file(by, picture, level, by.codec.compress(picture.pixels, level))
        return len(made[level]) <= most

    level = _search(fits, rising=False)
    if level is None:
        raise BadOption(f"bytes={most}: this picture takes {len(made[0]):,} bytes at the least (quality 0); allow that many, or shrink it")
    return made[level]


def _reaching(by: Shipped, picture: Picture, least: float) -> bytes:
    if not math.isfinite(least) or least <= 0:
        raise BadOption(f"psnr={least!r}: give decibels, such as 35")
    white = WHITES.get(str(picture.pixels.dtype), 1.0)
    made: dict[int, tuple[float, bytes]] = {}

    def reaches(level: int) -> bool:
        chunks = by.codec.compress(picture.pixels, level)
        drawn, _ = by.codec.decompress(chunks, picture.pixels.shape, str(picture.pixels.dtype), level)
        error = np.mean([np.mean((one.astype(np.float64) - other) ** 2) for one, other in zip(drawn, picture.pixels, strict=True)])
        made[level] = (10 * math.log10(white**2 / max(float(error), 1e-12)), _file(by, picture, level, chunks))
        return made[level][0] >= least

    level = _search(reaches, rising=True)
    if level is None:
        raise BadOption(f"psnr={least:g}: of this picture {made[LEVELS][0]:.2f} dB is the most (quality 100); ask for less, or use PNG")
    return made[level][1]


def _checked(by: Shipped, header: dict[str, Any]) -> tuple[int, int, int]:
    """Height, width and colours of a header that makes sense and fits the codec."""
    if not picture_header(header):
        raise BadFile(f"this was compressed by {str(header.get('codec'))[:40]!r}: give the model it was made with: model=MODEL (-m MODEL)")
    if header.get("fingerprint") != by.fingerprint:
        theirs = f"{str(header.get('model'))[:60]!r} ({str(header.get('fingerprint'))[:16]})"
        given = f"the codec that comes with hourglass, {by.name!r}" if by.name == SHIPPED else f"{by.name!r} ({by.fingerprint})"
        raise BadFile(f"this was compressed with {theirs}, not with {given}: give the model it was made with, model=MODEL (-m MODEL)")
    shape, quality, kept = header.get("shape"), header.get("quality"), header.get("kept")
    sound = isinstance(shape, list) and len(shape) == 3 and all(type(side) is int and side > 0 for side in shape) and shape[2] in (1, 3)
    sound = sound and header.get("dtype") in DTYPES and isinstance(quality, int | float) and 0 <= quality <= 100
    sound = sound and header.get("alpha") in (0, 1) and isinstance(kept, dict) and all(name in KEPT for name in kept)
    if not sound or not all(type(size) is int and 0 < size <= MOST_KEPT for size in kept.values()):  # type: ignore[union-attr]
        raise DamagedFile("the header of this compressed file contradicts itself")
    height, width, colours = shape  # type: ignore[misc]
    if height * width > MOST_PIXELS:
        raise BadFile(f"a picture of {width:,} x {height:,} pixels is larger than any that hourglass makes ({MOST_PIXELS:,} pixels)")
    return height, width, colours


def _together(alpha: NDArray[Any]) -> bytes:
    """Transparency, exactly: each row less the one above, deflated."""
    white = np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 0
    rows = np.diff(alpha, axis=0, prepend=np.full_like(alpha[:1], white)) if white else alpha
    return zlib.compress(np.ascontiguousarray(rows).astype(alpha.dtype.newbyteorder("<")).tobytes(), 9)


def _apart(chunk: bytes | None, shape: tuple[int, int], dtype: str, salvage: bool) -> NDArray[Any]:
    """The opposite of `_together`; what is lost is opaque."""
    kind = np.dtype(dtype)
    white = np.iinfo(kind).max if kind.kind == "u" else 1
    raw = _inflated(chunk, math.prod(shape) * kind.itemsize, salvage, "transparency")
    if raw is None:
        return np.full(shape, white, kind)
    rows = np.frombuffer(raw, kind.newbyteorder("<")).astype(kind).reshape(shape)
    if kind.kind != "u":
        return rows
    rows[0] += kind.type(white)
    made: NDArray[Any] = np.add.accumulate(rows, axis=0, dtype=kind)
    return made


def _metadata(chunk: bytes | None, kept: dict[str, int], salvage: bool) -> dict[str, bytes]:
    raw = _inflated(chunk, sum(kept.values()), salvage, "metadata") if kept else b""
    found, start = {}, 0
    for name, size in kept.items() if raw is not None else ():
        found[name], start = raw[start : start + size], start + size  # type: ignore[index]
    return found


def _inflated(chunk: bytes | None, size: int, salvage: bool, what: str) -> bytes | None:
    """A deflated chunk of exactly `size` bytes, and never more; None where that is lost and may be."""
    made = b""
    if chunk is not None:
        try:
            made = zlib.decompressobj().decompress(chunk, size + 1)
        except zlib.error:
            made = b""
    if len(made) == size:
        return made
    if not salvage:
        raise DamagedFile(f"the chunk of its {what} is damaged; --salvage writes the picture without")
    return None
