"""Forward and backward of a dense autoencoder in preallocated buffers, without autograd.

Autograd spends most of a small network's step on bookkeeping; figures in docs/benchmarks.md. Gradients equal autograd's to 1e-5 (tested).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hourglass.layers.linear import Linear, Stack
from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["Stepper", "fast_bfloat16", "stepper"]

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


def fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware."""
    features = torch.backends.cpu.get_cpu_capability()
    capable = getattr(torch.cpu, "_is_avx512_bf16_supported", None) or getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return features.startswith("AVX512") and bool(capable and capable())


class Weights(NamedTuple):
    """A layer's weight (…, outputs, inputs) and bias, and where their gradients go."""

    weight: Tensor
    bias: Tensor
    weight_gradient: Tensor
    bias_gradient: Tensor


class Half:
    """One stack of layers with its buffers: `forward` keeps what `backward` needs."""

    def __init__(self, stack: Stack, take: Callable[[Linear], Weights]) -> None:
        self.layers = [take(layer) for layer in stack.layers]  # type: ignore[arg-type]
        self.beside = None if stack.beside is None else take(stack.beside)
        self.active = ACTIVE[stack.active]
        single = self.layers[0].weight.dim() == 2
        self.multiply = torch.mm if single else torch.bmm
        self.add_multiply = torch.addmm if single else torch.baddbmm
        self.inputs: list[Tensor] = []
        self.saved: list[Tensor] = []
        self.buffers: dict[tuple[str, int], Tensor] = {}

    def buffer(self, name: str, number: int, like: Tensor, width: int) -> Tensor:
        """A buffer with the rows of `like` and `width` columns; made once, since all batches of a fit have one size."""
        held = self.buffers.get((name, number))
        if held is None or held.shape[:-1] != like.shape[:-1]:
            held = self.buffers[name, number] = like.new_empty(*like.shape[:-1], width)
        return held

    def forward(self, x: Tensor) -> Tensor:
        """(…, B, inputs) to (…, B, outputs); the result lives in a buffer that the next call overwrites."""
        self.inputs, self.saved = [x], []
        for number, layer in enumerate(self.layers[:-1]):
            before = self.buffer("before", number, x, layer.weight.shape[-2])
            self.add_multiply(_row(layer.bias), self.inputs[-1], layer.weight.mT, out=before)
            after = before if self.active.keeps_output else self.buffer("after", number, x, before.shape[-1])
            self.active.forward(before, after)
            self.saved.append(before)
            self.inputs.append(after)
        last, hidden = self.layers[-1], self.inputs[-1]
        out = self.buffer("out", 0, x, last.weight.shape[-2])
        if self.beside is None:
            return self.add_multiply(_row(last.bias), hidden, last.weight.mT, out=out)
        self.add_multiply(_row(last.bias + self.beside.bias), x, self.beside.weight.mT, out=out)
        return self.add_multiply(out, hidden, last.weight.mT, out=out)

    def backward(self, gradient: Tensor, to_input: bool) -> Tensor | None:
        """Gradients of all weights from that of the output; returns the input's own when asked."""
        if self.beside is not None:
            self._weights(self.beside, gradient, self.inputs[0])
        at = gradient
        for number in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[number]
            self._weights(layer, at, self.inputs[number])
            if number == 0 and not to_input:
                return None
            below = self.buffer("gradient", number, at, layer.weight.shape[-1])
            self.multiply(at, layer.weight, out=below)
            if number > 0:
                self.active.backward(below, self.saved[number - 1])
            at = below
        return at if self.beside is None else self.add_multiply(at, gradient, self.beside.weight, out=at)

    def _weights(self, layer: Weights, gradient: Tensor, inputs: Tensor) -> None:
        self.multiply(gradient.mT, inputs, out=layer.weight_gradient)
        torch.sum(gradient, -2, out=layer.bias_gradient)


def _row(bias: Tensor) -> Tensor:
    return bias if bias.dim() == 1 else bias.unsqueeze(1)


class Stepper:
    """One training step's forward and backward: called with what the network sees and what it should give back.

    The weights' `.grad` must exist (the loop makes them views of one flat tensor) and is overwritten. Returns the loss summed over
    members, averaged over samples, in nats.
    """

    def __init__(self, model: Model, stacks: tuple[Stack, Stack]) -> None:
        self.model = model
        self.stacks = stacks
        self.parameters = [parameter for stack in stacks for parameter in stack.parameters()]
        widest = max(layer.weight.shape[-2] for stack in stacks for layer in stack.layers)  # type: ignore[union-attr, index, operator]
        self.half_precision = widest >= WIDE and self.parameters[0].dtype == torch.float32 and fast_bfloat16()
        self.halves: tuple[Half, Half] | None = None

    @torch.no_grad()
    def __call__(self, batch: Batch, target: Batch) -> Tensor | float:
        """Nats of one batch; leaves gradients."""
        enter, leave = self.halves = self.halves or self._prepare()
        dimensions = len(self.model.shape)
        x, goal = batch.x.flatten(-dimensions), target.x.flatten(-dimensions)
        mask = None if target.mask is None else target.mask.flatten(-dimensions)
        if self.half_precision:
            torch._foreach_copy_(self.copies, self.parameters)
            x = x.bfloat16()
        output = leave.forward(enter.forward(x))
        nats, gradient = self.model.loss.gradient(output.float(), goal, mask)  # type: ignore[operator]
        below = leave.backward(gradient.to(output.dtype), to_input=True)
        enter.backward(below, to_input=False)  # type: ignore[arg-type]
        if self.half_precision:
            torch._foreach_copy_([parameter.grad for parameter in self.parameters], self.gradients)  # type: ignore[arg-type]
        return nats  # type: ignore[no-any-return]

    def _prepare(self) -> tuple[Half, Half]:
        """Say where each layer reads its weights and leaves its gradients: the weights themselves, or copies in bfloat16."""
        if self.half_precision:
            self.copies = [parameter.detach().bfloat16() for parameter in self.parameters]
            self.gradients = [torch.empty_like(copied) for copied in self.copies]
        else:
            self.copies = [parameter.detach() for parameter in self.parameters]
            self.gradients = [parameter.grad for parameter in self.parameters]  # type: ignore[misc]
        place = {id(parameter): number for number, parameter in enumerate(self.parameters)}

        def take(layer: Linear) -> Weights:
            weight, bias = place[id(layer.weight)], place[id(layer.bias)]
            return Weights(self.copies[weight], self.copies[bias], self.gradients[weight], self.gradients[bias])

        return Half(self.stacks[0], take), Half(self.stacks[1], take)


def stepper(model: Model, enter: Stack, leave: Stack) -> Stepper | None:
    """A `Stepper`, where the model's bottleneck passes the code unchanged and its loss knows its own gradient, else None."""
    free = getattr(model.bottleneck, "free", False) and hasattr(model.loss, "gradient")
    return Stepper(model, (enter, leave)) if free and {enter.active, leave.active} <= set(ACTIVE) else None
