"""A hard bound on errors: what the network gets wrong by more than that is put right by corrections beside the code.

    samples - network's = corrections * (2 * bound) + what is left, never more than the bound

Corrections are whole numbers, most of them 0 where the network knows the data; they are stored by LZMA, element by element. This is how
error-bounded compressors of scientific data work (Di and Cappello 2016), with a network for their predictor.
"""

from __future__ import annotations

import lzma
import math
import struct

import numpy as np
import torch
from torch import Tensor

from hourglass.errors import BadOption, DamagedFile
from hourglass.kinds._tensors import EDGE
from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.uses.lasting import stretched

__all__ = ["behind", "checked", "corrected", "corrections", "steps"]

SLACK = 0.999  # of the bound: the rest is for rounding in the data's own type
LARGEST = 2**31  # corrections; further off a sample is no data of this model
TYPES = (np.int8, np.int16, np.int32)
SQUASHED = ("table", "series")  # kinds whose values far out are drawn in
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6}]


def checked(model: Model, bound: float) -> float:
    """A bound that can be meant, else `BadOption`: for numbers alone, and not for codecs of symbols."""
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not 0 < bound < math.inf:
        raise BadOption(f"max_error={bound!r}: give a number above 0, in standard deviations of the column (of pictures: 1 is white)")
    if "symbols" in model.facts:
        raise BadOption("max_error is for numbers; texts come back from their codes as well as the network can")
    return float(bound)


def steps(model: Model, bound: float) -> Tensor:
    """The error that is left at most for each element, (*shape): the bound, or less where rounding to the data's own steps needs it."""
    resolution = torch.as_tensor(model.facts.get("resolution", 0.0)).double().expand(model.shape)
    whole = ((bound / resolution.clamp_min(1e-300)).floor() + 0.49) * resolution
    return torch.where(resolution > 0, whole.clamp_max(bound), bound) * SLACK


def corrections(model: Model, part: Batch, made: Tensor, bound: float) -> bytes:
    """What puts `made` (B, *shape) right, as bytes; what is masked needs nothing."""
    apart = _true(model, part.x.double()) - _true(model, made.double())
    found = (apart / (2 * steps(model, bound))).round()
    found = found if part.mask is None else torch.where(part.mask, found, 0.0)
    if float(found.abs().max()) >= LARGEST:
        raise BadOption(f"max_error={bound:g} is too small for these data: some lie millions of steps from what the network gives back")
    least = next(sort for sort in TYPES if float(found.abs().max()) <= np.iinfo(sort).max)
    columns = found.flatten(1).T.contiguous().numpy().astype(np.dtype(least).newbyteorder("<"))
    packed = lzma.compress(columns.tobytes(), lzma.FORMAT_RAW, filters=FILTERS)
    return struct.pack("<BI", np.dtype(least).itemsize, len(packed)) + packed


def corrected(model: Model, made: Tensor, chunk: bytes, bound: float) -> Tensor:
    """`made` put right by the bytes at the beginning of a chunk, in float64."""
    sort, data = _parts(chunk)
    size = made.numel() * np.dtype(sort).itemsize
    try:
        raw = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=FILTERS).decompress(data, size + 1)
    except lzma.LZMAError as trouble:
        raise DamagedFile(f"its corrections are damaged: {trouble}") from trouble
    if len(raw) != size:
        raise DamagedFile("its corrections are of another size than its samples")
    found = np.frombuffer(raw, np.dtype(sort).newbyteorder("<")).astype(np.float64).reshape(-1, len(made))
    added = torch.from_numpy(found.T.copy()).reshape(made.shape) * (2 * steps(model, bound))
    return _drawn_in(model, _true(model, made.double()) + added)


def _true(model: Model, x: Tensor) -> Tensor:
    """Samples in true spreads."""
    return stretched(x) if model.kind in SQUASHED else x


def _drawn_in(model: Model, x: Tensor) -> Tensor:
    """True spreads as the network sees them: values far out as their logarithm."""
    if model.kind not in SQUASHED:
        return x
    return x.sign() * (x.abs().clamp_max(EDGE) + (x.abs() - EDGE).clamp_min(0).log1p())


def behind(chunk: bytes) -> bytes:
    """The rest of a chunk."""
    return chunk[5 + len(_parts(chunk)[1]) :]


def _parts(chunk: bytes) -> tuple[type[np.signedinteger], bytes]:
    """The type of the corrections, and their bytes."""
    if len(chunk) < 5:
        raise DamagedFile("its corrections are cut short")
    size, length = struct.unpack("<BI", chunk[:5])
    sort = {np.dtype(sort).itemsize: sort for sort in TYPES}.get(size)
    if sort is None or length > len(chunk) - 5:
        raise DamagedFile("its corrections are cut short")
    return sort, chunk[5 : 5 + length]
