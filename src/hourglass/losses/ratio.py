"""Noise against signal: squared error, where each sample has a variance of its own, so that a quiet sound counts as much as a loud one.

Under one variance for all (`gaussian`) training is about the loudest samples and those with the strongest noise, since their errors are
the largest. Here the variance is that of the sample's own errors, and what is lowered is half its logarithm: a signal-to-noise ratio,
where 1.15 nats for each element are 10 dB. Errors 50 dB below the sample count no more. For denoising sound and series; no
likelihood, since nobody tells the receiver the variance: not for compressing or anomalies.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from hourglass.losses._checks import need_numbers

FLOOR = 1e-5  # of the power of a sample: errors that do not matter
TINY = 1e-12


def outputs(facts: dict[str, Any]) -> int:
    """One number per element."""
    return 1


class Ratio(nn.Module):
    """`loss(output, target, mask) -> (B,)`; shapes (B, *shape), with members (M * B, *shape)."""

    likelihood = False

    def __init__(self, step: float) -> None:
        super().__init__()
        self.step = step or 1.0
        self.least = max(TINY, step * step / (2 * math.pi))

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B,) nats, summed over the real elements of each sample."""
        return self.errors(output, target, mask).flatten(1).sum(1)

    def errors(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, *shape) nats of each element, 0 where masked."""
        difference = output.float() - target if output.dtype != torch.float64 else output - target
        squares, power = difference.square(), target.square()
        if mask is not None:
            squares, power = squares * mask, torch.where(mask, power, 0)
        count: Any = squares[0].numel() if mask is None else mask.flatten(1).sum(1).clamp_min(1)
        variance = squares.flatten(1).sum(1) / count + FLOOR * power.flatten(1).sum(1) / count + self.least
        variance = variance.reshape(-1, *[1] * (output.dim() - 1))
        nats = squares / (2 * variance) + (0.5 * (variance.log() + math.log(2 * math.pi)) - math.log(self.step))
        return nats if mask is None else torch.where(mask, nats, 0)

    def data(self, output: Tensor) -> Tensor:
        """The output is the data already."""
        return output


def loss(facts: dict[str, Any], *, members: int = 1) -> nn.Module:
    """No options: each sample is measured by its own errors."""
    need_numbers("ratio", facts)
    steps = facts["resolution"]
    return Ratio(float(steps.max()) if steps.device.type != "meta" else 0.0)
