"""Codes that are symbols already, packed as they are: what comes back is to the bit what `Model.reconstruct` gives.

Batch -> encoder -> bottleneck -> symbols -> bits.pack -> symbols -> the bottleneck's `vectors` -> decoder
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from hourglass import bits
from hourglass.errors import BadFile, DamagedFile
from hourglass.model import Model
from hourglass.parts import Code

__all__ = ["CODEC", "TABLE", "codes", "histograms", "native", "packed", "tables"]

CODEC = "symbols-1"  # once in a release never changed: a better one gets another name
TABLE = "compress.symbols"


def native(model: Model) -> bool:
    """Whether the bottleneck makes symbols, and codes of them again."""
    return hasattr(model.bottleneck, "vectors")


def histograms(model: Model, coded: list[Code]) -> dict[str, Tensor]:
    """How often each symbol (each digit, where they are very many) was used, from codes of training samples: (k, levels) int32."""
    digits = torch.cat([_digits(model, code) for code in coded])
    levels = min(_entries(model), bits.LEVELS)
    return {TABLE: bits.histogram(digits, torch.zeros(digits.shape[1], dtype=torch.int64), levels).to(torch.int32)}


def tables(model: Model) -> bits.Tables:
    """The tables of a model that has learned them; `BadFile` where they cannot be."""
    counted = model.arrays[TABLE].cpu()
    sound = counted.dim() == 2 and counted.shape[1] == min(_entries(model), bits.LEVELS) and not counted.is_floating_point()
    if not sound or not len(counted) or bool((counted < 0).any()):
        raise BadFile("what this model has learned for compressing is damaged; fit it again")
    return bits.Tables(bits.to_tables(2 * counted.to(torch.int64) + 1), torch.zeros(len(counted), dtype=torch.int64))


def packed(model: Model, code: Code, made: bits.Tables) -> bytes:
    """The first member's symbols as bytes."""
    return bits.pack(_digits(model, code), made)


def codes(model: Model, data: bytes, count: int, made: bits.Tables) -> Tensor:
    """The opposite of `packed`: codes (M * count, *code_shape), each member's of the same symbols; the first one's are meant."""
    places, entries = math.prod(model.code_shape[1:]), _entries(model)
    digits = bits.unpack(data, count * places, made)
    low, *high = digits.chunk(2 if entries > bits.LEVELS else 1, 1)
    symbols = low + bits.LEVELS * high[0] if high else low
    if bool(((digits < 0) | (digits >= bits.LEVELS)).any()) or bool((symbols >= entries).any()):
        raise DamagedFile("it holds symbols that this model does not have")
    apart = symbols.reshape(count, places, -1).transpose(1, 2).reshape(count, -1, *model.code_shape[1:])
    bottleneck: Any = model.bottleneck
    with torch.no_grad():
        found: Tensor = bottleneck.vectors(apart.repeat(model.members, *(1 for _ in apart.shape[1:])))
    return found


def _entries(model: Model) -> int:
    bottleneck: Any = model.bottleneck
    return int(bottleneck.entries)


def _digits(model: Model, code: Code) -> Tensor:
    """The first member's symbols (n, units, ...) as rows (n * places, units); twice as many columns where one table is too small."""
    assert code.symbols is not None, "a bottleneck that has `vectors` gives symbols"
    symbols = model.first(code.symbols).cpu()
    rows = symbols.flatten(2).transpose(1, 2).flatten(0, 1) if symbols.dim() > 2 else symbols
    return torch.cat([rows % bits.LEVELS, rows // bits.LEVELS], 1) if _entries(model) > bits.LEVELS else rows
