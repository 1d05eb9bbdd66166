"""A variance learned as the running mean of squared errors, one for all elements or one for each, of every member."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["Variance"]

MOMENTUM = 0.02  # the running mean forgets after some 50 batches
TINY = 1e-12


class Variance(nn.Module):
    """Turns errors into nats under a normal density whose variance follows them. `resolution` broadcasts to `shape`; 0 counts as 1."""

    value: Tensor
    batches: Tensor
    floor: Tensor
    log_resolution: Tensor

    def __init__(self, resolution: Tensor, shape: Sequence[int], each: bool, members: int) -> None:
        super().__init__()
        self.members, self.each = members, each
        steps = resolution.to(torch.float32).expand(*shape).flatten()
        steps = torch.where(steps > 0, steps, torch.ones_like(steps))
        floors = torch.where(resolution.to(torch.float32).expand(*shape).flatten() > 0, steps.square() / (2 * math.pi), TINY)
        uneven = bool((steps != steps[0]).any()) if steps.numel() else False
        self.register_buffer("value", torch.ones(members, len(steps) if each else 1))
        self.register_buffer("batches", torch.zeros(()))
        self.register_buffer("floor", floors if each else floors.min()[None], persistent=False)
        self.register_buffer("log_resolution", steps.log() if uneven else steps[:1].log(), persistent=False)
        self.least = float(floors.min()) if floors.device.type != "meta" and len(steps) else TINY
        self.steps = float(steps.double().log().sum()) if floors.device.type != "meta" else 0.0

    def nats(self, difference: Tensor, mask: Tensor | None, followed: Tensor | None = None) -> Tensor:
        """Errors (M * B, *shape) to nats of the same shape; in training the variance takes them in first, or those `followed` alone."""
        rows = difference.flatten(1).unflatten(0, (self.members, -1))  # (M, B, F)
        real = None if mask is None else mask.flatten(1).unflatten(0, (self.members, -1))
        if self.training:
            told = real if followed is None else followed.flatten(1).unflatten(0, (self.members, -1))
            with torch.no_grad():
                self._follow(rows.square() if told is None else rows.square() * told, told)
        variance = self._floored(rows.dtype)
        nats = rows.square() / (2 * variance) + (0.5 * (variance.log() + math.log(2 * math.pi)) - self.log_resolution)
        if real is not None:
            nats = torch.where(real, nats, 0)
        return nats.reshape(difference.shape)  # type: ignore[no-any-return]

    def gradient(self, output: Tensor, target: Tensor, mask: Tensor | None) -> tuple[Tensor | float, Tensor]:
        """As `nats` in training, for (..., B, F): the sum over members of the mean over samples, and its gradient, without autograd."""
        difference = torch.sub(output, target)
        if mask is None and self.members == 1 and not self.each:
            return self._one(difference)
        rows, real = (difference, mask) if self.members > 1 else (difference[None], None if mask is None else mask[None])
        if real is not None:
            rows = rows * real
        squares = rows.square()
        self._follow(squares, real)
        variance, count = self._floored(rows.dtype), rows.shape[1]
        constant = (0.5 * (variance.log() + math.log(2 * math.pi)) - self.log_resolution).expand(self.members, 1, rows.shape[2])
        constant = constant.sum() if real is None else (constant * real).sum() / count
        gradient = rows / (variance * count)
        return (squares / (2 * variance)).sum() / count + constant, gradient if self.members > 1 else gradient[0]

    def _one(self, difference: Tensor) -> tuple[float, Tensor]:
        """The commonest case, one variance for all of (B, F), with as few operations as can be."""
        count, size = difference.shape
        flat = difference.view(-1)
        total = float(torch.dot(flat, flat))
        value = self.value
        weight = max(1 / float(self.batches.add_(1)), MOMENTUM)
        held = float(value) * (1 - weight) + total / (count * size) * weight
        value.fill_(held)
        variance = max(held, self.least)
        nats = total / (2 * variance * count) + size * 0.5 * math.log(2 * math.pi * variance) - self.steps
        return nats, difference.mul_(1 / (variance * count))

    def summed(self, sums: Tensor, rows: int, size: int) -> tuple[Tensor, Tensor]:
        """As `gradient`, from sums of squares alone, (M,) or (), over `rows` samples of `size` elements: nats, and variances (M, 1, 1)."""
        sums = sums.reshape(self.members)
        self._towards(sums / (rows * size))
        variance = self._floored(sums.dtype)
        constant = 0.5 * size * (variance.log() + math.log(2 * math.pi)).sum() - self.members * self.steps
        return (sums / (2 * rows * variance.flatten())).sum() + constant, variance

    def _floored(self, dtype: torch.dtype) -> Tensor:
        """(M, 1, F or 1), never below the floor."""
        return torch.maximum(self.value, self.floor).to(dtype).unsqueeze(1)

    def _follow(self, squares: Tensor, real: Tensor | None) -> None:
        """Move towards the mean of squared errors (M, B, F); a running mean that forgets its beginning."""
        over = (1,) if self.each else (1, 2)
        self._towards(squares.mean(over) if real is None else squares.sum(over) / real.expand_as(squares).sum(over).clamp_min(1))

    def _towards(self, mean: Tensor) -> None:
        self.batches += 1
        weight = torch.clamp(1 / self.batches, min=MOMENTUM)
        self.value.lerp_(mean.reshape(self.value.shape).to(self.value.dtype), weight)
