"""A code with noise of a learned size on every unit, charged its divergence from a standard normal: the variational autoencoder.

Codes can be drawn from the prior, so the model generates. `beta` weighs the charge (beta-VAE), `warmup` is the share of training over
which it rises from 0, and `free_bits` are the nats that each unit may use without charge: together they keep the code from collapsing.
Kingma and Welling 2014; Higgins et al. 2017; Kingma et al. 2016 (free bits).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hourglass.bottlenecks._normal import checked, from_encoder, warmed
from hourglass.parts import Code

inputs = 2


class Gaussian(nn.Module):
    """h (B, 2 * size, ...) holds mean and log-variance; z is drawn in training and is the mean in use."""

    def __init__(self, code_shape: Sequence[int], beta: float, warmup: float, free_bits: float) -> None:
        super().__init__()
        self.code_shape = tuple(code_shape)
        self.beta, self.warmup, self.free_bits = beta, warmup, free_bits
        self.progress = 1.0  # set by the loop
        self.generator: torch.Generator | None = None  # set by the loop
        self.chance: torch.Generator | None = None  # set by the judge, who must see codes drawn: a mean tells more than its cost covers

    def forward(self, h: Tensor, encode: Callable[..., Tensor] | None = None) -> Code:
        """h (B, 2 * size, ...) to Code(z, cost (B,) in nats); in use the cost is the whole of beta times the divergence."""
        code = from_encoder(h)
        divergence = code.divergence()
        if not self.training:
            return Code(code.mean if self.chance is None else code.draw(self.chance), self.beta * divergence.flatten(1).sum(1))
        spent = divergence.mean(0, keepdim=True) > self.free_bits  # a unit within its allowance feels no pull towards the prior
        cost = torch.where(spent, divergence, self.free_bits)
        return Code(code.draw(self.generator), warmed(self.progress, self.warmup) * self.beta * cost.flatten(1).sum(1))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` codes from the prior, (count, *code_shape)."""
        return torch.randn(count, *self.code_shape, generator=generator)


def bottleneck(
    code_shape: Sequence[int], *, beta: float = 1.0, warmup: float = 0.3, free_bits: float = 0.02, members: int = 1
) -> nn.Module:
    """`beta`: weight of the cost; `warmup`: share of training in [0, 1]; `free_bits`: nats per unit that cost nothing in training."""
    options = {"beta": (beta, math.inf), "warmup": (warmup, 1.0), "free_bits": (free_bits, math.inf)}
    return Gaussian(code_shape, *checked("gaussian", options))
