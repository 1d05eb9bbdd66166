"""A variational code whose units are pushed to be independent of each other, so that each may come to mean one thing.

The charge of `gaussian` is the sum of what the code tells of the sample, of what its units tell of each other (the total correlation) and
of how far each unit is from normal; here the second is charged `beta` times. `tc` estimates it from the other samples of the batch (Chen
et al. 2018), `rival` by a small network that tells codes from codes with their units shuffled, and learns beside (Kim and Mnih 2018). In
use the cost is the plain divergence. Independence costs error, and does not promise meaning (Locatello et al. 2019): not where only
reconstruction matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from hourglass.bottlenecks._chance import uniform
from hourglass.bottlenecks._normal import Normal, checked, from_encoder, warmed
from hourglass.errors import BadOption
from hourglass.layers.linear import Stack
from hourglass.layers.members import per_member
from hourglass.parts import Code

inputs = 2
PAIRS = 1 << 17  # densities of units of one sample under another, for each member: more rows would take longer than the rest of a step
WIDTHS = (128, 128)  # of the rival
Rival = tuple[list[nn.Parameter], Callable[[Tensor], Tensor]]


class Factor(nn.Module):
    """h (B, 2 * size, ...) holds mean and log-variance; z is drawn in training and is the mean in use."""

    def __init__(
        self, code_shape: Sequence[int], beta: float, warmup: float, free_bits: float, *, style: str = "tc", members: int = 1
    ) -> None:
        super().__init__()
        self.code_shape, self.members = tuple(code_shape), members
        self.beta, self.warmup, self.free_bits = beta, warmup, free_bits
        widths = [self.code_shape[0], *WIDTHS, 1]
        self.critic = Stack(widths, active="silu", members=members, beside=False) if style == "rival" else None
        self.progress = 1.0  # set by the loop
        self.generator: torch.Generator | None = None  # set by the loop
        self.chance: torch.Generator | None = None  # set by the judge, who must see codes drawn: a mean tells more than its cost covers

    def forward(self, h: Tensor, encode: Callable[..., Tensor] | None = None) -> Code:
        """h (B, 2 * size, ...) to Code(z, cost (B,)); the total correlation of a batch is shared by its samples alike."""
        code = from_encoder(h)
        divergence = code.divergence()
        if not self.training:
            return Code(code.mean if self.chance is None else code.draw(self.chance), divergence.flatten(1).sum(1))
        z = code.draw(self.generator)
        spent = divergence.mean(0, keepdim=True) > self.free_bits  # a unit within its allowance feels no pull towards the prior
        cost = per_member(torch.where(spent, divergence, self.free_bits), self.members).flatten(2).sum(2)
        shared = self._between(code, z) if self.critic is None else self._told(z)  # (M,)
        shared = shared - shared.detach().clamp_max(0)  # never below 0, where only chance brings the estimate; its gradient stays
        return Code(z, warmed(self.progress, self.warmup) * (cost + (self.beta - 1) * shared[:, None]).flatten())

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` codes from the prior, (count, *code_shape)."""
        return torch.randn(count, *self.code_shape, generator=generator)

    def rival(self) -> Rival | None:
        """The second objective: its weights, and a function of codes (B, size, ...) that gives the nats to lower. None without a rival."""
        return None if self.critic is None else (list(self.critic.parameters()), self._mistaken)

    def _between(self, code: Normal, z: Tensor) -> Tensor:
        """The total correlation of each member, summed over places, the batch standing for all samples, (M,)."""
        mean, log_variance, drawn = (part.reshape(self.members, -1, z.shape[1], math.prod(z.shape[2:])) for part in (*code, z))
        few = max(2, math.isqrt(PAIRS // drawn[0, 0].numel()))
        other = Normal(*(part[:, None, :few].movedim(2, -1) for part in (mean, log_variance)))
        pairs = other.log_density(drawn[:, :few, ..., None])  # (M, B, size, places, B): the code of one sample, in the light of another
        count = math.log(pairs.shape[-1])
        joint = pairs.sum(2).logsumexp(-1) - count
        alone = (pairs.logsumexp(-1) - count).sum(2)
        return (joint - alone).mean(1).sum(1)

    def _told(self, z: Tensor) -> Tensor:
        """The total correlation as the rival sees it, of each member, summed over places, (M,)."""
        rows = self._rows(z)
        return self._judged(rows).mean(1) * (rows.shape[1] * self.members / z.shape[0])

    def _mistaken(self, z: Tensor) -> Tensor:
        """How badly the rival tells codes from shuffled ones, in nats, summed over members."""
        rows = self._rows(z.detach())  # (M, N, size)
        order = uniform(rows.shape, rows, self.generator).argsort(1)
        wrong = softplus(-self._judged(rows)) + softplus(self._judged(rows.gather(1, order)))
        return 0.5 * wrong.mean(1).sum()

    def _rows(self, z: Tensor) -> Tensor:
        """Codes as (M, N, size): every place counts as a code of its own."""
        return per_member(z.movedim(1, -1), self.members).flatten(1, -2)

    def _judged(self, rows: Tensor) -> Tensor:
        """The rival's log-odds that codes (M, N, size) are not shuffled, (M, N)."""
        assert self.critic is not None
        return self.critic(rows)[..., 0] if self.members > 1 else self.critic(rows[0])[None, :, 0]  # type: ignore[no-any-return]


def bottleneck(
    code_shape: Sequence[int],
    *,
    beta: float = 6.0,
    style: str = "tc",
    warmup: float = 0.3,
    free_bits: float = 0.02,
    members: int = 1,
) -> nn.Module:
    """`beta`: weight of the total correlation, from 1 on; `style`: tc or rival; `warmup` and `free_bits` as in `gaussian`."""
    options = {"beta": (beta, math.inf), "warmup": (warmup, 1.0), "free_bits": (free_bits, math.inf)}
    numbers = checked("factor", options)
    if numbers[0] < 1:
        raise BadOption(f"factor:beta={beta!r}: give a number from 1 on; 1 is what gaussian charges")
    if style not in ("tc", "rival"):
        raise BadOption(f"factor:style={style!r}: give tc or rival")
    return Factor(code_shape, *numbers, style=style, members=members)
