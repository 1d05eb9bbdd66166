"""Linear layers for one network, or for several members in one batched matmul."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hourglass.errors import BadOption, did_you_mean

__all__ = ["ACTIVATIONS", "MemberLinear", "Stack", "activation", "checked_widths", "linear"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "leaky": lambda: nn.LeakyReLU(0.1),
}


def activation(name: str) -> nn.Module:
    """An activation by name; an unknown one raises `BadOption`."""
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise BadOption(f"activation={name!r}: {did_you_mean(str(name), ACTIVATIONS)}")
    return ACTIVATIONS[name]()


def checked_widths(widths: Sequence[int] | int, least: int = 0) -> list[int]:
    """Widths as a list of positive whole numbers, at least so many, else `BadOption`."""
    numbers = [widths] if isinstance(widths, int) else list(widths) if isinstance(widths, list | tuple) else [None]
    if not all(isinstance(width, int) and not isinstance(width, bool) and 0 < width <= 65_536 for width in numbers):
        raise BadOption(f"widths={widths!r}: give the hidden layers as whole numbers from 1 to 65536, such as widths=[64,32]")
    if len(numbers) < least:
        raise BadOption(f"widths={widths!r}: give at least {least}, such as widths=[64,32]; network='dense' works without")
    return numbers  # type: ignore[return-value]


class MemberLinear(nn.Module):
    """`members` linear layers side by side: (M, B, inputs) to (M, B, outputs) in one batched matmul."""

    def __init__(self, inputs: int, outputs: int, members: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(members, outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """(M, B, inputs) to (M, B, outputs)."""
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight.mT)


Linear = nn.Linear | MemberLinear


def linear(inputs: int, outputs: int, members: int = 1) -> Linear:
    """A plain `nn.Linear` for one network, a `MemberLinear` for several."""
    return nn.Linear(inputs, outputs) if members == 1 else MemberLinear(inputs, outputs, members)


class Stack(nn.Module):
    """Linear layers with activations between them, and beside them (when `beside`) a linear path from the input to the output.

    The linear path starts at PCA (see `layers.principal`), so that training begins where PCA ends.
    """

    def __init__(self, widths: Sequence[int], *, active: str, members: int = 1, beside: bool = True) -> None:
        super().__init__()
        self.active = active
        self.layers = nn.ModuleList([linear(a, b, members) for a, b in itertools.pairwise(widths)])
        self.between = activation(active)
        self.beside = linear(widths[0], widths[-1], members) if beside and len(widths) > 2 else None

    def forward(self, x: Tensor) -> Tensor:
        """(..., widths[0]) to (..., widths[-1])."""
        layers: list[Any] = list(self.layers)  # a slice of a ModuleList would build another one, which costs more than a small layer
        last = layers.pop()
        hidden = x
        for layer in layers:
            hidden = self.between(layer(hidden))
        if self.beside is None:
            return last(hidden)  # type: ignore[no-any-return]
        if x.dim() == 2 and not torch.is_autocast_enabled("cpu"):  # added in place: a pass less over the output, which counts when scoring
            return torch.addmm(last.bias + self.beside.bias, hidden, last.weight.mT).addmm_(x, self.beside.weight.mT)
        return last(hidden) + self.beside(x)  # type: ignore[no-any-return]
