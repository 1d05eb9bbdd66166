"""Networks in whole numbers, which give the same to the last digit on every machine.

A value is a whole number of `ONE`ths, held in float64. Weights are whole numbers too, of 16 bits, each layer at its own scale, a power of
two. As long as no sum can reach 2^53 every product and every addition is exact, so it does not matter in which order, in how many threads
or by which library a sum is made; scaling by a power of two, rounding down and clamping are exact by themselves. `Layer` checks that
bound for the largest inputs there can be, once, when it is made. Nothing here is ever done in a narrower type: float64 has no fast modes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from hourglass.errors import BadFile

__all__ = ["BITS", "MOST", "ONE", "Layer", "Neighbours", "apart", "gathered", "leaky", "rounded"]

BITS = 12
ONE = 2.0**BITS  # what stands for 1
MOST = 2.0**24  # where values are cut off: 4096 times what stands for 1
WEIGHT = 15  # bits of a weight, its sign beside them
EXACT = 2.0**53  # below it float64 holds every whole number
SLOPE = 6554  # of 2^16: a tenth


def rounded(values: Tensor, shift: int) -> Tensor:
    """Divided by 2^shift and rounded to the nearest whole number, halves up; in place."""
    return values.mul_(2.0**-shift).add_(0.5).floor_()


def leaky(values: Tensor) -> Tensor:
    """What is negative becomes a tenth, rounded down."""
    return torch.maximum(values, (values * SLOPE).mul_(2.0**-16).floor_())


def _scaled(weight: Tensor, bias: Tensor, sum_over: tuple[int, ...]) -> tuple[Tensor, Tensor, int]:
    """Weights and biases as whole numbers, and the bits that weights were moved by. What could pass the bound raises `BadFile`."""
    weight, bias = weight.detach().double().cpu(), bias.detach().double().cpu()
    largest = float(weight.abs().max())
    if not math.isfinite(largest) or not bool(bias.isfinite().all()):
        raise BadFile("the weights of this model are not finite; get the file again from where it came")
    shift = min(WEIGHT - math.frexp(largest)[1], 40)  # weight * 2^shift stays below 2^15
    whole, added = (weight * 2.0**shift).round(), (bias * 2.0 ** (shift + BITS)).round()
    if float((whole.abs().sum(sum_over) * MOST + added.abs()).max()) + 2.0 ** max(shift, 0) >= EXACT:
        raise BadFile("the weights of this model are too large for exact whole numbers, so nothing can be compressed with it")
    return whole, added, shift


class Layer:
    """Channels mixed, place by place: (..., inputs) to (..., outputs), from the weights of a convolution one wide.

    `finer` are bits that the result has beyond a `ONE`th.

    >>> layer = Layer(torch.tensor([[0.5, -0.25]]), torch.tensor([1.0]))
    >>> layer(torch.tensor([[2 * ONE, ONE]], dtype=torch.float64)) / ONE
    tensor([[1.7500]], dtype=torch.float64)
    """

    def __init__(self, weight: Tensor, bias: Tensor, finer: int = 0) -> None:
        whole, self.bias, self.shift = _scaled(weight.flatten(1), bias, (1,))
        self.weight, self.most = whole.t().contiguous(), MOST * 2.0**finer
        self.shift -= finer

    def __call__(self, x: Tensor) -> Tensor:
        """See the class."""
        flat = x.reshape(-1, x.shape[-1])
        made = rounded(torch.mm(flat, self.weight).add_(self.bias), self.shift).clamp_(-self.most, self.most)
        return made.view(*x.shape[:-1], -1)


class Neighbours:
    """Each channel mixed with its neighbours three wide: (h, w, channels) to the same; beyond the edge there is 0."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        whole, self.bias, self.shift = _scaled(weight.flatten(1), bias, (1,))
        self.weight = whole.t().contiguous()  # (9, channels)

    def __call__(self, x: Tensor) -> Tensor:
        """See the class."""
        height, width = x.shape[:2]
        around = pad(x, (0, 0, 1, 1, 1, 1))
        total = self.bias.expand(x.shape).clone()
        for place, weight in enumerate(self.weight):
            down, right = divmod(place, 3)
            total.addcmul_(around[down : down + height, right : right + width], weight)
        return rounded(total, self.shift).clamp_(-MOST, MOST)


def gathered(x: Tensor) -> Tensor:
    """(h, w, channels) with the eight neighbours of each place beside it: (h, w, 9 * channels), channel by channel as in a convolution."""
    height, width = x.shape[:2]
    around = pad(x, (0, 0, 1, 1, 1, 1))
    shifted = [around[down : down + height, right : right + width] for down in range(3) for right in range(3)]
    return torch.stack(shifted, -1).flatten(2)


def apart(x: Tensor) -> Tensor:
    """(h, w, 4 * channels) to (2 h, 2 w, channels), as `PixelShuffle` does it."""
    height, width, channels = x.shape
    grid = x.view(height, width, channels // 4, 2, 2).permute(0, 3, 1, 4, 2)
    return grid.reshape(2 * height, 2 * width, channels // 4)
