"""What the noise of pictures is like: how strong, whether it grows with brightness, whether neighbouring pixels share it.

Measured where a picture is flat. Which blocks of it are flat is told by the means of their small cells, in which the noise of single
pixels cancels out, so that those chosen are not the ones whose noise happens to be weak. What is left of them without their slope is noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

__all__ = ["Noise", "measured", "whiteness"]

SIDE, CELL = 16, 4  # pixels: of a block, and of its cells
SMALL = 8  # the same of pictures under 64 pixels
FLAT, LEAST = 0.1, 4  # share of the blocks of one brightness that are taken for flat, and how many at least
BINS = 6  # of brightness
REACH = 4  # pixels, over which neighbours are compared
BLOCKS = 4096  # of one picture, at most
FAINT = 0.015  # of the contrast. M: fine texture in clean photographs reads as noise of 0.008 to 0.012 of it (Kodak, Set12)
SHARED, LITTLE = 0.3, 0.15  # correlation of neighbours from which on noise is not that of single pixels, and below which it ends
CALM = 1.5  # times the noise: places where nothing is flat, and texture shows beside it
GROWS, MIXED = 1.4, 2.0  # times the noise of dark places, of the quietest picture


class Noise(NamedTuple):
    """Variance `floor + slope * brightness` (both at least 0), black being 0 and white 1, and what neighbours have in common.

    `level` is the spread at usual brightness; `low` and `high` are those of the quietest and noisiest pictures; `correlation` is
    that of pixels 1, 2, ... apart, along rows and columns; `dark` and `bright` are the brightness of the darkest and brightest flat
    places, `contrast` is the usual difference between the dark and the bright of a picture.
    """

    level: float
    low: float
    high: float
    floor: float
    slope: float
    dark: float
    bright: float
    contrast: float
    correlation: tuple[float, ...]

    @property
    def faint(self) -> bool:
        """Whether it is so weak beside what the pictures show, or shared so far, that it cannot be told from fine texture."""
        return self.level <= FAINT * self.contrast or self.reach >= REACH

    @property
    def grows(self) -> bool:
        """Whether bright places have clearly more of it than dark ones."""
        dark, bright = (math.sqrt(max(0.0, self.floor + self.slope * place)) for place in (self.dark, self.bright))
        return bright > GROWS * dark

    @property
    def reach(self) -> int:
        """Over how many pixels noise is shared; 1 where every pixel has its own."""
        return 1 + next((far for far, shared in enumerate(self.correlation) if shared < (SHARED if far == 0 else LITTLE)), REACH)

    def words(self, low: float, high: float) -> str:
        """What it is like, where black is `low` and white is `high`."""
        if self.faint:
            return "no noise that could be told from fine texture"
        scale, unit = (high - low, " grey levels") if high - low > 15 else (high - low, f", where values run from {low:g} to {high:g}")
        usual = f"about {self.level * scale:.2g}"
        if self.high > MIXED * self.low:
            usual = f"{self.low * scale:.2g} to {self.high * scale:.2g} (it is not alike in all pictures)"
        shared = f", shared by neighbours over about {self.reach} pixels" if self.reach > 1 else ", new in every pixel"
        return f"noise of {usual}{unit}{', growing with brightness' if self.grows else ''}{shared}"

    def told(self) -> dict[str, Any]:
        """The same as JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self._asdict().items()}

    @classmethod
    def of(cls, told: dict[str, Any]) -> Noise:
        """Undo `told`."""
        return cls(**{**told, "correlation": tuple(told["correlation"])})


class _Seen(NamedTuple):
    """Flat blocks of one brightness in one picture: their brightness and variance, and the products (REACH + 1,) of neighbours."""

    brightness: float
    variance: float
    products: Tensor


def measured(pictures: Sequence[Tensor]) -> Noise | None:
    """The noise of pictures (C, H, W); None where they are too small, or have no place without structure."""
    each = [found for picture in pictures if (found := _seen(picture))]
    if not each:
        return None
    alone = [_line(found) for found in each]
    usual = [_median([seen.brightness for seen in found]) for found in each]
    levels = [math.sqrt(floor + slope * brightness) for (floor, slope), brightness in zip(alone, usual, strict=True)]
    every = [seen for found in each for seen in found]
    floor, slope = _line(every)
    brightness = sorted(seen.brightness for seen in every)
    calm = [seen for seen in every if seen.variance <= CALM * (floor + slope * seen.brightness)] or every
    products = torch.stack([seen.products for seen in calm]).sum(0)
    correlation = (products[1:] / products[0].clamp_min(1e-20)).tolist()
    return Noise(
        _median(levels),
        min(levels),
        max(levels),
        floor,
        slope,
        brightness[0],
        brightness[-1],
        _median([_contrast(picture) for picture in pictures]),
        tuple(round(value, 3) for value in correlation),
    )


def whiteness(residual: Tensor) -> float:
    """How much neighbouring pixels of what was taken away (C, H, W) have in common, from 0 (nothing: noise of single pixels) to 1."""
    rest = residual - residual.mean((-2, -1), keepdim=True)
    power = rest.square().mean().clamp_min(1e-20)
    across = (rest[..., 1:] * rest[..., :-1]).mean() / power
    down = (rest[..., 1:, :] * rest[..., :-1, :]).mean() / power
    return float(torch.maximum(across.abs(), down.abs()))


def _seen(picture: Tensor) -> list[_Seen]:
    """What the flat blocks of a picture (C, H, W) tell, by brightness, the channels taken together."""
    side = SIDE if min(picture.shape[-2:]) >= 4 * SIDE else SMALL
    if min(picture.shape[-2:]) < side:
        return []
    blocks = picture.unfold(1, side, side).unfold(2, side, side).flatten(0, 2)  # (n, side, side)
    inside = (blocks > 0.004).float().mean((1, 2)) * (blocks < 0.996).float().mean((1, 2)) > 0.95  # what is cut off has no noise
    if int(inside.sum()) >= LEAST:
        blocks = blocks[inside]
    blocks = blocks[:: max(1, len(blocks) // BLOCKS)].double()
    if len(blocks) < LEAST:
        return []
    brightness = blocks.mean((1, 2))
    cells = avg_pool2d(blocks[:, None], side // CELL)[:, 0]
    structure = _level(cells).square().mean((1, 2))
    bins = min(BINS, max(1, len(blocks) // (3 * LEAST)))
    rows = brightness.argsort().tensor_split(bins)
    return [_flat(blocks[row], structure[row], brightness[row]) for row in rows]


def _flat(blocks: Tensor, structure: Tensor, brightness: Tensor) -> _Seen:
    """The flattest of blocks (n, side, side) of about one brightness; of these the usual one, so that fine texture does not count."""
    chosen = structure.topk(max(LEAST, int(FLAT * len(blocks))), largest=False).indices
    rest = _level(blocks[chosen])
    variances = rest.square().mean((1, 2))
    quiet = rest[variances <= variances.median()]
    scale = variances.median()
    products = [scale.new_ones(())]
    power = quiet.square().mean().clamp_min(1e-20)
    for reach in range(1, REACH + 1):
        across, down = quiet[..., reach:] * quiet[..., :-reach], quiet[..., reach:, :] * quiet[..., :-reach, :]
        products.append((across.mean() + down.mean()) / (2 * power))
    return _Seen(float(brightness[chosen].median()), float(scale), torch.stack(products) * scale)


def _level(blocks: Tensor) -> Tensor:
    """Blocks (n, side, side) without their mean and slope, scaled so that white noise keeps its variance."""
    side = blocks.shape[-1]
    at = torch.arange(side, dtype=blocks.dtype) - (side - 1) / 2
    rest = blocks - blocks.mean((1, 2), keepdim=True)
    power = at.square().sum() * side
    down, across = ((rest * slope).sum((1, 2), keepdim=True) / power for slope in (at[:, None], at))
    return (rest - down * at[:, None] - across * at) * math.sqrt(side**2 / (side**2 - 3))


def _line(seen: Sequence[_Seen]) -> tuple[float, float]:
    """Floor and slope, at least 0, of variance over brightness: the median of the lines through any two, for textures stand out."""
    pairs = [(one, other) for place, one in enumerate(seen) for other in seen[:place] if abs(one.brightness - other.brightness) > 0.02]
    slopes = [(one.variance - other.variance) / (one.brightness - other.brightness) for one, other in pairs]
    slope = max(0.0, _median(slopes)) if slopes else 0.0
    floor = _quiet([each.variance - slope * each.brightness for each in seen])
    if floor >= 0:
        return floor, slope
    return 0.0, max(0.0, _quiet([each.variance / max(each.brightness, 1e-6) for each in seen]))


def _quiet(values: Sequence[float]) -> float:
    """The lower quartile: at some brightness nothing may be flat, and texture count as noise."""
    return float(torch.tensor(values, dtype=torch.float64).quantile(0.25, interpolation="nearest"))


def _median(values: Sequence[float]) -> float:
    return float(torch.tensor(values, dtype=torch.float64).median())


def _contrast(picture: Tensor) -> float:
    """Between the darkest and the brightest hundredth."""
    values = picture.flatten()[:: max(1, picture.numel() // 10_000)].sort().values
    edge = len(values) // 100
    return float(values[-1 - edge] - values[edge])
