"""The receiving half of the picture codec in whole numbers: from hyper-code to laws, from code to pixels, the same on every machine.

    hyper-code -> laws: the middle of each value of the code, and the number of its table
    middles + symbols -> code -> decoder -> pixels in steps of 2^-20

It is derived from a model with network `patch` (blocks of two steps, `leaky`) and bottleneck `entropy` by exact steps alone. Tensors are
(h, w, channels), float64, in the units of `layers.whole`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hourglass.errors import BadFile
from hourglass.layers.residual import Feeding
from hourglass.layers.whole import MOST, ONE, Layer, Neighbours, apart, gathered, leaky, rounded
from hourglass.model import Model

__all__ = ["FINER", "LEVELS", "POWERS", "WHITE", "Exact", "powers"]

LEVELS = 1000  # qualities from 0 to 100 in tenths
FINER = 8  # bits that pixels have beyond a ONEth
WHITE = ONE * 2.0**FINER
POWERS = 1 << 12  # of two, between 1 and 2, in a table
LARGE = 2.0**24  # what stands for 1 in that table
LOGS = 1 << 16  # what stands for 1 in logarithms of steps
BINARY = 1.4426950408889634  # natural logarithms to those of base 2; written out, for libraries need not agree on its last digit


def powers() -> Tensor:
    """The powers of two from 1 to 2 as whole numbers, (POWERS,) int64: made once, then read from the model's file."""
    return (torch.exp2(torch.arange(POWERS, dtype=torch.float64) / POWERS) * LARGE).round().to(torch.int64)


class Exact:
    """The receiver's networks. A model of other parts, or one whose weights pass the bounds, raises `BadFile`."""

    def __init__(self, model: Model) -> None:
        decoder: Any = model.decoder
        bottleneck: Any = model.bottleneck
        blocks = list(getattr(decoder, "body", []))
        if not getattr(bottleneck, "hyper", 0) or not blocks or not all(isinstance(block, Feeding) for block in blocks):
            raise BadFile("this model is no picture codec: it needs network patch with width=[...,...] and bottleneck entropy")
        self.first, self.blocks, self.back = _mixing(decoder.first), [_Block(block) for block in blocks], _transform(decoder.back)
        self.spread = _Spread(bottleneck.spread)
        self.gains, self.hyper_gains = (_logs(logs) for logs in (bottleneck.gains, bottleneck.hyper_gains))
        self.powers, self.limits = model.arrays["photo.powers"].double(), model.arrays["photo.limits"].double()
        self.reach = len(blocks)  # places around a code that its pixels depend on

    def steps(self, level: int, hyper: bool = False) -> Tensor:
        """The steps (channels,) of the code at a level, as exact fractions; of the hyper-code, if asked."""
        logs = self.hyper_gains if hyper else self.gains
        below, share = divmod(level * (len(logs) - 1), LEVELS)
        mixed = torch.div(logs[below] * (LEVELS - share) + logs[min(below + 1, len(logs) - 1)] * share, LEVELS, rounding_mode="floor")
        whole = torch.div(-mixed * POWERS, LOGS, rounding_mode="floor")
        up = torch.div(whole, POWERS, rounding_mode="floor")
        return torch.from_numpy(np.ldexp(self.powers[whole - up * POWERS].numpy() / LARGE, up.numpy()))

    def laws(self, hidden: Tensor, level: int) -> tuple[Tensor, Tensor]:
        """Symbols of the hyper-code (h, w, hyper) to middles (4 h, 4 w, units) and numbers of tables (uint8)."""
        told = self.spread(rounded(hidden.double() * ONE * self.steps(level, True), 0).clamp_(-MOST, MOST))
        middle, wide = told.chunk(2, -1)
        return middle, torch.bucketize(wide.contiguous(), self.limits, out_int32=True).to(torch.uint8)

    def code(self, middle: Tensor, symbols: Tensor, level: int) -> Tensor:
        """What the decoder gets: (middle + symbols) times the steps, int32."""
        values = symbols.double().mul_(ONE).add_(middle).mul_(self.steps(level))
        return rounded(values, 0).clamp_(-MOST, MOST).to(torch.int32)

    def pixels(self, code: Tensor) -> Tensor:
        """A code (h, w, units) to pixels (8 h, 8 w, colours), where WHITE is white; places within `reach` of a cut are not to be used."""
        x = self.first(code.double())
        for block in self.blocks:
            x = block(x)
        height, width, _ = x.shape
        waves = self.back(x)  # (h, w, colours * 8 * 8)
        side = math.isqrt(waves.shape[-1] // 3)
        return waves.view(height, width, 3, side, side).permute(0, 3, 1, 4, 2).reshape(height * side, width * side, 3)


class _Block:
    """`Feeding` in whole numbers."""

    def __init__(self, block: Any) -> None:
        self.enter, self.leave, self.widen, self.narrow = (_mixing(part) for part in (block.enter, block.leave, block.widen, block.narrow))
        self.around = Neighbours(block.around.weight, block.around.bias)
        _leaky(block.first, block.second)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.leave(self.around(leaky(self.enter(x)))).add_(x).clamp_(-MOST, MOST)
        return self.narrow(leaky(self.widen(x))).add_(x).clamp_(-MOST, MOST)


class _Spread:
    """The hyper-code's way back, in whole numbers."""

    def __init__(self, layers: Any) -> None:
        first, _, one, second, _, two, third, three, last = layers
        _leaky(one, two, three)
        self.larger = [_mixing(first), _mixing(second)]
        self.mixed, self.last = _mixing(third), _mixing(last)

    def __call__(self, x: Tensor) -> Tensor:
        for layer in self.larger:
            x = leaky(apart(layer(x)))
        return self.last(leaky(self.mixed(gathered(x))))


def _mixing(layer: Any) -> Layer:
    return Layer(layer.weight, layer.bias)


def _transform(layer: Any) -> Layer:
    """The inverse transform: a transposed convolution whose steps do not overlap is a mixing of channels."""
    weight = layer.weight.flatten(1).t()  # (colours * side * side, waves)
    return Layer(weight, layer.bias.repeat_interleave(weight.shape[0] // len(layer.bias)), FINER)


def _leaky(*activations: nn.Module) -> None:
    if not all(isinstance(each, nn.LeakyReLU) and each.negative_slope == 0.1 for each in activations):
        raise BadFile("this model is no picture codec: its activation must be leaky")


def _logs(gains: Tensor) -> Tensor:
    """Natural logarithms as whole numbers of base 2, int64."""
    return (gains.detach().double().cpu() * (LOGS * BINARY)).round().to(torch.int64)
