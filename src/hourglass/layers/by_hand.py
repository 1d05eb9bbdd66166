"""Forward and backward of a dense autoencoder in preallocated buffers, without autograd.

Autograd spends most of a small network's step on bookkeeping; figures in docs/benchmarks.md. Gradients equal autograd's to 1e-5 (tested).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hourglass.layers.holes import bridged
from hourglass.layers.linear import Linear, Stack
from hourglass.layers.processor import fast_bfloat16
from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["Stepper", "stepper"]

aten = torch.ops.aten
WIDE = 256  # layers from this width on multiply in bfloat16 where the processor has instructions for it


class Activation(NamedTuple):
    """`forward(x, out)`, `backward(gradient, saved)` in place; saved is the output where `keeps_output`, else the input."""

    keeps_output: bool
    forward: Callable[[Tensor, Tensor], Any]
    backward: Callable[[Tensor, Tensor], Any]


ACTIVE = {
    "relu": Activation(
        True, lambda x, out: torch.clamp_min(x, 0, out=out), lambda g, s: aten.threshold_backward.grad_input(g, s, 0, grad_input=g)
    ),
    "tanh": Activation(True, lambda x, out: torch.tanh(x, out=out), lambda g, s: aten.tanh_backward.grad_input(g, s, grad_input=g)),
    "gelu": Activation(False, lambda x, out: aten.gelu.out(x, out=out), lambda g, s: aten.gelu_backward.grad_input(g, s, grad_input=g)),
    "silu": Activation(False, lambda x, out: aten.silu.out(x, out=out), lambda g, s: aten.silu_backward.grad_input(g, s, grad_input=g)),
}


class Weights(NamedTuple):
    """A layer's weight (…, outputs, inputs) and bias (…, outputs), and where their gradients go."""

    weight: Tensor
    bias: Tensor
    weight_gradient: Tensor
    bias_gradient: Tensor


class Half:
    """One stack of layers with its buffers: `forward` keeps what `backward` needs.

    A linear path beside the layers is part of the first one: its last `straight` outputs are what goes straight to the stack's own output.
    One multiplication then does for both, and the last layer adds to them where they are.
    """

    def __init__(self, layers: list[Weights], active: Activation, straight: int) -> None:
        self.layers, self.active, self.straight = layers, active, straight
        single = layers[0].weight.dim() == 2
        self.multiply = torch.mm if single else torch.bmm
        self.add_multiply = torch.addmm if single else torch.baddbmm
        self.turned = [layer.weight.mT for layer in layers]
        self.rows: torch.Size | None = None

    def _make(self, x: Tensor) -> None:
        """Buffers for as many rows as `x` has; once, since all batches of a fit have one size."""
        self.rows, last = x.shape[:-1], self.layers[-1].weight
        # zeros: bfloat16 kernels read one past an odd row, and a value there that is no number would spread
        self.wholes = [x.new_zeros(*self.rows, layer.weight.shape[-2]) for layer in self.layers[:-1]]
        self.slopes = [torch.zeros_like(whole) for whole in self.wholes]
        self.before, self.out = self.wholes[:], x.new_empty(*self.rows, last.shape[-2])
        self.below, self.slot = self.slopes[:], torch.empty_like(self.out)
        self.bias = self.layers[0].bias.clone()
        self.base = _row(self.layers[-1].bias)
        if self.straight:
            hidden = self.wholes[0].shape[-1] - self.straight
            self.before[0], self.out = self.wholes[0].split([hidden, self.straight], -1)
            self.below[0], self.slot = self.slopes[0].split([hidden, self.straight], -1)
            self.base, self.tail = self.out, self.bias[..., hidden:]
            self.tail_gradient = self.layers[0].bias_gradient[..., hidden:]
        self.after = self.before if self.active.keeps_output else [torch.empty_like(before) for before in self.before]
        self.biases = [_row(layer.bias) for layer in self.layers[:-1]]
        self.biases[:1] = [_row(self.bias)] if self.straight else self.biases[:1]

    def forward(self, x: Tensor) -> Tensor:
        """(…, B, inputs) to (…, B, outputs); the result lives in a buffer that the next call overwrites."""
        if self.rows != x.shape[:-1]:
            self._make(x)
        if self.straight:  # both biases reach the output; they are added once
            self.bias.copy_(self.layers[0].bias)
            self.tail.add_(self.layers[-1].bias)
        self.x = at = x
        for bias, turned, whole, before, after in zip(self.biases, self.turned, self.wholes, self.before, self.after, strict=False):
            self.add_multiply(bias, at, turned, out=whole)
            self.active.forward(before, after)
            at = after
        return self.add_multiply(self.base, at, self.turned[-1], out=self.out)

    def backward(self, gradient: Tensor, into: Tensor | None) -> None:
        """Gradients of all weights from that of the output; the input's own goes `into` a buffer where one is given."""
        at, last = gradient, len(self.layers) - 1
        for number in range(last, -1, -1):
            layer = self.layers[number]
            self.multiply(at.mT, self.after[number - 1] if number else self.x, out=layer.weight_gradient)
            if number < last or not self.straight:
                torch.sum(at, -2, out=layer.bias_gradient)
            if number:
                below = self.below[number - 1]
                self.multiply(at, layer.weight, out=below)
                self.active.backward(below, self.before[number - 1])
                at = self.slopes[number - 1]
                if number == 1 and self.straight and gradient is not self.slot:
                    self.slot.copy_(gradient)
        if self.straight:
            self.layers[-1].bias_gradient.copy_(self.tail_gradient)
        if into is not None:
            self.multiply(at, self.layers[0].weight, out=into)


def _row(bias: Tensor) -> Tensor:
    return bias if bias.dim() == 1 else bias.unsqueeze(1)


def _neighbours(parts: list[Tensor]) -> Tensor | None:
    """Several tensors as one along their first axis, where they stand one behind the other in one storage; else None."""
    first, place = parts[0], parts[0].data_ptr()
    if len(parts) == 1:
        return first
    for part in parts:
        if part.data_ptr() != place or part.untyped_storage().data_ptr() != first.untyped_storage().data_ptr():
            return None
        place += part.numel() * part.element_size()
    return first.as_strided((sum(len(part) for part in parts), *first.shape[1:]), first.stride())


class Stepper:
    """One training step's forward and backward: called with what the network sees and what it should give back.

    The weights' `.grad` must exist and is overwritten. Weights that follow one another in memory in the order of `parameters`, as the
    loop's flat tensor has them, are used where they are; others are copied. Returns the loss summed over members, averaged over samples.
    """

    def __init__(self, model: Model, stacks: tuple[Stack, Stack]) -> None:
        self.loss: Any = model.loss
        self.stacks, self.dimensions = stacks, len(model.shape)
        self.flat = self.dimensions == 1
        groups = [group for stack in stacks for group in _groups(stack)]
        self.parameters = [part for group in groups for part in (*(one.weight for one in group), *(one.bias for one in group))]
        widest = max(layer.weight.shape[-2] for group in groups for layer in group)
        self.narrow = widest >= WIDE and self.parameters[0].dtype == torch.float32 and fast_bfloat16()
        self.weights: tuple[list[Tensor], list[Tensor]] = ([], [])  # copies, and what they are copied from
        self.gradients: tuple[list[Tensor], list[Tensor]] = ([], [])
        self.halves: tuple[Half, Half] | None = None

    @torch.no_grad()
    def __call__(self, batch: Batch, target: Batch) -> Tensor | float:
        """Nats of one batch; leaves gradients."""
        enter, leave = self.halves = self.halves or (self._half(self.stacks[0]), self._half(self.stacks[1]))
        x = batch.x if self.flat else bridged(batch.x, batch.mask).flatten(-self.dimensions)
        goal = x if target is batch else target.x if self.flat else target.x.flatten(-self.dimensions)
        mask = None if target.mask is None else target.mask.flatten(-self.dimensions)
        if self.weights[0]:
            torch._foreach_copy_(*self.weights)
        output = leave.forward(enter.forward(x.bfloat16() if self.narrow else x))
        nats, gradient = self.loss.gradient(output.float() if self.narrow else output, goal, mask)
        leave.backward(gradient.bfloat16() if self.narrow else gradient, enter.slot)
        enter.backward(enter.slot, None)
        if self.gradients[0]:
            torch._foreach_copy_(*self.gradients)
        return nats  # type: ignore[no-any-return]

    def _half(self, stack: Stack) -> Half:
        """A stack bound to the places of its weights."""
        straight = 0 if stack.beside is None else stack.beside.weight.shape[-2]
        return Half([self._placed(group) for group in _groups(stack)], ACTIVE[stack.active], straight)

    def _placed(self, group: list[Linear]) -> Weights:
        """The layers of a group as one, on their own weights and gradients where these are neighbours, else on copies."""
        weights, biases = [layer.weight for layer in group], [layer.bias for layer in group]
        if not self.narrow and (len(group) == 1 or weights[0].dim() == 2):
            parts = [_neighbours([part.detach() for part in kind]) for kind in (weights, biases)]
            parts += [_neighbours([part.grad for part in kind]) for kind in (weights, biases)]  # type: ignore[misc]
            if all(part is not None for part in parts):
                return Weights(*parts)  # type: ignore[arg-type]
        (weight, weight_gradient), (bias, bias_gradient) = self._copied(weights, -2), self._copied(biases, -1)
        return Weights(weight, bias, weight_gradient, bias_gradient)

    def _copied(self, parts: Sequence[Tensor], axis: int) -> tuple[Tensor, Tensor]:
        """Parts joined in a copy, and a place for its gradient; both are noted, to be brought up to date at every step."""
        copy = torch.cat([part.detach() for part in parts], axis)
        copy = copy.bfloat16() if self.narrow else copy
        gradient, sizes = torch.empty_like(copy), [part.shape[axis] for part in parts]
        self.weights[0].extend(copy.split(sizes, axis))
        self.weights[1].extend(parts)
        self.gradients[0].extend(part.grad for part in parts)  # type: ignore[misc]
        self.gradients[1].extend(gradient.split(sizes, axis))
        return copy, gradient


def _groups(stack: Stack) -> list[list[Linear]]:
    """The stack's layers, the linear path beside them together with the first."""
    groups: list[list[Any]] = [[layer] for layer in stack.layers]
    return groups if stack.beside is None else [[*groups[0], stack.beside], *groups[1:]]


def stepper(model: Model, enter: Stack, leave: Stack) -> Stepper | None:
    """A `Stepper`, where the model's bottleneck passes the code unchanged and its loss knows its own gradient, else None."""
    free = getattr(model.bottleneck, "free", False) and hasattr(model.loss, "gradient")
    return Stepper(model, (enter, leave)) if free and {enter.active, leave.active} <= set(ACTIVE) else None
