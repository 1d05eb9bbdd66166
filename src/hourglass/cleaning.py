"""Pictures without their noise, by the denoiser that comes with hourglass: what stands around the network of `uses.denoise`.

The network has no bias, so that a picture twice as bright comes back twice as bright: pixels go in as they are, whatever their range.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hourglass.errors import BadType
from hourglass.files import read_model
from hourglass.kinds import image
from hourglass.kinds.image import Picture
from hourglass.model import Model
from hourglass.parts import Pieces
from hourglass.tiles import spans
from hourglass.uses.denoise import checked_strength, clean, taken
from hourglass.uses.grain import calm_level, lonely, mended, speckled, without_lonely

__all__ = ["Cleaned", "clean_pages", "clean_picture", "cleaned_by", "pages_of", "picture_of", "side_by_side"]

SHIPPED = Path(__file__).parent / "pretrained" / "photo-denoiser-1.hourglass"
TILE, OVERLAP = 1280, 80  # large, for the overlap is work done twice; M: overlaps of 64 and 32 leave seams of 0.2 and 2 grey levels
FAINT = (1.4 / 255, 2.0 / 255, 3.0 / 255)  # parts of a picture's range, see `_share`
CERTAIN = 3.0  # times the noise of its calmest places may be removed, for a picture may have more elsewhere; M: .04 dB on 1.3 for cameras
ENDS = (0.1, 99.9)  # percentiles that are taken for black and white
STRIP = 256  # rows
STACKS = (".tif", ".tiff")  # files that may have pages
SHOWN, GAP = 640, 8  # pixels: the side of what `side_by_side` shows at most, and between its parts

Array = NDArray[Any]
Progress = Callable[[int, int], object]


class Cleaned(NamedTuple):
    """The cleaned `picture`, what was `removed` from it (H, W, 1 or 3) in its own units, and the `level` of that.

    `level` is the standard deviation of what was removed, as a part of the picture's range from black to white.
    """

    picture: Picture
    removed: Array
    level: float


@functools.cache
def shipped() -> Model:
    """The denoiser that comes with hourglass."""
    return read_model(SHIPPED).to(torch.float32, memory_format=torch.channels_last).train(False)


def picture_of(source: Any) -> Picture:
    """The picture that a path, a Pillow image or an array (H, W), (H, W, 1 to 4) is; what is none raises `BadType`, several `BadData`."""
    array = isinstance(source, np.ndarray) and source.ndim in (2, 3)
    if not array and not image.claims(source):
        what = repr(str(source))[:80] if isinstance(source, str | Path) else f"a {type(source).__name__}"
        raise BadType(
            f"{what} is neither picture nor sound, which the shipped denoisers are for; for other data fit a model of yours, hourglass "
            "fit DATA --purpose denoise -o MODEL, and give it: model=MODEL (-m MODEL)"
        )
    return image.single(source)


def pages_of(source: Any) -> Pieces | None:
    """The pages of a TIFF that has several of the size and sort of the first, a picture each; None for anything else."""
    if not isinstance(source, str | Path) or Path(source).suffix.lower() not in STACKS or not Path(source).is_file():
        return None
    pieces = image.read(source, stacks=True)
    return pieces if pieces.count > 1 else None


def clean_pages(pages: Pieces, strength: float = 1.0, careful: bool = False, progress: Progress | None = None) -> Iterator[Cleaned]:
    """The pages of a stack as `clean_picture` makes each; `progress` counts through all of them."""
    every = (page for at in range(len(pages.counts)) for page in image.pictures(pages.load(at)))
    for number, page in enumerate(every):

        def told(done: int, count: int, number: int = number) -> None:
            if progress is not None:
                progress(number * count + done, pages.count * count)

        yield clean_picture(page, strength, careful, told)


def clean_picture(picture: Picture, strength: float = 1.0, careful: bool = False, progress: Progress | None = None) -> Cleaned:
    """Take the noise out of a picture, in bounded memory; `strength` 0 leaves it as it is, `careful` looks at it in eight positions.

    Size, type, transparency and metadata stay. `progress(done, all)` is called after each tile.
    """
    checked_strength(strength)
    pixels = picture.pixels
    reach = _reach(pixels)
    if reach == 0 or strength == 0:  # one colour
        return Cleaned(picture, np.zeros(pixels.shape, np.float16), 0.0)
    white, whole = _white(pixels), mended(pixels, reach) if speckled(pixels, reach) else without_lonely(pixels, reach)
    removed = _noise(whole, 8 if careful else 1, progress)
    share = _share(_spread(removed) * white / reach, CERTAIN * calm_level(whole) / reach)
    if share < 1:
        _held_back(removed, whole, share, reach)
    if whole is not pixels:
        for row, before, after in zip(removed, pixels, whole, strict=True):
            row += (before.astype(np.float64) - after) / white
    if strength < 1:
        np.multiply(removed, strength, out=removed)
    made = np.empty_like(pixels)
    for row, taken_away, target in zip(pixels, removed, made, strict=True):
        target[...] = _as_type(row.astype(np.float64) - taken_away.astype(np.float64) * white, pixels.dtype)
    cleaned = Picture(made, picture.name, picture.alpha, picture.metadata, picture.label)
    return Cleaned(cleaned, removed, _spread(removed) * white / reach)


def cleaned_by(model: Model, picture: Picture, strength: float = 1.0, careful: bool = False) -> Cleaned:
    """A picture cleaned by a model of the user's that takes pictures at their own size."""
    (batch,) = image.to_tensor([picture], model.facts, native=True)
    values = clean(model, batch.x.float(), strength, 8 if careful else 1)
    (made,) = image.from_tensor([values[0]], model.facts, like=[picture])
    white = _white(picture.pixels)
    removed = ((picture.pixels.astype(np.float64) - made.pixels) / white).astype(np.float32)
    return Cleaned(made, removed, _spread(removed) * white / (_reach(picture.pixels) or white))


def side_by_side(before: Picture, cleaned: Cleaned) -> tuple[Array, float]:
    """A picture of before, after, and what was removed around grey (h, w, 3), and how many times stronger than it is the last is shown.

    Of a large picture it shows the middle, pixel by pixel: noise is what shrinking takes away.
    """
    height, width = before.size
    top, left = max(0, (height - SHOWN) // 2), max(0, (width - SHOWN) // 2)
    cut = (slice(top, top + SHOWN), slice(left, left + SHOWN))
    low, high = _ends(before.pixels)
    white = _white(before.pixels)
    if before.pixels.dtype.kind == "u":
        low, high = 0.0, white
    parts = [(part[cut].astype(np.float64) - low) / ((high - low) or 1.0) for part in (before.pixels, cleaned.picture.pixels)]
    noise = cleaned.removed[cut].astype(np.float64) * white / ((high - low) or 1.0)
    times = float(np.clip(1 / (8 * noise.std() + 1e-9), 1, 64))
    parts.append(0.5 + times * noise)
    between = np.ones((parts[0].shape[0], GAP, 3))
    coloured = [np.broadcast_to(part, (*part.shape[:2], 3)) for part in parts]
    page = np.concatenate([coloured[0], between, coloured[1], between, coloured[2]], axis=1)
    return _as_type(page.clip(0, 1) * 255, np.dtype(np.uint8)), times


def _noise(pixels: Array, turns: int, progress: Progress | None) -> Array:
    """What the network takes for noise in (H, W, 1 or 3), white being 1; narrow numbers where the picture's are narrow too."""
    made = np.empty(pixels.shape, np.float16 if pixels.dtype == np.uint8 else np.float32)
    rows, columns = (list(spans(side, TILE, OVERLAP)) for side in pixels.shape[:2])
    for done, (down, across) in enumerate(((row, column) for row in rows for column in columns), start=1):
        tile = pixels[down.start : down.stop, across.start : across.stop]
        found = taken(shipped(), _tensor(tile, _white(pixels)), turns)
        if pixels.shape[-1] == 1:
            found = found.mean(0, keepdim=True)
        kept = found[:, down.first - down.start : down.last - down.start, across.first - across.start : across.last - across.start]
        made[down.first : down.last, across.first : across.last] = kept.movedim(0, -1).numpy()
        if progress is not None:
            progress(done, len(rows) * len(columns))
    return made


def _tensor(tile: Array, white: float) -> Tensor:
    """Pixels (h, w, 1 or 3) as (3, h, w) in float32."""
    x = torch.from_numpy(tile.astype(np.float32) / np.float32(white)).movedim(-1, 0)
    return x.expand(3, -1, -1).contiguous()


def _share(level: float, most: float) -> float:
    """The share of the noise found, of standard deviation `level`, that is to be removed where there is at `most` so much.

    A picture without noise may lose what nobody would see, `FAINT`'s first; and so may one whose noise is below the second.
    """
    first, second, third = FAINT
    if most < third:
        most = first if most <= second else first + (third - first) * (most - second) / (third - second)
    return min(1.0, most / max(level, 1e-12))


def _held_back(removed: Array, pixels: Array, share: float, reach: float) -> None:
    """Leave only a `share` of what is `removed`, in place, except from pixels that stand alone."""
    for top in range(0, len(pixels), STRIP):
        above = min(top, 1)
        alone = lonely(pixels[top - above : top + STRIP + 1], reach)[above : above + STRIP]
        removed[top : top + STRIP][~alone] *= removed.dtype.type(share)


def _spread(removed: Array) -> float:
    """Its root mean square."""
    return math.sqrt(np.mean([np.square(row, dtype=np.float32).mean() for row in removed]))


def _white(pixels: Array) -> float:
    """What counts as 1: of integers the largest, of floats 1, unless they are far from it."""
    if pixels.dtype.kind == "u":
        return float(np.iinfo(pixels.dtype).max)
    largest = float(np.abs(pixels).max())
    return largest if largest > 100 or 0 < largest < 0.01 else 1.0


def _ends(pixels: Array) -> tuple[float, float]:
    """Black and white of the picture as it is, seldom values left out."""
    few = pixels[:: max(1, pixels.shape[0] // 512), :: max(1, pixels.shape[1] // 512)]
    low, high = np.percentile(few, ENDS)
    return float(low), float(high)


def _reach(pixels: Array) -> float:
    """From black to white; 0 for a picture of one colour."""
    if all((pixels[..., channel] == pixels[0, 0, channel]).all() for channel in range(pixels.shape[-1])):
        return 0.0
    low, high = _ends(pixels)
    return (high - low) or float(pixels.max()) - float(pixels.min()) or _white(pixels)


def _as_type(values: Array, dtype: np.dtype[Any]) -> Array:
    """Rounded and cut off for integers."""
    if dtype.kind != "u":
        return values.astype(dtype)
    return np.rint(values).clip(0, np.iinfo(dtype).max).astype(dtype)
