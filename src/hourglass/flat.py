"""Weights as one flat tensor, so that a step, a snapshot and a checkpoint are one operation each; and the remedies for dead weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from hourglass.errors import BadOption
from hourglass.parts import Batch

__all__ = ["Flat", "Local", "Objective"]

Placed = TypeVar("Placed", Batch, nn.ModuleDict)

Nats = Tensor | float
Lower = Callable[[Batch, float], tuple[Nats, Nats]]
SUDDEN = 10.0  # a gradient this many times the usual norm is shortened to it


class Objective(NamedTuple):
    """`weights` and a function to lower: `lower(batch, fraction) -> loss, cost`, each a scalar in nats; `buffers` learn without gradients.

    `by_hand`, of the same form, leaves the gradients in the weights itself. A loss above `ceiling` is worse than knowing nothing.
    `fresh()` gives other weights, then buffers, to start from.
    """

    weights: list[nn.Parameter]
    buffers: list[Tensor]
    lower: Lower
    by_hand: Lower | None = None
    ceiling: float = math.inf
    fresh: Callable[[], list[Tensor]] | None = None


class Local:
    """The engine of one process on one device: three verbs that another engine (several devices, a cluster) would do otherwise.

    `device` is auto, cpu or cuda; one that this machine lacks raises `BadOption`.
    """

    def __init__(self, device: str = "cpu") -> None:
        name = "cpu" if device == "auto" else str(device)
        if name.split(":")[0] not in ("cpu", "cuda"):
            raise BadOption(f"device={device!r}: give auto, cpu or cuda")
        if name != "cpu" and not torch.cuda.is_available():
            raise BadOption(f"device={device!r}: this machine has no GPU that torch can use; give device='cpu', or 'auto'")
        self.device = torch.device(name)

    def place(self, thing: Placed) -> Placed:
        """Samples or modules on the device that computes."""
        if self.device.type == "cpu":
            return thing
        return thing.each(lambda part: part.to(self.device)) if isinstance(thing, Batch) else thing.to(self.device)

    def backward(self, loss: Tensor) -> None:
        """Leave gradients in the weights."""
        loss.backward()

    def mean(self, gradient: Tensor) -> None:
        """Make the gradient the mean over all processes, in place; here there is one."""


class Flat:
    """One objective's weights as views of one tensor, and the moments of its optimizer."""

    def __init__(self, objective: Objective, engine: Local | None = None) -> None:
        self.objective, self.engine = objective, engine or Local()
        weights = objective.weights
        self.sizes = [weight.numel() for weight in weights]
        self.weight = nn.Parameter(torch.cat([weight.detach().flatten() for weight in weights]))
        self.gradient = self.weight.grad = torch.zeros_like(self.weight)
        for weight, values, gradient in zip(weights, self.weight.data.split(self.sizes), self.gradient.split(self.sizes), strict=True):
            weight.data, weight.grad = values.view(weight.shape), gradient.view(weight.shape)
        self.moments = torch.zeros_like(self.weight.data.expand(2, -1))  # Adam's running means of gradients and of their squares
        self.steps = torch.zeros((), device=self.weight.device)
        self.usual = 0.0
        self.touched = torch.zeros_like(self.weight, dtype=torch.bool)

    def step(self, batch: Batch, fraction: float, rate: float, first: bool) -> tuple[Nats, Nats]:
        """Lower the objective once; `first` marks the steps in which we watch which weights are reached at all."""
        if self.objective.by_hand is not None:
            loss, cost = self.objective.by_hand(batch, fraction)
        else:
            self.gradient.zero_()
            loss, cost = self.objective.lower(batch, fraction)
            self.engine.backward(loss + cost)  # type: ignore[arg-type]
            loss, cost = loss.detach(), cost.detach()  # type: ignore[union-attr]
        self.engine.mean(self.gradient)
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
        lists: Any = ([self.weight.data], [self.gradient], [self.moments[0]], [self.moments[1]], [], [self.steps])
        options: Any = {"lr": rate, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0, "eps": 1e-8, "amsgrad": False, "maximize": False}
        torch._fused_adam_(*lists, **options)

    def revive(self, generator: torch.Generator) -> list[int]:
        """Draw anew every weight that no gradient has ever reached, or all where most are dead; returns their numbers."""
        dead = [number for number, touched in enumerate(self.touched.split(self.sizes)) if touched.numel() and not touched.any()]
        if 2 * sum(self.sizes[number] for number in dead) > sum(self.sizes) and self.renew():
            return dead
        fresh = self.objective.fresh() if dead and self.objective.fresh is not None else None
        for number in dead:
            weight = self.objective.weights[number].data
            weight.copy_(_drawn(weight, generator) if fresh is None else fresh[number])
        return dead

    def renew(self) -> bool:
        """Take all of the objective's fresh weights; False where it has none."""
        if self.objective.fresh is None:
            return False
        held = [*(weight.data for weight in self.objective.weights), *self.objective.buffers]
        for tensor, drawn in zip(held, self.objective.fresh(), strict=True):
            tensor.copy_(drawn)
        self.forget()
        return True

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


def _drawn(weight: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform random numbers of the usual size for a weight, zeros for a bias."""
    bound = 1 / math.sqrt(weight.shape[1:].numel()) if weight.dim() > 1 else 0.0
    return (torch.rand(weight.shape, generator=generator, dtype=weight.dtype) * 2 - 1) * bound
