"""A scale learned as the running mean of absolute errors, one for all elements or one for each, of every member."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hourglass.layers.variance import MOMENTUM, TINY

__all__ = ["Scale"]


class Scale(nn.Module):
    """Turns errors into nats under a Laplace density whose scale follows them. `resolution` broadcasts to `shape`; 0 counts as 1."""

    value: Tensor
    batches: Tensor
    floor: Tensor
    log_steps: Tensor

    def __init__(self, resolution: Tensor, shape: Sequence[int], each: bool, members: int) -> None:
        super().__init__()
        self.members, self.each = members, each
        steps = resolution.to(torch.float32).expand(*shape).flatten()
        floor = torch.where(steps > 0, steps / 2, TINY)  # at its peak the density is 1 / 2b, and no step holds more than all of it
        self.register_buffer("value", torch.ones(members, len(steps) if each else 1))
        self.register_buffer("batches", torch.zeros(()))
        self.register_buffer("floor", floor if each else floor.min()[None], persistent=False)
        self.register_buffer("log_steps", torch.where(steps > 0, steps, 1).log(), persistent=False)

    def nats(self, difference: Tensor, mask: Tensor | None) -> Tensor:
        """Errors (M * B, *shape) to nats of the same shape; in training the scale takes them in first."""
        sizes = difference.abs() if mask is None else torch.where(mask, difference.abs(), 0)
        rows = sizes.flatten(1).unflatten(0, (self.members, -1))  # (M, B, F)
        if self.training:
            self._follow(rows.detach(), torch.ones_like(rows) if mask is None else mask.reshape(rows.shape))
        scale = torch.maximum(self.value, self.floor).to(rows.dtype).unsqueeze(1)
        nats = (rows / scale + ((2 * scale).log() - self.log_steps)).reshape(difference.shape)
        return nats if mask is None else torch.where(mask, nats, 0)

    def _follow(self, rows: Tensor, real: Tensor) -> None:
        """Move towards the mean of absolute errors (M, B, F), as a variance moves towards that of squares."""
        over = 1 if self.each else (1, 2)
        mean = (rows.sum(over) / real.sum(over).clamp_min(1)).reshape(self.value.shape)
        weight = (1 / self.batches.add_(1)).clamp_min(MOMENTUM)
        self.value.lerp_(mean.to(self.value.dtype), weight)
