"""Compress samples to the bytes of their codes, with any trained model, and give them back.

    Batch -> encoder -> code -> round((code - offset) / (step * scale)) -> symbols -> bits.pack -> chunks of rows, each with its checksum

The steps and the tables were learned at the end of fit; `quality` only chooses `scale`, from 128 (quality 0) to 1 (quality 100). Codes that
are symbols already (`vector`) are packed as they are: see `symbols`. What the network does not know corrections bring back: see `bound`.
"""

from __future__ import annotations

import math
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hourglass import bits
from hourglass.errors import BadData, BadFile, BadOption, DamagedFile
from hourglass.files import digest, to_json
from hourglass.model import Model
from hourglass.parts import Batch, Code
from hourglass.uses import bound, symbols

__all__ = ["compress", "decompress", "fingerprint", "layout_in", "prepare"]

CODEC = "codes-1"  # once in a release never changed: a better one gets another name
BOUNDED = "-bounded"  # behind the name, where corrections keep errors within a bound
KNOWN = (CODEC, symbols.CODEC, CODEC + BOUNDED, symbols.CODEC + BOUNDED)
ROWS = 4096  # training rows that the tables are learned from, at most
NUMBERS = 1 << 24  # numbers of a chunk or of the training rows, at most: large samples come in fewer rows
CHUNK = 4096  # rows of a chunk, at most
FINEST = 64  # steps in one standard deviation at quality 100
OCTAVES = 7  # halvings of the step from quality 0 to quality 100
LEVELS = 8 * FINEST + 1  # four standard deviations to each side; beyond, symbols are written out
Learned = tuple[Tensor, Tensor, bits.Tables] | bits.Tables  # offsets, steps and tables; or the tables of symbols
ARRAYS = ("compress.offsets", "compress.steps", "compress.tables", symbols.TABLE)


def prepare(model: Model, training: Batch, held_out: Batch) -> dict[str, Tensor]:
    """What later compression needs, from training codes: per code unit (channel, in spatial codes) an offset, a step and a histogram.

    `compress.offsets` and `compress.steps` (k,) float64, `compress.tables` (k, `LEVELS`) int32. `held_out` is not used.
    """
    if _first(model, training[:2]).beside:
        return {}
    rows = next(_cut(training, min(ROWS, max(64, NUMBERS // max(1, math.prod(model.shape))))))
    if symbols.native(model):
        return symbols.histograms(model, [_first(model, part) for part in _cut(rows, CHUNK)])
    codes = torch.cat([_codes(model, part) for part in _cut(rows, CHUNK)]).double()  # (n, k)
    if not bool(codes.isfinite().all()):
        raise BadData("the codes of the training data are not finite, so they cannot be compressed; train again with a lower learning rate")
    spread = codes.std(0, correction=0)
    # a unit that hardly moves still gets a step that is not absurdly fine beside those of the others
    steps = spread.clamp_min(max(1e-3 * float(spread.max()), 1e-9)) / FINEST
    offsets = codes.median(0).values
    low = torch.full((len(steps),), -(LEVELS // 2))
    counted = _smoothed(bits.histogram(_rounded((codes - offsets) / steps), low, LEVELS), len(codes))
    return {"compress.offsets": offsets, "compress.steps": steps, "compress.tables": counted}


def compress(model: Model, batch: Batch, quality: float = 50, layout: Any = None, max_error: float | None = None) -> bytes:
    """The samples as bytes; `quality` from 0 (smallest) to 100 (as good as the network can). Undone by `decompress`.

    `layout` (JSON) tells how the samples, parts of something larger, lie in it; kept for `layout_in` below. A mask is kept
    too: what was missing comes back as missing. Codes that are symbols have no quality. `max_error`: no element comes back further off,
    in standard deviations of the column (of pictures 1 is white); see `uses/bound.py`.
    """
    if isinstance(quality, bool) or not isinstance(quality, int | float) or not 0 <= quality <= 100:
        raise BadOption(f"quality={quality!r}: give a number from 0 (smallest) to 100 (best)")
    scale = 2.0 ** ((100 - quality) * OCTAVES / 100)
    learned, exact = _learned(model, scale), _exact(model)
    rows = min(CHUNK, max(1, NUMBERS // max(1, math.prod(model.shape))))
    limit = None if max_error is None else bound.checked(model, max_error)
    chunks = []
    for part in _cut(batch, rows):
        chunk = _chunk(_packed(exact, part, learned), part.mask)
        right = b"" if limit is None else bound.corrections(model, part, _made(exact, chunk, part.count, learned), limit)
        chunks.append(right + chunk)
    codec = _codec(model) + ("" if limit is None else BOUNDED)
    header = {"codec": codec, "model": _name(model), "fingerprint": fingerprint(model), "kind": model.kind, "shape": list(model.shape)}
    header |= ({} if layout is None else {"layout": layout}) | ({} if limit is None else {"bound": limit})
    return bits.write_container(header | {"rows": batch.count, "chunk": rows, "quality": quality, "scale": scale}, chunks)


def decompress(model: Model, data: bytes, salvage: bool = False) -> Tensor | Batch:
    """The samples (n, *shape) in float32, as `loss.data` gives them; a Batch with its mask when something is missing.

    Computed in float64 whatever the model's precision, so that the number of threads does not show in the result. With `salvage`,
    rows of damaged chunks are NaN and masked; without it they raise `DamagedFile`. Another model than the one that compressed: `BadFile`.
    """
    header, chunks = bits.read_container(data, salvage)
    rows, chunk, scale = _checked(model, header, len(chunks))
    learned, exact = _learned(model, scale), _exact(model)
    batches, lost = [], 0
    for number, piece in enumerate(chunks):
        count = min(chunk, rows - number * chunk)
        try:
            if piece is not None:
                batches.append(_samples(exact, piece, count, learned, header.get("bound")))
                continue
        except DamagedFile as trouble:
            if not salvage:
                raise DamagedFile(f"chunk {number + 1} of {len(chunks)} is damaged: {trouble}") from trouble
        batches.append(_lost(model, count))
        lost += count
    x = torch.cat([batch.x for batch in batches]) if batches else torch.zeros(0, *model.shape)
    if lost:
        warnings.warn(f"{lost:,} of {rows:,} samples are lost to damage and given as missing", UserWarning, stacklevel=2)
    if all(batch.mask is None for batch in batches):
        return x
    return Batch(x, torch.cat([torch.ones_like(part.x, dtype=torch.bool) if part.mask is None else part.mask for part in batches]))


def layout_in(model: Model, data: bytes) -> Any:
    """How the samples lie in what they are parts of, as `compress` was told; None where samples are no parts."""
    if not model.facts.get("cut"):
        return None
    told = bits.read_container(data, salvage=True)[0].get("layout")
    if told is None:
        raise DamagedFile("this compressed file does not say how its parts lie together")
    return told


def fingerprint(model: Model) -> str:
    """24 letters that tell models apart: a hash of weights, facts and tables, the same after saving and loading.

    What other uses have learned (thresholds, say) does not count, as it does not change what bytes mean.
    """
    tensors = dict(model.modules().state_dict()) | {name: model.arrays[name] for name in ARRAYS if name in model.arrays}
    return digest({"facts": str(to_json(model.facts, "facts", tensors)), "kind": model.kind}, tensors)[:24]


def _name(model: Model) -> str:
    """What to call the model in messages."""
    return str(model.record.get("name") or f"{model.kind} model {fingerprint(model)[:8]}")


def _exact(model: Model) -> Model:
    """A float64 copy for evaluation on the processor."""
    return model.to("cpu", torch.float64).train(False)


def _cut(batch: Batch, rows: int) -> Iterator[Batch]:
    """The batch in parts of at most `rows`."""
    places = (slice(start, start + rows) for start in range(0, batch.count, rows))
    return (batch[place] for place in places)


def _codec(model: Model) -> str:
    return symbols.CODEC if symbols.native(model) else CODEC


def _packed(model: Model, part: Batch, learned: Learned) -> bytes:
    """The codes of samples as bytes; `model` in float64."""
    code = _first(model, part)
    codes = _rows(model, code)
    if not bool(codes.isfinite().all()) or (part.x.is_floating_point() and not bool(part.x.isfinite().all())):
        raise BadData("the samples have values that are not finite, or far beyond those the model was trained on: no code for them")
    if isinstance(learned, bits.Tables):
        return symbols.packed(model, code, learned)
    offsets, steps, tables = learned
    return bits.pack(_rounded((codes - offsets) / steps), tables)


def _codes(model: Model, batch: Batch) -> Tensor:
    """Codes of the first member, one row per sample and place in a spatial code: (n * places, units), in the model's precision."""
    return _rows(model, _first(model, batch))


def _rows(model: Model, code: Code) -> Tensor:
    z = model.first(code.z).cpu()  # (n, units, ...)
    return z.flatten(2).transpose(1, 2).reshape(-1, z.shape[1]) if z.dim() > 2 else z


def _first(model: Model, batch: Batch) -> Code:
    """The codes of samples, where and as precise as the model is."""
    weights = next(model.parameters())
    x = batch.x.to(weights.device, weights.dtype) if batch.x.is_floating_point() else batch.x.to(weights.device)
    with torch.no_grad():
        return model.encode(batch.with_x(x))


def _rounded(values: Tensor) -> Tensor:
    """Nearest whole numbers, as int64; beyond its range they stay at its end."""
    return values.double().round().clamp(-(2.0**62), 2.0**62).to(torch.int64)


def _smoothed(counted: Tensor, rows: int) -> Tensor:
    """Histogram (k, levels) as int32, half as counted and half smoothed: few training rows leave gaps, but a spike (zeros of a sparse
    code) must stay one."""
    width = round(1.3 * FINEST * max(rows, 1) ** -0.2) | 1  # two boxes as wide as half of what suits a bell curve: codes have more peaks
    box = torch.ones(1, 1, width, dtype=torch.float64) / width
    smooth = counted.double().unsqueeze(1)
    for _ in range(2):
        smooth = torch.nn.functional.conv1d(smooth, box, padding=width // 2)
    mixed = counted * 128 + (smooth.squeeze(1) * 128).round()
    return mixed.clamp_max(2.0**30).to(torch.int32)


def _learned(model: Model, scale: float) -> Learned:
    """Offsets, steps and tables for a scale; of symbols, tables alone. They come from whole numbers by divisions that every machine rounds
    alike."""
    names = ARRAYS[3:] if symbols.native(model) else ARRAYS[:3]
    if any(name not in model.arrays for name in names):
        raise BadData(
            "this model has not learned how to compress: its decoder needs more than the code (skips, as unet has them), its tables "
            "have not been counted, or it comes from an earlier version; fit again, with a network such as conv"
        )
    if symbols.native(model):
        return symbols.tables(model)
    offsets, steps, counted = (model.arrays[name].cpu() for name in names)
    units = model.code_shape[0]
    shaped = offsets.shape == steps.shape == (units,) and counted.shape == (units, LEVELS) and not counted.is_floating_point()
    if not shaped or not bool((steps > 0).all() and offsets.isfinite().all() and (counted >= 0).all()):
        raise BadFile("what this model has learned for compressing is damaged; fit it again")
    half = LEVELS // 2
    coarse = _rounded(torch.arange(-half, half + 1, dtype=torch.float64) / scale)  # the level of every finest level
    low = int(coarse[0])
    merged = torch.zeros(units, 1 - 2 * low, dtype=torch.int64).index_add(1, coarse - low, counted.to(torch.int64))
    made = bits.Tables(bits.to_tables(merged), torch.full((units,), low))
    return offsets.double(), steps.double() * scale, made


def _chunk(packed: bytes, mask: Tensor | None) -> bytes:
    """One chunk: length of the symbols, symbols, mask (bits, deflated)."""
    flags = b"" if mask is None else zlib.compress(np.packbits(mask.cpu().numpy().ravel()).tobytes(), 9)
    return struct.pack("<I", len(packed)) + packed + flags


def _samples(model: Model, chunk: bytes, count: int, learned: Learned, limit: float | None = None) -> Batch:
    """The samples of one chunk, put right within the bound where there is one; `model` in float64."""
    rest = chunk if limit is None else bound.behind(chunk)
    x, end = _made(model, rest, count, learned), 4 + struct.unpack("<I", rest[:4])[0]
    x = (x.float() if x.is_floating_point() else x) if limit is None else bound.corrected(model, x, chunk, limit)
    return Batch(x, _mask(rest[end:], x.shape))


def _made(model: Model, chunk: bytes, count: int, learned: Learned) -> Tensor:
    """What the network makes of the symbols of one chunk."""
    if len(chunk) < 4 or struct.unpack("<I", chunk[:4])[0] > len(chunk) - 4:
        raise DamagedFile("its symbols are cut short")
    end = 4 + struct.unpack("<I", chunk[:4])[0]
    with torch.no_grad():
        output = model.first(model.decode(_unpacked(model, chunk[4:end], count, learned)))
        return model.loss.data(output)  # type: ignore[operator, no-any-return]


def _unpacked(model: Model, data: bytes, count: int, learned: Learned) -> Tensor:
    """Codes (M * count, *code_shape), of which the first member's are meant."""
    if isinstance(learned, bits.Tables):
        return symbols.codes(model, data, count, learned)
    offsets, steps, tables = learned
    places = math.prod(model.code_shape[1:])
    codes = offsets + steps * bits.unpack(data, count * places, tables)  # (count * places, units)
    z = codes.reshape(count, places, -1).transpose(1, 2).reshape(count, *model.code_shape)
    return z.repeat(model.members, *(1 for _ in model.code_shape))


def _mask(deflated: bytes, shape: torch.Size) -> Tensor | None:
    """The mask behind the symbols; never inflated beyond the size it must have."""
    if not deflated:
        return None
    size = (shape.numel() + 7) // 8
    try:
        flags = zlib.decompressobj().decompress(deflated, size + 1)
    except zlib.error as trouble:
        raise DamagedFile(f"its mask is damaged: {trouble}") from trouble
    if len(flags) != size:
        raise DamagedFile("its mask is of another size than its samples")
    return torch.from_numpy(np.unpackbits(np.frombuffer(flags, np.uint8), count=shape.numel()).astype(bool)).reshape(shape)


def _lost(model: Model, count: int) -> Batch:
    """Rows that could not be read: NaN (of texts, 0), masked."""
    x = torch.zeros(count, *model.shape, dtype=torch.int64) if "symbols" in model.facts else torch.full((count, *model.shape), torch.nan)
    return Batch(x, torch.zeros_like(x, dtype=torch.bool))


def _checked(model: Model, header: dict[str, Any], chunks: int) -> tuple[int, int, float]:
    """Rows, rows per chunk and scale of a header that fits the model."""
    if header.get("codec") not in KNOWN:
        known = ", ".join(KNOWN)
        raise BadFile(f"this was compressed by {str(header.get('codec'))[:40]!r}, a way that this use does not know (known: {known})")
    if header.get("fingerprint") != fingerprint(model):
        raise BadFile(
            f"this was compressed with {str(header.get('model'))[:60]!r}, not with {_name(model)!r}; give the model it was made with"
        )
    rows, chunk, scale = (header.get(name) for name in ("rows", "chunk", "scale"))
    sound = type(rows) is int and rows >= 0 and type(chunk) is int and 1 <= chunk <= CHUNK and -(-rows // chunk) == chunks
    limited = header["codec"].endswith(BOUNDED)
    sound = sound and limited == isinstance(header.get("bound"), float) and (not limited or header["bound"] > 0)
    sound = sound and header["codec"].removesuffix(BOUNDED) == _codec(model) and header.get("shape") == list(model.shape)
    if not sound or not isinstance(scale, float) or not 1 <= scale <= 2**OCTAVES:
        raise DamagedFile("the header of this compressed file contradicts itself")
    return rows, chunk, scale  # type: ignore[return-value]
