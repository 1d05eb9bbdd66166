"""Recurrent layers: gated recurrent units that train faster than torch's on a processor, and long short-term memories.

Autograd keeps books on a dozen operations in every step, and adds up the gradients of the weights as often. Here a whole sequence is one
operation: a step is a handful of calls in buffers that stay in the cache, and weight gradients are added up many steps at a time.
Gradients equal those of nn.GRU (tested).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["Gru", "Lstm"]

BUFFER = 1 << 20  # bytes that a stretch of steps may take: half of a core's second-level cache


class Gru(nn.Module):
    """Gated recurrent units (Cho et al. 2014; the equations of nn.GRU), several directions at once: (T, D, C, B) to (T, D, H, B).

    Samples lie innermost, so that each gate of a step is one stretch of memory. `told` numbers per sample (told, B), such as a code, are
    known in every step. The state before the first step is zero.
    """

    def __init__(self, inputs: int, width: int, directions: int = 1, told: int = 0) -> None:
        super().__init__()
        bound = 1 / math.sqrt(width)

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(directions, *shape).uniform_(-bound, bound))

        # rows: new state, how much of the old one stays, how much of it is looked at; of `carry`: stays, looked at, new
        self.enter, self.carry = drawn(3 * width, inputs), drawn(3 * width, width)
        self.bias, self.bias_carry = drawn(3 * width, 1), drawn(width, 1)
        self.told = drawn(3 * width, told) if told else None
        self.directions = directions

    def forward(self, x: Tensor, told: Tensor | None = None) -> Tensor:
        """(T, D, C, B) to (T, D, H, B)."""
        bias = self.bias if told is None or self.told is None else self.bias + torch.matmul(self.told, told)
        return Steps.apply(x, self.enter, self.carry, bias, self.bias_carry)  # type: ignore[no-any-return, no-untyped-call]


class Lstm(nn.Module):
    """Long short-term memories (Hochreiter and Schmidhuber 1997) as torch has them, in the manner of `Gru`."""

    def __init__(self, inputs: int, width: int, directions: int = 1, told: int = 0) -> None:
        super().__init__()
        self.each = nn.ModuleList([nn.LSTM(inputs + told, width) for _ in range(directions)])
        self.directions = directions

    def forward(self, x: Tensor, told: Tensor | None = None) -> Tensor:
        """(T, D, C, B) to (T, D, H, B)."""
        whole = x if told is None else torch.cat([x, told.expand(*x.shape[:2], *told.shape)], 2)
        out = [module(part.mT)[0].mT for module, part in zip(self.each, whole.unbind(1), strict=True)]
        return torch.stack(out, 1) if len(out) > 1 else out[0].unsqueeze(1)


class Stretch(NamedTuple):
    """Some neighbouring steps of a forward pass: `gates` (t, D, 4, H, B), the states `before` and `after` them, `x` (t, D, C, B)."""

    gates: Tensor
    before: Tensor
    after: Tensor
    x: Tensor


class Steps(torch.autograd.Function):
    """All steps of a `Gru`. Kept for the way back: the new state, what stays, what is looked at, and what the old state said to the new."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, enter: Tensor, carry: Tensor, bias: Tensor, bias_carry: Tensor) -> Tensor:
        """(T, D, C, B) to (T, D, H, B)."""
        width, batch = carry.shape[2], x.shape[3]
        gates = x.new_empty(*x.shape[:2], 4, width, batch)
        states = x.new_empty(x.shape[0] + 1, x.shape[1], width, batch)
        states[0] = 0
        said_bias = bias_carry.expand(-1, width, batch)
        for some in _stretches(x, gates, states):
            _forward(some, torch.matmul(enter, some.x).add_(bias), carry, said_bias)
        ctx.save_for_backward(x, enter, carry, gates, states)
        ctx.one_bias = bias.shape[2] == 1
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of all that went forward."""
        x, enter, carry, gates, states = ctx.saved_tensors
        width = carry.shape[2]
        stretches = _stretches(x, gates, states)
        slopes, felt = torch.empty_like(stretches[0].gates), _gate_by_gate(stretches[0].gates)
        to_enter, to_carry, to_bias = torch.zeros_like(enter), torch.zeros_like(carry), torch.zeros_like(gates[0]).flatten(1, 2)
        to_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        back, state, end = carry.mT.contiguous(), torch.zeros_like(states[0]), len(x)
        for some in reversed(stretches):
            begin = end - len(some.x)
            mine = _backward(some, gradient[begin:end], state, back, (felt[: len(some.x)], slopes[: len(some.x)]))
            rows = mine.permute(1, 2, 0, 3).flatten(2)  # (D, 4H, t * B), which is how they lie in memory
            to_enter.baddbmm_(rows[:, : 3 * width], some.x.permute(1, 2, 0, 3).flatten(2).mT)
            to_carry.baddbmm_(rows[:, width:], some.before.permute(1, 2, 0, 3).flatten(2).mT)
            to_bias.add_(rows.unflatten(2, (-1, x.shape[3])).sum(2))
            if to_x is not None:
                torch.matmul(enter.mT, mine[:, :, : 3 * width], out=to_x[begin:end])
            end = begin
        bias = to_bias[:, : 3 * width]
        return to_x, to_enter, to_carry, bias.sum(2, keepdim=True) if ctx.one_bias else bias, to_bias[:, 3 * width :].sum(2, keepdim=True)


def _stretches(x: Tensor, gates: Tensor, states: Tensor) -> list[Stretch]:
    """All steps, as many at a time as a buffer holds."""
    size = max(1, BUFFER // max(1, gates[0].numel() * gates.element_size()))
    cut = (tensor.split(size) for tensor in (gates, states[:-1], states[1:], x))
    return [Stretch(*parts) for parts in zip(*cut, strict=True)]


def _gate_by_gate(gates: Tensor) -> Tensor:
    """Room for (t, D, 4, H, B) in which each row holds all steps, as weight gradients want them; an odd length spares the cache."""
    steps, directions, _, width, batch = gates.shape
    rows = gates.new_empty(directions, 4, width, steps * batch + 16)[..., : steps * batch]
    return rows.unflatten(3, (steps, batch)).permute(3, 0, 1, 2, 4)  # type: ignore[no-any-return]


def _forward(some: Stretch, entered: Tensor, carry: Tensor, said_bias: Tensor) -> None:
    """Fill in gates and states; `entered` (t, D, 3H, B) is what the inputs say to the new state and the two gates."""
    width = carry.shape[2]
    to_gates, to_new = carry[:, : 2 * width], carry[:, 2 * width :]
    new, stay, look, said = some.gates.unbind(2)
    both = some.gates[:, :, 1:3].flatten(2, 3)
    rows = (entered[:, :, :width], entered[:, :, width:], both, new, stay, look, said, some.after)
    old = some.before[0]
    for in_new, in_both, b, n, s, look_at, t, state in zip(*(row.unbind() for row in rows), strict=True):
        torch.sigmoid(in_both.baddbmm_(to_gates, old), out=b)
        torch.baddbmm(said_bias, to_new, old, out=t)
        torch.addcmul(in_new, look_at, t, out=n).tanh_()
        old = torch.lerp(n, old, s, out=state)


def _backward(some: Stretch, gradient: Tensor, state: Tensor, back: Tensor, buffers: tuple[Tensor, Tensor]) -> Tensor:
    """Gradients (t, D, 4H, B) of what went into the new state, both gates and what was said; `state`, that of the last, moves back."""
    felt, slopes = buffers
    new, stay, look, said = some.gates.unbind(2)
    by_new, by_stay, by_look, by_said = slopes.unbind(2)
    torch.sub(1, stay, out=by_stay)
    torch.addcmul(by_stay, by_stay * new, new, value=-1, out=by_new)  # (1 - stay) (1 - new^2)
    by_stay.mul_(stay).mul_(some.before - new)
    torch.sub(1, look, out=by_look).mul_(look).mul_(said)
    by_said.copy_(look)
    steps = (
        gradient,
        stay,
        slopes[:, :, :2],
        slopes[:, :, 2:],
        felt[:, :, :2],
        felt[:, :, 2:],
        felt[:, :, :1],
        felt[:, :, 1:].flatten(2, 3),
    )
    for g, s, first, second, to_first, to_second, to_new, others in reversed(list(zip(*(part.unbind() for part in steps), strict=True))):
        state.add_(g)
        torch.mul(state.unsqueeze(1), first, out=to_first)  # new, stay
        torch.mul(to_new, second, out=to_second)  # look, said
        state.mul_(s).baddbmm_(back, others)
    return felt.flatten(2, 3)
