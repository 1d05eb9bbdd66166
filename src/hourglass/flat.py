"""Weights as one flat tensor, so that a step, a snapshot and a checkpoint are one operation each; and the remedies for stuck training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hourglass.parts import Batch

__all__ = ["Flat", "Objective"]

Lower = Callable[[Batch, float], tuple[Tensor, Tensor]]
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
    """One objective's weights as views of one tensor, and their optimizer."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        weights = objective.weights
        self.sizes = [weight.numel() for weight in weights]
        self.weight = nn.Parameter(torch.cat([weight.detach().flatten() for weight in weights]))
        self.gradient = self.weight.grad = torch.zeros_like(self.weight)
        for weight, values, gradient in zip(weights, self.weight.data.split(self.sizes), self.gradient.split(self.sizes), strict=True):
            weight.data, weight.grad = values.view(weight.shape), gradient.view(weight.shape)
        self.optimizer = torch.optim.AdamW([self.weight], lr=0.0, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
        self.usual = torch.zeros((), device=self.weight.device)
        self.touched = torch.zeros_like(self.weight, dtype=torch.bool)

    def step(self, batch: Batch, fraction: float, rate: float, first: bool) -> tuple[Tensor, Tensor]:
        """Lower the objective once; `first` marks the steps in which we watch which weights are reached at all."""
        if self.objective.by_hand is not None:
            loss, cost = self.objective.by_hand(batch, fraction)
        else:
            self.gradient.zero_()
            loss, cost = self.objective.lower(batch, fraction)
            (loss + cost).backward()  # type: ignore[no-untyped-call]
        self._clip()
        if first:
            self.touched |= self.gradient != 0
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        return loss.detach(), cost.detach()

    def _clip(self) -> None:
        """Shorten a sudden gradient to `SUDDEN` times the usual norm; nothing is read back from the device."""
        norm = self.gradient.norm()
        limit = torch.where(self.usual > 0, SUDDEN * self.usual, norm)
        scale = (limit / norm.clamp_min(1e-30)).clamp_max(1.0)
        self.gradient.mul_(scale)
        self.usual = torch.where(self.usual > 0, self.usual.lerp(norm * scale, 0.05), norm)

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
        self.optimizer.state.clear()
        self.usual = torch.zeros_like(self.usual)

    def learned(self) -> list[Tensor]:
        """Weights and buffers: a snapshot is a clone of each."""
        return [self.weight.data, *self.objective.buffers]

    def state(self) -> dict[str, Tensor]:
        """Everything that going on needs, by name."""
        held = {f"learned.{number}": tensor for number, tensor in enumerate(self.learned())}
        moments = {f"optimizer.{name}": tensor for name, tensor in self.optimizer.state.get(self.weight, {}).items()}
        return {**held, **moments, "usual": self.usual, "touched": self.touched}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        for number, tensor in enumerate(self.learned()):
            tensor.copy_(state[f"learned.{number}"])
        moments = {name.removeprefix("optimizer."): tensor for name, tensor in state.items() if name.startswith("optimizer.")}
        if moments:
            self.optimizer.state[self.weight] = {name: tensor.clone() for name, tensor in moments.items()}
        self.usual, self.touched = state["usual"].clone(), state["touched"].clone()

    def release(self) -> None:
        """Give every weight its own memory again."""
        for weight in self.objective.weights:
            weight.data, weight.grad = weight.data.clone(), None
