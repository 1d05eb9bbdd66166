"""Big pictures in bounded memory: a function runs over overlapping tiles, and only the inner part of each is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from hourglass.errors import BadOption

__all__ = ["Span", "spans", "tiled"]


class Span(NamedTuple):
    """Along one side: a tile reads [start, stop) and keeps [first, last)."""

    start: int
    stop: int
    first: int
    last: int


def spans(length: int, size: int, overlap: int) -> Iterator[Span]:
    """Cut a side into tiles of at most `size`, that see `overlap` beyond what they keep, except at the picture's own edges.

    Where `size` and `overlap` are multiples of a network's stride, so is every start.

    >>> [tuple(span) for span in spans(10, 6, 1)]
    [(0, 6, 0, 5), (4, 10, 5, 10)]
    """
    if length <= size:
        yield Span(0, length, 0, length)
        return
    start = 0
    while True:
        stop = min(start + size, length)
        last = length if stop == length else stop - overlap
        yield Span(start, stop, start + overlap if start else 0, last)
        if stop == length:
            return
        start = last - overlap


def tiled(
    function: Callable[[Tensor], Tensor],
    picture: Tensor,
    size: int = 512,
    overlap: int = 64,
    progress: Callable[[int, int], object] | None = None,
) -> Tensor:
    """Run `function`, (C, h, w) to (C', h, w), over a picture (C, H, W) in tiles of at most `size` x `size`.

    A function whose result at a pixel depends only on pixels up to `overlap` away gives exactly what it would give on the whole
    picture. `progress(done, all)` is called after each tile. A function that changes h or w raises `ValueError`.
    """
    if size < 1 or overlap < 0 or 2 * overlap >= size:
        raise BadOption(f"tiles of {size} pixels with an overlap of {overlap}: the size must be more than twice the overlap")
    rows, columns = (list(spans(side, size, overlap)) for side in picture.shape[-2:])
    result: Tensor | None = None
    for done, (down, across) in enumerate(((row, column) for row in rows for column in columns), start=1):
        made = function(picture[:, down.start : down.stop, across.start : across.stop])
        if made.shape[-2:] != (down.stop - down.start, across.stop - across.start):
            raise ValueError(f"a tile of {down.stop - down.start} x {across.stop - across.start} came back as {tuple(made.shape[-2:])}")
        if result is None:
            result = torch.empty(made.shape[0], *picture.shape[-2:], dtype=made.dtype, device=made.device)
        core = made[:, down.first - down.start : down.last - down.start, across.first - across.start : across.last - across.start]
        result[:, down.first : down.last, across.first : across.last] = core
        if progress is not None:
            progress(done, len(rows) * len(columns))
    assert result is not None
    return result
