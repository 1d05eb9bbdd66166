"""Pictures of any size to chunks of bytes and back, by a model with a hyper-code: one chunk for each tile, without seams.

    pixels -> encoder -> code --------------------> less middles, rounded -> symbols -> chunk
                          |-> hyper-code, rounded -> laws (exact) -> tables --------------^

Encoder and decoder see beyond a tile as far as their result depends on it, so that tiles fit together to the pixel; its laws come from its
own hyper-code alone, so that a lost tile takes no other with it. Tiles are walked along the shorter side of the picture, and no more than
three lines of codes are held.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hourglass.bits import Symbols, Tables, Unpacker, pack_each
from hourglass.containers import PICTURE
from hourglass.errors import BadOption, DamagedFile
from hourglass.layers.whole import ONE
from hourglass.model import Model
from hourglass.uses.exact import LEVELS, WHITE, Exact

__all__ = ["ARRAYS", "CODEC", "LEVELS", "SHORT", "TILE", "Codec", "is_codec"]

CODEC = "picture-1"  # once in a release never changed: a better one gets another name
SHORT = PICTURE  # the same with chunks, and files, of fewer bytes: what is written now
ARRAYS = ("photo.limits", "photo.powers", "photo.tables", "photo.hyper")
PLACE, CELL = 8, 32  # pixels that a place of the code, and of the hyper-code, stands for along each side
TILE = 512  # pixels
AROUND = 96  # pixels beside a tile that its code and hyper-code depend on
WORST = 1 << 16  # symbols are cut off here
WHITES = {"uint8": 255.0, "uint16": 65535.0}
Progress = Callable[[int, int], object]
Function = TypeVar("Function", bound=Callable[..., Any])


class Place(NamedTuple):
    """A tile: first and last pixel along both sides."""

    top: int
    bottom: int
    left: int
    right: int

    def within(self, step: int, around: int = 0, limit: tuple[int, int] | None = None) -> tuple[slice, slice]:
        """The tile in steps of so many pixels, `around` more of them at each side but not beyond `limit` (rows, columns)."""
        found = []
        for side, (start, stop) in enumerate(((self.top, self.bottom), (self.left, self.right))):
            last = -(-stop // step) + around
            found.append(slice(max(0, start // step - around), last if limit is None else min(last, limit[side])))
        return found[0], found[1]


def lines(height: int, width: int) -> list[list[Place]]:
    """The tiles of a picture in lines along its shorter side."""
    rows, columns = ([(at, min(at + TILE, side)) for at in range(0, side, TILE)] for side in (height, width))
    if width <= height:
        return [[Place(*row, *column) for column in columns] for row in rows]
    return [[Place(*row, *column) for row in rows] for column in columns]


def is_codec(model: Model) -> bool:
    """Whether a model has learned what this use needs."""
    return model.kind == "image" and all(name in model.arrays for name in ARRAYS)


def _plainly(function: Function) -> Function:
    """Without gradients, and in no other precision than what is written, whatever the caller has switched on."""

    @functools.wraps(function)
    def computed(*given: Any) -> Any:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            return function(*given)

    return computed  # type: ignore[return-value]


class Codec:
    """A model ready to compress and decompress; made once, as it takes a moment."""

    def __init__(self, model: Model) -> None:
        if getattr(model.bottleneck, "context", 0):
            raise BadOption("a code that is sent in turns (entropy:context=) cannot be written to files yet: train without context")
        plain = model.to("cpu", torch.float32).train(False)
        self.encoder, self.exact = plain.encoder, Exact(model)
        self.bottleneck: Any = plain.bottleneck
        self.tables, self.hyper_tables = (_tables(model.arrays[name]) for name in ARRAYS[2:])
        self.units, self.hyper = model.code_shape[0], len(self.hyper_tables.counts)

    def compress(self, pixels: NDArray[Any], level: int, progress: Progress | None = None) -> list[bytes]:
        """Pixels (H, W, 1 or 3) to one chunk for each tile, in the order of `lines`; `level` is the quality in tenths."""
        chunks: list[bytes] = []
        count = sum(1 for _ in places(*pixels.shape[:2]))
        for parts in self.symbols(pixels, level):
            chunks.append(pack_each(parts))
            if progress is not None:
                progress(len(chunks), count)
        return chunks

    def symbols(self, pixels: NDArray[Any], level: int) -> Iterator[list[Symbols]]:
        """The symbols of each tile: those of the hyper-code, then those of the code."""
        return (self._symbols(pixels, place, level) for place in places(*pixels.shape[:2]))

    def decompress(
        self,
        chunks: Sequence[bytes | None],
        shape: Sequence[int],
        dtype: str,
        level: int,
        progress: Progress | None = None,
        *,
        plain: bool = False,
    ) -> tuple[NDArray[Any], list[int]]:
        """The opposite of `compress`: pixels of `shape` (H, W, 1 or 3) and of `dtype`, and the numbers of tiles that are lost.

        A chunk that is None or makes no sense is lost: its tile becomes grey. `plain` chunks are those of picture-1.
        """
        height, width, colours = shape
        order, lost = lines(height, width), []
        pixels = np.empty((height, width, colours), dtype)
        codes: dict[Place, Tensor] = {}
        given, drawn = iter(chunks), 0
        for number, line in enumerate([*order, []]):
            for place in line:
                codes[place], whole = self._code(next(given), place, level, plain)
                lost += [] if whole else [drawn + len(codes) - 1]
            for place in order[number - 1] if number else []:
                rows, columns = place.within(1)
                pixels[rows, columns] = _as_pixels(self._drawn(codes, place, (height, width)), colours, dtype)
                if progress is not None:
                    progress(sum(map(len, order[: number - 1])) + order[number - 1].index(place) + 1, len(chunks))
            for place in order[number - 2] if number > 1 else []:
                del codes[place]
                drawn += 1
        return pixels, lost

    @_plainly
    def _symbols(self, pixels: NDArray[Any], place: Place, level: int) -> list[Symbols]:
        """What is sent of a tile."""
        y, cells = self._analysed(pixels, place, level)
        middle, table = self._laws(cells, place, level)
        symbols = (y.double() - middle / ONE).round().clamp(-WORST, WORST).to(torch.int64)
        own = cells.to(torch.int64).reshape(-1).numpy()
        return [Symbols(own, self._channels(len(own)), self.hyper_tables), Symbols(symbols.view(-1).numpy(), table, self.tables)]

    def _analysed(self, pixels: NDArray[Any], place: Place, level: int) -> tuple[Tensor, Tensor]:
        """The code of a tile (h, w, units) in steps, not yet rounded, and its hyper-code (h, w, hyper), rounded."""
        rows, columns = place.within(CELL, AROUND // CELL)
        top, left = rows.start * CELL, columns.start * CELL
        part = pixels[top : place.bottom + AROUND, left : place.right + AROUND]
        x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(part, -1, 0), np.float32))[None] / WHITES.get(str(part.dtype), 1.0)
        wide = next(self.encoder.parameters()).dtype
        y = self.encoder(x.expand(-1, 3, -1, -1).to(wide)).float() / self.exact.steps(level).float()[:, None, None]
        hidden = self.bottleneck.shrink(torch.asinh(y)) / self.exact.steps(level, True).float()[:, None, None]
        mine, own = _moved(place, PLACE, top, left), _moved(place, CELL, top, left)
        return y[0].movedim(0, -1)[mine].contiguous(), hidden[0].movedim(0, -1)[own].round().clamp(-WORST, WORST)

    def _laws(self, cells: Tensor, place: Place, level: int) -> tuple[Tensor, NDArray[np.uint8]]:
        """Middles (h, w, units) and tables (h * w * units,) of the code of a tile. No other tile counts: it may be lost."""
        middle, table = self.exact.laws(cells, level)
        mine = _moved(place, PLACE, place.top, place.left)
        return middle[mine], table[mine].contiguous().view(-1).numpy()

    def _channels(self, count: int) -> NDArray[np.uint16]:
        return np.tile(np.arange(self.hyper, dtype=np.uint16), count // self.hyper)

    @_plainly
    def _code(self, chunk: bytes | None, place: Place, level: int, plain: bool = False) -> tuple[Tensor, bool]:
        """The code of a tile as the decoder gets it, int32, and whether it could be read."""
        rows, columns = (-(-(stop - start) // CELL) for start, stop in ((place.top, place.bottom), (place.left, place.right)))
        with contextlib.suppress(DamagedFile):
            unpacker = Unpacker(b"" if chunk is None else chunk, plain)
            cells = unpacker.take(self._channels(rows * columns * self.hyper), self.hyper_tables).clip(-WORST, WORST)
            middle, table = self._laws(torch.from_numpy(cells).view(rows, columns, self.hyper), place, level)
            symbols = torch.from_numpy(unpacker.take(table, self.tables)).clamp(-WORST, WORST)
            unpacker.finish()
            return self.exact.code(middle, symbols.view(middle.shape), level), True
        high, wide = (-(-(stop - start) // PLACE) for start, stop in ((place.top, place.bottom), (place.left, place.right)))
        return torch.zeros(high, wide, self.units, dtype=torch.int32), False

    @_plainly
    def _drawn(self, codes: dict[Place, Tensor], place: Place, shape: tuple[int, int]) -> Tensor:
        """The pixels of a tile, where WHITE is white; its neighbours' codes must be there."""
        reach = self.exact.reach
        limit = (-(-shape[0] // PLACE), -(-shape[1] // PLACE))
        rows, columns = place.within(PLACE, reach, limit)
        seen = torch.zeros(rows.stop - rows.start, columns.stop - columns.start, self.units, dtype=torch.int32)
        for other, code in codes.items():
            down, across = other.within(PLACE)
            top, bottom = max(rows.start, down.start), min(rows.stop, down.stop)
            left, right = max(columns.start, across.start), min(columns.stop, across.stop)
            if top < bottom and left < right:
                part = code[top - down.start : bottom - down.start, left - across.start : right - across.start]
                seen[top - rows.start : bottom - rows.start, left - columns.start : right - columns.start] = part
        return self.exact.pixels(seen)[_moved(place, 1, rows.start * PLACE, columns.start * PLACE)]


def _moved(place: Place, step: int, top: int, left: int) -> tuple[slice, slice]:
    """The tile in steps of so many pixels, counted from a place (`top`, `left`) in pixels."""
    return Place(place.top - top, place.bottom - top, place.left - left, place.right - left).within(step)


def _tables(counts: Tensor) -> Tables:
    """Tables around 0 as the file has them: (k, levels and the escape)."""
    return Tables(counts.cpu(), torch.full((len(counts),), -(counts.shape[1] // 2 - 1), dtype=torch.int64))


def _as_pixels(drawn: Tensor, colours: int, dtype: str) -> NDArray[Any]:
    """Whole numbers (h, w, 3) as pixels (h, w, colours) of a type: integers rounded, halves up, and clipped."""
    sums = drawn if colours == 3 else drawn.sum(-1, keepdim=True)
    white = WHITES.get(dtype)
    whole = WHITE * (1 if colours == 3 else 3)
    if white is None:
        return (sums / whole).numpy()
    return sums.mul(white).div_(whole).add_(0.5).floor_().clamp_(0, white).numpy()


def places(height: int, width: int) -> Iterator[Place]:
    """All tiles, in the order of the chunks."""
    return (place for line in lines(height, width) for place in line)
