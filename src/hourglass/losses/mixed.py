"""Tables of numbers, categories and flags together: each field under its own likelihood, all in nats and thus in proportion.

Numbers are `gaussian` (one variance for all of them by default), one-hot fields a softmax, flags `bernoulli`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from hourglass.errors import BadOption
from hourglass.layers.links import Choices, elements, logits
from hourglass.layers.variance import Variance
from hourglass.losses._checks import apart, need_numbers


def outputs(facts: dict[str, Any]) -> int:
    """One number per element: a mean or a logit."""
    return 1


class Mixed(nn.Module):
    """`loss(output, target, mask) -> (B,)` nats, for tables (B, F)."""

    likelihood = True

    def __init__(self, facts: dict[str, Any], each: bool, members: int) -> None:
        super().__init__()
        (size,) = facts["shape"]
        self.numbers, self.flags = (elements(facts["fields"], sort) for sort in ("number", "flag"))
        self.choices = Choices(facts["fields"])
        resolution = facts["resolution"].expand(size)[self.numbers]
        self.variance = Variance(resolution, (len(self.numbers),), each, members) if len(self.numbers) else None

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B,) nats, summed over the real elements of each sample."""
        return self.errors(output, target, mask).sum(1)

    def errors(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, F) nats of each element, 0 where masked; a category's nats stand at the element that is one."""
        exact = output if output.dtype == torch.float64 else output.float()
        target = target.to(exact.dtype)
        nats = torch.zeros_like(exact)
        if self.variance is not None:
            at = self.numbers
            nats[:, at] = self.variance.nats(exact[:, at] - target[:, at], None if mask is None else mask[:, at])
        if len(self.flags):
            at = self.flags
            nats[:, at] = binary_cross_entropy_with_logits(exact[:, at], target[:, at].clamp(0, 1), reduction="none")
        if len(self.choices):
            at = self.choices.elements
            nats[:, at] = -target[:, at] * self.choices.log_probabilities(exact)
        return nats if mask is None else torch.where(mask, nats, 0)

    def data(self, output: Tensor) -> Tensor:
        """(B, F): means of numbers, probabilities of categories and flags."""
        values = output.clone()
        if len(self.flags):
            values[:, self.flags] = torch.sigmoid(output[:, self.flags])
        if len(self.choices):
            values[:, self.choices.elements] = self.choices.log_probabilities(output).exp()
        return values

    def link(self, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Slope and offset for a linear start: identity for numbers, logits for the rest."""
        slope, offset = logits(mean)
        slope[self.numbers], offset[self.numbers] = 1.0, mean[self.numbers]
        return slope, offset


def loss(facts: dict[str, Any], *, variance: str = "shared", members: int = 1) -> nn.Module:
    """`variance` of the numbers: shared by all, or each its own."""
    need_numbers("mixed", facts)
    if len(facts["shape"]) != 1:
        raise BadOption(f"mixed is for tables; these samples have shape {tuple(facts['shape'])}; use loss='gaussian'")
    return Mixed(facts, apart("mixed", variance), members)
