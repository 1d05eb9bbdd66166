"""A code rounded to whole steps and charged what it takes to send them: the codec.

Each unit has a learned step, and its nats are the negative log of the probability that a learned law gives its rounded value. Codes of
pictures send a small picture of the code first, the hyper-code, which says where and how widely each value of the code is to be expected
(mean-scale hyperprior: Ballé et al. 2018, Minnen et al. 2018); other codes have one law for each unit. In training the rate is taken with
noise in place of rounding, which has a gradient. With several `qualities` each has its own steps, and between them any quality is
interpolated; every sample is then trained at another one (`drawn`), and the loss must weigh errors by it, as `training/photo_codec.py`
does. For compressing; not for features or anomalies, where rounding only takes away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hourglass.errors import BadOption
from hourglass.layers.turns import Turns
from hourglass.parts import Code

inputs = 1
START = math.log(32.0)  # steps of a thirty-second: fine beside codes of spread 1
LEAST = 0.05  # the narrowest law, in steps: its middle symbol is certain
FLOOR = 1e-9  # of a probability: what is impossible to the law has a price all the same
CURVES = 3


class Curves(nn.Module):
    """A law for each channel, a mixture of three logistic curves over whole numbers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, CURVES))
        self.middle = nn.Parameter(torch.linspace(-1, 1, CURVES).repeat(channels, 1))
        self.narrow = nn.Parameter(torch.full((channels, CURVES), 2.0))

    def forward(self, symbols: Tensor) -> Tensor:
        """Nats of symbols (B, channels, ...), in their shape; numbers between are taken as symbols one wide."""
        place = symbols.movedim(1, -1)[..., None]
        sharp = torch.exp(-self.narrow).clamp(max=50)
        above, below = (torch.sigmoid((place + side - self.middle) * sharp) for side in (0.5, -0.5))
        mass = (torch.softmax(self.weight, -1) * (above - below)).sum(-1)
        return -torch.log(mass.clamp_min(FLOOR)).movedim(-1, 1)


class Entropy(nn.Module):
    """h (B, units, ...) to the code as its receiver knows it, and the nats of its symbols."""

    def __init__(self, code_shape: Sequence[int], qualities: int, hyper: int, context: int = 0) -> None:
        super().__init__()
        units = code_shape[0]
        self.gains = nn.Parameter(torch.full((qualities, units), START))  # log of one over the step
        self.prior = Curves(hyper or units)
        self.quality: float | None = None  # from 0 to qualities - 1; None: the finest
        self.drawn: Tensor | None = None  # the qualities (B,) of the last samples in training
        self.generator: torch.Generator | None = None  # set by the loop
        self.hyper = hyper
        if hyper:
            self.hyper_gains = nn.Parameter(torch.full((qualities, hyper), START))
            self.shrink, self.spread = _shrink(units, hyper), _spread(units, hyper)
        if context:
            self.turns = Turns(units, context)
        self.context = context

    def forward(self, h: Tensor, encode: Callable[..., Tensor] | None = None) -> Code:
        """h (B, units, ...) to Code(z, cost (B,) in nats)."""
        quality = self._qualities(h)
        gain = steps(self.gains, quality, h)
        y = h * gain
        if not self.hyper:
            return Code(_through(y) / gain, self.prior(self._blurred(y)).flatten(1).sum(1))
        hyper_gain = steps(self.hyper_gains, quality, h)
        hidden = self.shrink(torch.asinh(y)).to(h.dtype) * hyper_gain
        told = self.told(_through(hidden) / hyper_gain, y.shape)
        middle, wide = law(self.turns(told, y, _through) if self.context else told)
        cost = nats(self._blurred(y - middle), wide).flatten(1).sum(1) + self.prior(self._blurred(hidden)).flatten(1).sum(1)
        return Code((middle + _through(y - middle)) / gain, cost)

    def told(self, hidden: Tensor, shape: Sequence[int]) -> Tensor:
        """What a hyper-code divided by its gains tells of a code of `shape`: two numbers for each value, for `law`."""
        return self.spread(hidden).to(hidden.dtype)[..., : shape[-2], : shape[-1]]  # type: ignore[no-any-return]

    def _qualities(self, h: Tensor) -> Tensor:
        """A quality for each sample (B,): drawn in training, else the one that was set."""
        finest = len(self.gains) - 1
        if self.training and finest:
            self.drawn = finest * self._chance((len(h),)).to(h)
            return self.drawn
        return h.new_full((len(h),), finest if self.quality is None else self.quality)

    def _blurred(self, y: Tensor) -> Tensor:
        """Rounded; in training, noise as wide as rounding's error instead."""
        return y + self._chance(y.shape).to(y) - 0.5 if self.training else y.round()

    def _chance(self, shape: Sequence[int]) -> Tensor:
        """Numbers from 0 to 1, where the generator lives."""
        return torch.rand(tuple(shape), generator=self.generator, device=None if self.generator is None else self.generator.device)


class Apart(nn.Module):
    """Bottlenecks of several members, each with its share of the rows."""

    def __init__(self, each: list[Entropy]) -> None:
        super().__init__()
        self.each = nn.ModuleList(each)
        self.generator: torch.Generator | None = None

    def forward(self, h: Tensor, encode: Callable[..., Tensor] | None = None) -> Code:
        """(M * B, units, ...) to Code."""
        found: list[Code] = []
        for part, rows in zip(self.each, h.chunk(len(self.each)), strict=True):
            part.generator = self.generator  # type: ignore[assignment]
            found.append(part(rows))
        return Code(torch.cat([code.z for code in found]), torch.cat([code.cost for code in found]))


def steps(gains: Tensor, quality: Tensor, like: Tensor) -> Tensor:
    """Gains (B, units, 1, ...) at qualities (B,): the logs `gains` (qualities, units) are interpolated."""
    below = quality.floor().long().clamp(0, max(len(gains) - 2, 0))
    share = (quality - below)[:, None].to(gains)
    logs = gains[below] if len(gains) == 1 else torch.lerp(gains[below], gains[below + 1], share)
    return torch.exp(logs).to(like).view(*logs.shape, *[1] * (like.dim() - 2))


def law(told: Tensor) -> tuple[Tensor, Tensor]:
    """The middles and widths of laws, in steps, from two numbers for each value."""
    middle, wide = told.chunk(2, 1)
    return middle, functional.softplus(wide + 0.5) + LEAST


def nats(away: Tensor, wide: Tensor) -> Tensor:
    """Nats of whole numbers under normal laws around 0, `wide` standard deviations wide."""
    near = away.abs()
    mass = 0.5 * (torch.erfc((near - 0.5) / wide * math.sqrt(0.5)) - torch.erfc((near + 0.5) / wide * math.sqrt(0.5)))
    return -torch.log(mass.clamp_min(FLOOR))


def _through(y: Tensor) -> Tensor:
    """Rounded, with the gradient of what it was."""
    return y + (y.round() - y).detach()


def _shrink(units: int, hyper: int) -> nn.Sequential:
    """From the code to a hyper-code of a quarter of its sides."""
    conv: Any = nn.Conv2d
    first, second, third = conv(units, hyper, 3, 1, 1), conv(hyper, hyper, 5, 2, 2), conv(hyper, hyper, 5, 2, 2)
    return nn.Sequential(first, nn.LeakyReLU(0.1), second, nn.LeakyReLU(0.1), third)


def _spread(units: int, hyper: int) -> nn.Sequential:
    """Back to two numbers for each of the code; made of what whole numbers can do exactly (see `layers.whole`)."""
    larger = [nn.Conv2d(hyper, 4 * hyper, 1), nn.PixelShuffle(2), nn.LeakyReLU(0.1)]
    again = [nn.Conv2d(hyper, 4 * hyper, 1), nn.PixelShuffle(2), nn.LeakyReLU(0.1)]
    return nn.Sequential(*larger, *again, nn.Conv2d(hyper, hyper, 3, 1, 1), nn.LeakyReLU(0.1), nn.Conv2d(hyper, 2 * units, 1))


def bottleneck(code_shape: Sequence[int], *, qualities: int = 1, hyper: int | None = None, context: int = 0, members: int = 1) -> nn.Module:
    """`qualities`: how many sets of steps are learned; `hyper`: channels of the hyper-code, for codes of pictures (0: none).

    With `context`, which needs a hyper-code, the code is sent in four turns, and layers so wide tell from the turns before what comes.
    """
    if isinstance(qualities, bool) or not isinstance(qualities, int) or not 1 <= qualities <= 64:
        raise BadOption(f"entropy:qualities={qualities!r}: give a whole number from 1 to 64")
    pictures = len(code_shape) == 3
    width = (max(8, code_shape[0] // 2) if pictures else 0) if hyper is None else hyper
    if isinstance(width, bool) or not isinstance(width, int) or not 0 <= width <= 4096 or (width and not pictures):
        raise BadOption(
            f"entropy:hyper={hyper!r}: give the channels of the hyper-code, from 1 to 4096, for spatial codes of pictures; "
            f"this code has shape {tuple(code_shape)}: leave it out"
        )
    if isinstance(context, bool) or not isinstance(context, int) or not 0 <= context <= 4096 or (context and not width):
        raise BadOption(f"entropy:context={context!r}: give the width of its layers, from 1 to 4096, beside a hyper-code; or leave it out")
    if members == 1:
        return Entropy(code_shape, qualities, width, context)
    return Apart([Entropy(code_shape, qualities, width, context) for _ in range(members)])
