"""Wide samples as their scores along a few fixed directions, which start at the leading principal components.

A first layer as wide as the samples has far more weights than a table of a few thousand rows can teach, and takes nearly all of the time.
What such rows have in common lies along few directions; the layers between these are small, and learn what PCA cannot.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from hourglass.layers.by_hand import Stepper
from hourglass.layers.holes import bridged
from hourglass.layers.principal import decomposed, lead
from hourglass.layers.variance import Variance
from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["Back", "Directions", "reduced", "start_directions"]

EACH = 5  # rows of training for every direction: more directions would be about single rows


class Directions(nn.Module):
    """Samples (..., F) to scores (..., count) along fixed directions, and `back`; the leading scores have about unit variance."""

    rows: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, size: int, count: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.eye(count, size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        """(..., F) to (..., count)."""
        return (linear(x, self.rows) - self.rows @ self.mean) / self.scale

    def back(self, scores: Tensor) -> Tensor:
        """(..., count) to (..., F)."""
        return linear(scores * self.scale, self.rows.T, self.mean)

    def put(self, rows: Tensor, mean: Tensor, scale: Tensor) -> None:
        """Take these in place of what was there; directions that are missing become zero."""
        self.rows.zero_()[: len(rows)] = rows.to(self.rows.dtype)
        self.mean.copy_(mean)
        self.scale.copy_(scale)


class Back(nn.Module):
    """The way back alone, as a layer."""

    def __init__(self, directions: Directions) -> None:
        super().__init__()
        self.directions = directions

    def forward(self, scores: Tensor) -> Tensor:
        """(..., count) to (..., F)."""
        return self.directions.back(scores)


def start_directions(model: Model, batch: Batch, enter: Any, leave: Any) -> None:
    """Set the directions of an encoder and a decoder to the principal ones of `batch`, and their linear paths to its PCA.

    Fewer directions than there is room for where rows are few; the others stay zero. A decoder without directions stays as it is.
    """
    x = batch.x.flatten(1)
    count = min(len(enter.directions.rows), max(model.code_size, len(x) // EACH), len(x))
    mean, rows, variances = decomposed(x, count)
    spread = variances[:count].sqrt()
    scale = spread[0].clamp_min(1e-6)
    known = torch.where(spread > 1e-5 * scale, spread / scale, torch.inf)
    units = torch.eye(model.code_size, count, dtype=rows.dtype)
    enter.directions.put(rows, mean, scale)
    _lead(enter.stack, units / known)
    if leave.directions is not None:
        link = getattr(model.loss, "link", None)
        slope, offset = (torch.ones_like(mean), mean) if link is None else link(mean)
        leave.directions.put(rows * slope, offset, scale)
        _lead(leave.stack, (units * (spread / scale)).T)


def _lead(stack: Any, weight: Tensor) -> None:
    """Let the linear path beside the layers of a stack lead at first."""
    if stack.beside is None:
        return
    missing = stack.beside.weight.shape[-1] - weight.shape[1]  # directions for which there were too few rows
    lead(stack.beside, stack.layers[-1], pad(weight, (0, missing)), weight.new_zeros(len(weight)))


class Reduced:
    """A step of training by hand between the directions: what lies outside them no weight can reach, so that only its length counts.

    Called and used as `Stepper`, which does what is between. With masks or a variance for each element the output is made whole.
    """

    def __init__(self, model: Model, step: Stepper) -> None:
        self.loss: Any = model.loss
        self.enter: Directions = model.encoder.directions  # type: ignore[assignment]
        self.leave: Directions = model.decoder.directions  # type: ignore[assignment]
        self.dimensions, self.step, self.parameters = len(model.shape), step, step.parameters
        step.loss, step.flat, step.narrow = self, True, False  # between so few directions half precision saves nothing
        variance = getattr(model.loss, "variance", None)
        self.variance = variance if isinstance(variance, Variance) and not variance.each else None

    @torch.no_grad()
    def __call__(self, batch: Batch, target: Batch) -> Tensor | float:
        """Nats of one batch; leaves gradients."""
        x = batch.x if self.dimensions == 1 else bridged(batch.x, batch.mask).flatten(-self.dimensions)
        scores = Batch(self.enter(x))
        self.target = target.each(lambda part: part.flatten(-self.dimensions))
        return self.step(scores, scores if target is batch else Batch(self.enter(self.target.x)))

    def gradient(self, output: Tensor, target: Tensor, mask: Tensor | None) -> tuple[Tensor | float, Tensor]:
        """Nats and their gradient by the output, both in scores (..., B, count)."""
        x, scale = self.target.x, self.leave.scale
        if self.target.mask is not None or self.variance is None:
            nats, gradient = self.loss.gradient(self.leave.back(output), x, self.target.mask)
            return nats, gradient @ self.leave.rows.T * scale
        mean = self.enter.mean
        length = torch.linalg.vector_norm(x, dim=(-1, -2)).square() - 2 * (x @ mean).sum(-1) + x.shape[-2] * mean.dot(mean)
        outside = (length - scale**2 * target.square().sum((-1, -2))).clamp_min(0)
        difference = output - target
        nats, variance = self.variance.summed(outside + scale**2 * difference.square().sum((-1, -2)), x.shape[-2], x.shape[-1])
        return nats, difference * (scale**2 / (variance if x.dim() > 2 else variance[0]) / x.shape[-2])


def reduced(model: Model, step: Stepper | None) -> Reduced | None:
    """`step` between the directions of a model, where it has as many on both sides and can be stepped by hand."""
    enter, leave = (getattr(half.directions, "rows", None) for half in (model.encoder, model.decoder))
    alike = isinstance(enter, Tensor) and isinstance(leave, Tensor) and enter.shape == leave.shape
    return Reduced(model, step) if alike and step is not None else None
