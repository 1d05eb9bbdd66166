"""A code of which few units are on at a time: easier to read, and safe when the code is wider than it need be.

`l1`: the cost is the negative log of a Laplace prior, `weight * sum |z|`, on a code held at unit root mean square (else the code would just
shrink and the decoder grow). Olshausen and Field 1996. `kl`: units are on or off, on with a probability that the encoder tells, and each
is charged its divergence from being on in a share `target` of the samples. It is charged sample by sample: the usual penalty on a batch's
mean activations (Lee et al. 2008) is less than that, and nothing that one sample could be charged. Maddison et al. 2017. `topk`: the `k`
largest units are kept; the cost is that of saying which. A unit that is never among them is favoured until it is. Makhzani and Frey
2014; Gao et al. 2024. Not for compressing pictures; there `entropy` will say what bits cost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, logsigmoid

from hourglass.bottlenecks._chance import uniform
from hourglass.errors import BadOption
from hourglass.layers.members import per_member
from hourglass.parts import Code

inputs = 1
MOMENTUM = 0.05
WEIGHTS = {"l1": 0.1, "kl": 1.0, "topk": None}
TEMPERATURE = 0.5  # of a unit that is on or off: lower is crisper, but lets less gradient through
IDLE, HELP = 0.1, 1.1  # a unit on less often than this share of the usual is favoured by so much more, each step


class Sparse(nn.Module):
    """h (B, ...) to a code of unit root mean square over batch and units; cost `weight * sum |z|` in nats."""

    scale: Tensor
    started: Tensor

    def __init__(self, weight: float, members: int) -> None:
        super().__init__()
        self.weight, self.members = weight, members
        self.register_buffer("scale", torch.ones(members))
        self.register_buffer("started", torch.zeros(()))

    def forward(self, h: Tensor, encode: Callable[..., Tensor] | None = None) -> Code:
        """h (B, ...) to Code(z, cost (B,)); in training the scale is the batch's own, in use the running one."""
        grouped = per_member(h, self.members)
        scale = self.scale.to(h.dtype)
        if self.training:
            scale = grouped.square().flatten(1).mean(1).clamp_min(1e-12).sqrt()
            self._remember(scale.detach())
        z = (grouped / scale.reshape(-1, *[1] * (grouped.dim() - 1))).flatten(0, 1)
        return Code(z, self.weight * z.abs().flatten(1).sum(1))

    def _remember(self, scale: Tensor) -> None:
        """A running mean that forgets its beginning."""
        self.started += 1
        self.scale.lerp_(scale.to(self.scale.dtype), max(MOMENTUM, 1 / self.started.item()))


class Switches(nn.Module):
    """h (B, size, ...) to units near 0 or 1, drawn in training, and to the probabilities of 1 in use.

    Each unit is brought to mean 0 and spread 1 before it tells a probability, about `target` at first: else all might be on or off for
    every sample, and no gradient would move them.
    """

    mean: Tensor
    variance: Tensor
    started: Tensor

    def __init__(self, size: int, weight: float, target: float, members: int) -> None:
        super().__init__()
        self.weight, self.target, self.members = weight, target, members
        self.gain = nn.Parameter(torch.full((members * size,), 2.0))
        self.offset = nn.Parameter(torch.full((members * size,), math.log(target / (1 - target))))
        self.register_buffer("mean", torch.zeros(members * size))
        self.register_buffer("variance", torch.ones(members * size))
        self.register_buffer("started", torch.zeros(()))
        self.generator: torch.Generator | None = None  # set by the loop
        self.chance: torch.Generator | None = None  # set by the judge, who must see units drawn: odds tell more than their cost covers

    def forward(self, h: Tensor, encode: Callable[..., Tensor] | None = None) -> Code:
        """h (B, size, ...) to Code(z, cost (B,)): `weight` times the divergence from units on in a share `target` of the samples."""
        odds = self._odds(h)
        on = torch.sigmoid(odds)
        divergence = on * (logsigmoid(odds) - math.log(self.target)) + (1 - on) * (logsigmoid(-odds) - math.log1p(-self.target))
        cost = self.weight * divergence.flatten(1).sum(1).clamp_min(0)
        if not self.training and self.chance is None:
            return Code(on, cost)
        chance = uniform(h.shape, h, self.generator if self.training else self.chance).clamp(1e-6, 1 - 1e-6)
        return Code(torch.sigmoid((odds + torch.logit(chance)) / TEMPERATURE), cost)

    def _odds(self, h: Tensor) -> Tensor:
        """How likely each unit is on, as log-odds of the shape of h."""
        rows = per_member(h, self.members).transpose(0, 1)  # (B, M, size, ...)
        if batch := self.training and rows.numel() > rows[0].flatten(0, 1).shape[0]:  # one value has no spread
            self.started += 1
        rate = max(MOMENTUM, 1 / max(1.0, self.started.item()))
        running, learned = (self.mean, self.variance), (self.gain, self.offset)
        odds = batch_norm(rows.flatten(1, 2), *running, *learned, training=batch, momentum=rate)
        return odds.reshape(rows.shape).transpose(0, 1).flatten(0, 1)


class Largest(nn.Module):
    """h (B, size, ...) to its `k` largest units (of all channels at each place, where it is spatial), the others 0."""

    used: Tensor
    favour: Tensor

    def __init__(self, size: int, k: int, members: int) -> None:
        super().__init__()
        self.size, self.k, self.members = size, k, members
        self.register_buffer("used", torch.full((members, size), k / size))
        self.register_buffer("favour", torch.ones(members, size))

    def forward(self, h: Tensor, encode: Callable[..., Tensor] | None = None) -> Code:
        """h (B, size, ...) to Code(z, cost (B,)): the nats that tell which units are on."""
        rows = h.reshape(self.members, -1, self.size, math.prod(h.shape[2:]))  # (M, B, size, places)
        largest = (rows.detach().abs() * self.favour[:, None, :, None].to(h.dtype)).topk(self.k, 2).indices
        on = torch.zeros_like(rows).scatter_(2, largest, 1.0)
        if self.training:
            self._help(on.mean((1, 3)))
        which = math.lgamma(self.size + 1) - math.lgamma(self.k + 1) - math.lgamma(self.size - self.k + 1)
        return Code((rows * on).reshape(h.shape), h.new_full((h.shape[0],), max(0.0, which) * rows.shape[3]))

    def _help(self, share: Tensor) -> None:
        """Favour units that are hardly ever on a little more each step, the others a little less."""
        self.used.lerp_(share.to(self.used.dtype), MOMENTUM)
        idle = self.used < IDLE * self.k / self.size
        self.favour.mul_(torch.where(idle, HELP, 1 / HELP)).clamp_(1.0, 1e6)


def bottleneck(
    code_shape: Sequence[int],
    *,
    weight: float | None = None,
    style: str = "l1",
    target: float = 0.05,
    k: int | None = None,
    members: int = 1,
) -> nn.Module:
    """`weight`: nats for each unit of |z| (`l1`), or of the divergence (`kl`); more means fewer units on at a time.

    `style`: l1, kl or topk; `target`: for `kl`, the share of samples a unit is on in; `k`: for `topk`, units on at a time (a quarter).
    """
    if not isinstance(style, str) or style not in WEIGHTS:
        raise BadOption(f"sparse:style={style!r}: give one of {', '.join(WEIGHTS)}")
    if style == "topk":
        return _largest(code_shape[0], weight, k, members)
    weight = WEIGHTS[style] if weight is None else weight
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
        raise BadOption(f"sparse:weight={weight!r}: give nats per unit of |z|, a number from 0 on, such as sparse:weight=0.1")
    if isinstance(target, bool) or not isinstance(target, int | float) or not 0 < target < 1:
        raise BadOption(f"sparse:target={target!r}: give the share of samples that a unit is on in, above 0 and below 1")
    return Sparse(float(weight), members) if style == "l1" else Switches(code_shape[0], float(weight), float(target), members)


def _largest(size: int, weight: float | None, k: int | None, members: int) -> Largest:
    """The units that are kept; `BadOption` where they cannot be."""
    if weight is not None:
        raise BadOption(f"sparse:weight={weight!r} is for style=l1 and kl; topk takes k, the units on at a time")
    k = max(1, size // 4) if k is None else k
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= size:
        raise BadOption(f"sparse:k={k!r}: give how many of the {size} units are on at a time, a whole number from 1 to {size}")
    return Largest(size, k, members)
