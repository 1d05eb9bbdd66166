"""What is said of unusual texts: which they are, and where in them the network was furthest off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hourglass.kinds._text_parts import broken, counts_of
from hourglass.kinds._text_rows import Texts, readable, to_bytes

__all__ = ["because", "places"]

SHOWN = 60  # letters of a text that tell which it is
AROUND = 6  # bytes on each side of the least expected one that are shown


def places(chunk: Texts, facts: dict[str, Any]) -> dict[str, list[str]]:
    """The file that each row is, or the file it is from (where there are several) and its first letters."""
    if chunk.names:
        return {"file": chunk.names}
    files = [stretch.short for stretch in chunk.stretches for _ in range(stretch.rows)]
    begun = [readable(row[:SHOWN]).replace("\n", " ") + ("…" if len(row) > SHOWN else "") for row in chunk]
    return ({"file": files} if len(set(files)) > 1 else {}) | {"text": begun}


def because(residuals: Tensor, expected: Any, chunk: Any, facts: dict[str, Any], layout: dict[str, Any], rows: Sequence[int]) -> list[str]:
    """The bytes of each of `rows` around which most of the residual (B, T) lies, and what the network gave in their place."""
    begins = np.concatenate([[0], np.cumsum(counts_of(layout))])
    size = facts["shape"][0]
    return [_told(to_bytes(chunk[row]), to_bytes(expected[row]), residuals[begins[row] : begins[row + 1]].numpy(), size) for row in rows]


def _told(given: bytes, usual: bytes, nats: NDArray[Any], size: int) -> str:
    if not given:
        return f"no text, expected {_shown(usual, 0)}"
    apart = np.concatenate([part[: len(piece)] for part, piece in zip(nats, broken(given, size), strict=True)])
    near = np.convolve(apart, [0.5, 1, 0.5], "same") if len(apart) > 2 else apart  # one byte alone may be chance
    at = int(near.argmax())
    here, there = _shown(given, at), _shown(usual, at)
    return f"{here} at byte {at + 1:,} " + ("does not fit the rest" if here == there else f"is least expected; {there} would be usual")


def _shown(data: bytes, at: int) -> str:
    """The letters around a byte, in quotes."""
    return repr(data[max(0, at - AROUND) : at + AROUND + 1].decode("utf-8", "ignore"))
