"""Gaussian nats and, beside them, a measure of how unlike two samples look or sound as a whole."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hourglass.layers.variance import Variance

__all__ = ["Perceived"]


class Perceived(nn.Module):
    """Gaussian nats plus `weight` nats for each real element, times what `measure(output, target) -> (B,)` says.

    The measure is no likelihood of the data, so neither is the sum. Masked elements are 0 in both signals that it compares.
    """

    likelihood = False

    def __init__(self, facts: dict[str, Any], measure: nn.Module, weight: float, each: bool, members: int) -> None:
        super().__init__()
        self.variance = Variance(facts["resolution"], tuple(facts["shape"]), each, members)
        self.measure, self.weight = measure, weight

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B,) nats of the density, summed over real elements, and as many times the weighted measure."""
        nats = self.errors(output, target, mask).flatten(1).sum(1)
        size = target[0].numel() if mask is None else mask.flatten(1).sum(1)
        with torch.autocast(output.device.type, enabled=False):  # differences of large sums: bfloat16 has too few digits
            unlike: Tensor = self.measure(*self._real(output, target, mask))
            return nats + self.weight * (size * unlike)  # a whole number times a float would be float32

    def errors(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, *shape) nats of each element under the density alone: the measure belongs to no single one. 0 where masked."""
        exact = output if output.dtype == torch.float64 else output.float()
        return self.variance.nats(exact - target, mask)

    def data(self, output: Tensor) -> Tensor:
        """The output is the data's mean already."""
        return output

    def _real(self, output: Tensor, target: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Both signals in one precision, equal where nothing is known."""
        exact = output if output.dtype == torch.float64 else output.float()
        target = target.to(exact.dtype)
        return (exact, target) if mask is None else (torch.where(mask, exact, 0), torch.where(mask, target, 0))
