"""Weights as one flat tensor, so that a step, a snapshot and a checkpoint are one operation each; and the remedies for stuck training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hourglass.parts import Batch

__all__ = ["Flat", "Objective"]

Nats = Tensor | float
Lower = Callable[[Batch, float], tuple[Nats, Nats]]
SUDDEN = 10.0  # a gradient this many times the usual norm is shortened to it


class Objective(NamedTuple):
    """`weights` and a function to lower: `lower(batch, fraction) -> loss, cost`, each a scalar in nats; `buffers` learn without gradients.

    `by_hand`, of the same form, leaves the gradients in the weights itself. A loss above `ceiling` is worse than knowing nothing.
    """

    weights: list[nn.Parameter]
    buffers: list[Tensor]
    lower: Lower
    by_hand: Lower | None = None
    ceiling: float = math.inf


class Flat:
    """One objective's weights as views of one tensor, and the moments of its optimizer."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        weights = objective.weights
        self.sizes = [weight.numel() for weight in weights]
        self.weight = nn.Parameter(torch.cat([weight.detach().flatten() for weight in weights]))
        self.gradient = self.weight.grad = torch.zeros_like(self.weight)
        for weight, values, gradient in zip(weights, self.weight.data.split(self.sizes), self.gradient.split(self.sizes), strict=True):
            weight.data, weight.grad = values.view(weight.shape), gradient.view(weight.shape)
        self.moments = torch.zeros(2, self.weight.numel())  # Adam's running means of gradients and of their squares
        self.steps = torch.zeros(())
        self.usual = 0.0
        self.touched = torch.zeros_like(self.weight, dtype=torch.bool)

    def step(self, batch: Batch, fraction: float, rate: float, first: bool) -> tuple[Nats, Nats]:
        """Lower the objective once; `first` marks the steps in which we watch which weights are reached at all."""
        if self.objective.by_hand is not None:
            loss, cost = self.objective.by_hand(batch, fraction)
        else:
            self.gradient.zero_()
            loss, cost = self.objective.lower(batch, fraction)
            (loss + cost).backward()  # type: ignore[no-untyped-call, union-attr]
            loss, cost = loss.detach(), cost.detach()  # type: ignore[union-attr]
        if first:
            self.touched |= self.gradient != 0
        if self._clip():
            self._adam(rate)
        return loss, cost

    def _clip(self) -> bool:
        """Shorten a sudden gradient to `SUDDEN` times the usual norm; False where it is not finite and must not be followed."""
        norm = float(torch.linalg.vector_norm(self.gradient))
        if not math.isfinite(norm):
            return False
        limit = SUDDEN * self.usual if self.usual > 0 else norm
        if norm > limit:
            self.gradient.mul_(limit / norm)
        self.usual = 0.95 * self.usual + 0.05 * min(norm, limit) if self.usual > 0 else norm
        return True

    def _adam(self, rate: float) -> None:
        """torch's fused Adam, called without the optimizer object, whose bookkeeping costs more than a small network's whole step."""
        self.steps += 1
        lists = ([self.weight.data], [self.gradient], [self.moments[0]], [self.moments[1]], [], [self.steps])
        options = {"lr": rate, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0, "eps": 1e-8, "amsgrad": False, "maximize": False}
        torch._fused_adam_(*lists, **options)

    def revive(self, generator: torch.Generator) -> list[int]:
        """Draw anew every weight that no gradient has ever reached; returns their numbers."""
        dead = [number for number, touched in enumerate(self.touched.split(self.sizes)) if touched.numel() and not touched.any()]
        for number in dead:
            weight = self.objective.weights[number].data
            bound = 1 / math.sqrt(weight.shape[1:].numel()) if weight.dim() > 1 else 0.0
            weight.copy_((torch.rand(weight.shape, generator=generator, dtype=weight.dtype) * 2 - 1) * bound)
        return dead

    def forget(self) -> None:
        """Begin the optimizer's running means anew."""
        self.moments.zero_()
        self.steps.zero_()
        self.usual = 0.0

    def learned(self) -> list[Tensor]:
        """Weights and buffers: a snapshot is a clone of each."""
        return [self.weight.data, *self.objective.buffers]

    def state(self) -> dict[str, Tensor]:
        """Everything that going on needs, by name."""
        held = {f"learned.{number}": tensor for number, tensor in enumerate(self.learned())}
        usual = torch.tensor(self.usual, dtype=torch.float64)
        return {**held, "moments": self.moments, "steps": self.steps, "usual": usual, "touched": self.touched}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        for number, tensor in enumerate(self.learned()):
            tensor.copy_(state[f"learned.{number}"])
        self.moments.copy_(state["moments"])
        self.steps.copy_(state["steps"])
        self.usual, self.touched = float(state["usual"]), state["touched"].clone()

    def release(self) -> None:
        """Give every weight its own memory again."""
        for weight in self.objective.weights:
            weight.data, weight.grad = weight.data.clone(), None
