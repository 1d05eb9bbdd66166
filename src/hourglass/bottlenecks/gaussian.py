"""A code with noise of a learned size on every unit, charged its divergence from a standard normal: the variational autoencoder.

Codes can be drawn from the prior, so the model generates. `beta` weighs the charge (beta-VAE), `warmup` is the share of training over
which it rises from 0, and `free_bits` are the nats that each unit may use without charge: together they keep the code from collapsing.
Kingma and Welling 2014; Higgins et al. 2017; Kingma et al. 2016 (free bits).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hourglass.errors import BadOption
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

    def forward(self, h: Tensor, encode: Callable[[Tensor], Tensor] | None = None) -> Code:
        """h (B, 2 * size, ...) to Code(z, cost (B,) in nats); in use the cost is the whole of beta times the divergence."""
        mean, log_variance = h.chunk(2, 1)
        log_variance = log_variance.clamp(-14, 10)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)  # (B, size, ...)
        if not self.training:
            return Code(mean, self.beta * divergence.flatten(1).sum(1))
        warm = min(1.0, self.progress / self.warmup) if self.warmup > 0 else 1.0
        noise = torch.randn(mean.shape, generator=self.generator, dtype=mean.dtype, device=mean.device)
        spent = divergence.mean(0, keepdim=True) > self.free_bits  # a unit within its allowance feels no pull towards the prior
        cost = torch.where(spent, divergence, self.free_bits)
        return Code(mean + noise * (0.5 * log_variance).exp(), warm * self.beta * cost.flatten(1).sum(1))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` codes from the prior, (count, *code_shape)."""
        return torch.randn(count, *self.code_shape, generator=generator)


def bottleneck(
    code_shape: Sequence[int], *, beta: float = 1.0, warmup: float = 0.3, free_bits: float = 0.02, members: int = 1
) -> nn.Module:
    """`beta`: weight of the cost; `warmup`: share of training in [0, 1]; `free_bits`: nats per unit that cost nothing in training."""
    for name, value, most in (("beta", beta, float("inf")), ("warmup", warmup, 1.0), ("free_bits", free_bits, float("inf"))):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise BadOption(f"gaussian:{name}={value!r}: give a number from 0 to {most}")
    return Gaussian(code_shape, float(beta), float(warmup), float(free_bits))
