"""A user's data to bytes and back, by whatever model: a picture codec takes a picture as it is, other models take samples."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from hourglass import photos, reading, results
from hourglass.errors import BadOption
from hourglass.kinds import image
from hourglass.model import Model
from hourglass.uses import compress
from hourglass.writing import atomic

__all__ = ["packed", "picture_packed", "picture_unpacked"]

Path_ = str | os.PathLike[str]


def packed(
    model: Model, reader: reading.Reader, source: Any, quality: float, to: Path_ | None = None, max_error: float | None = None
) -> bytes:
    """Data as bytes of the .hgz format, written `to` a file too."""
    if (codec := photos.of_model(model)) is not None:
        if max_error is not None:
            raise BadOption("max_error is for tables, series and other samples; of the picture codec ask for a quality or psnr=")
        return picture_packed(codec, source, quality, to)
    pieces = reader.pieces(source)
    if lost := [name for name in (model.facts.get("label"), *model.facts.get("ignored", ())) if name]:
        warnings.warn(f"columns that the network never sees are not kept: {', '.join(map(str, lost[:8]))}", UserWarning, stacklevel=3)
    if max_error is not None and isinstance(source, np.ndarray) and source.dtype == np.float32:
        source = source.astype(np.float64)  # numbers far out are kept as their logarithm, for which float32 has too few digits
        pieces = reader.pieces(source)
    batch, layout = results.laid_out(reader.module, pieces, model.facts)
    return _kept(compress.compress(model, batch, quality, layout, max_error), to)


def picture_packed(codec: photos.Shipped, picture: Any, quality: float, to: Path_ | None = None, **aim: Any) -> bytes:
    """One picture through a picture codec."""
    if unknown := set(aim) - set(photos.Aim._fields):
        raise BadOption(f"the picture codec has no option {unknown.pop()!r}; it has quality, bytes, psnr, to and model")
    return _kept(photos.compress(codec, image.single(picture), photos.Aim(quality, **aim)), to)


def picture_unpacked(codec: photos.Shipped, data: bytes | Path_, to: Path_ | None = None, salvage: bool = False) -> Any:
    """One picture out of its bytes: an array (H, W) or (H, W, 3 or 4), or a file."""
    picture = photos.decompress(codec, reading.contents(data), salvage)
    if to is not None:
        image.write([[picture]], to, {"range": [0.0, 1.0], "dtype": str(picture.pixels.dtype)})
        return None
    full = picture.full
    return full[..., 0] if full.shape[-1] == 1 else full


def _kept(data: bytes, to: Path_ | None) -> bytes:
    if to is not None:
        with atomic(to) as temporary:
            temporary.write_bytes(data)
    return data
