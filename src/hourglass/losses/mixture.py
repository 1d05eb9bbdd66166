"""A mixture of logistic curves for each pixel: tells that a pixel is black or white, but not grey, which `gaussian` cannot.

The mass of a value is what the curves hold within one step of the data (1/255 in pictures of 8 bits) around it; the lowest and the
highest value take the tails beyond them, so that the masses of all values sum to 1 (PixelCNN++: Salimans et al. 2017, here with
independent channels). The decoder has 3 x `components` numbers for each element: weight, place and scale of each curve. Where the step is
unknown, it counts as 1/255 and nats are those of the density, as elsewhere.

For pixels with sharp or several likely values (drawings, writing, masks), for densities and for drawing samples from them. Not where only
the mean is wanted: `gaussian` gets there sooner, with a fraction of the outputs and a start at PCA.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus

from hourglass.errors import BadOption
from hourglass.losses._checks import need_numbers

COMPONENTS, MOST = 5, 64
STEP = 1 / 255  # where the data do not tell theirs
NARROW, WIDE = 0.05, 20.0  # bounds of a scale: in steps, and in values
REACH, START = 0.1, 0.25  # how far an output of 1 moves a curve, and the scale at first. M: other choices lose up to 0.1 nats per pixel


def outputs(facts: dict[str, Any], *, components: int = COMPONENTS) -> int:
    """Weight, place and scale of every component, for each element."""
    return 3 * _checked(components)


class Mixture(nn.Module):
    """`loss(output, target, mask) -> (B,)` nats; output (B, 3 * components * C, ...), target (B, C, ...) clipped to [0, 1]."""

    likelihood = True
    step: Tensor
    known: Tensor
    centres: Tensor

    def __init__(self, facts: dict[str, Any], components: int) -> None:
        super().__init__()
        step = facts["resolution"].to(torch.float32)
        places = [1] * len(facts["shape"])
        self.components = components
        self.register_buffer("step", torch.where(step > 0, step, STEP), persistent=False)
        self.register_buffer("known", step > 0, persistent=False)
        self.register_buffer("centres", ((torch.arange(components) + 0.5) / components).reshape(-1, *places), persistent=False)

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B,) nats, summed over the real elements of each sample."""
        return self.errors(output, target, mask).flatten(1).sum(1)

    def errors(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, *shape) nats of each element, 0 where masked."""
        log_shares, place, scale = self._curves(output)
        x = target.to(place.dtype).clamp(0, 1).unsqueeze(1)  # (B, 1, *shape)
        above, below = (x + self.step / 2 - place) / scale, (x - self.step / 2 - place) / scale
        # sigmoid(above) - sigmoid(below) = sigmoid(above) sigmoid(-below) (1 - exp(below - above)): no cancelling, however far out
        up_to, beyond = logsigmoid(above), logsigmoid(-below)
        inside = up_to + beyond + torch.log(-torch.expm1(-self.step / scale))
        log_mass = torch.where(x < self.step / 2, up_to, torch.where(x > 1 - self.step / 2, beyond, inside))
        nats = -torch.logsumexp(log_shares + log_mass, 1) + torch.where(self.known, 0.0, math.log(STEP))
        return nats if mask is None else torch.where(mask, nats, 0)

    def data(self, output: Tensor) -> Tensor:
        """(B, *shape): the mean of the mixture, its tails beyond black and white counted as black and white."""
        log_shares, place, scale = self._curves(output)
        means = scale * (softplus(place / scale) - softplus((place - 1) / scale))  # the integral of 1 - F from 0 to 1
        return (log_shares.exp() * means).sum(1).clamp(0, 1)

    def _curves(self, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-weights, places and scales, each (B, components, *shape). An output of zeros is curves side by side that cover [0, 1]."""
        exact = output if output.dtype == torch.float64 else output.float()
        shares, place, scale = exact.unflatten(1, (3, self.components, -1)).unbind(1)
        log_scale = (scale + math.log(START)).clamp(max=math.log(WIDE))
        return torch.log_softmax(shares, 1), REACH * place + self.centres, torch.maximum(log_scale, (NARROW * self.step).log()).exp()


def loss(facts: dict[str, Any], *, components: int = COMPONENTS, members: int = 1) -> nn.Module:
    """`components`: curves per pixel."""
    need_numbers("mixture", facts)
    shape = tuple(facts["shape"])
    if len(shape) not in (3, 4):
        raise BadOption(
            f"mixture is for pictures and video, whose values run from 0 to 1; these samples have shape {shape}; use 'gaussian'"
        )
    return Mixture(facts, _checked(components))


def _checked(components: int) -> int:
    """A number of components, else `BadOption`."""
    if isinstance(components, bool) or not isinstance(components, int) or not 1 <= components <= MOST:
        raise BadOption(f"mixture has no components={components!r}: give a whole number from 1 to {MOST}")
    return components
