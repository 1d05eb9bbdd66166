"""Fully connected layers, for tables and anything small: hidden layers from input to code, mirrored in the decoder.

A linear path beside the hidden layers starts at PCA, so that the network begins where PCA ends and can only improve on it.
Not for pictures larger than about 64 x 64: `conv` needs far fewer weights there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from hourglass.layers.by_hand import stepper
from hourglass.layers.linear import Stack, checked_widths
from hourglass.layers.principal import start_beside
from hourglass.parts import Batch

if TYPE_CHECKING:
    from hourglass.model import Model

WIDTHS = (64,)


class DenseEncoder(nn.Module):
    """Samples (B, *shape) to codes (B, code_size); with members (M, B, *shape) to (M, B, code_size)."""

    def __init__(self, stack: Stack, dimensions: int) -> None:
        super().__init__()
        self.stack = stack
        self.dimensions = dimensions

    def forward(self, x: Tensor) -> Tensor:
        """(…, B, *shape) to (…, B, code_size)."""
        return self.stack(x.flatten(-self.dimensions))  # type: ignore[no-any-return]


class DenseDecoder(nn.Module):
    """Codes (B, code_size) to outputs (B, outputs * shape[0], *shape[1:]); with members both have the member axis in front."""

    def __init__(self, stack: Stack, shape: Sequence[int]) -> None:
        super().__init__()
        self.stack = stack
        self.shape = tuple(shape)

    def forward(self, z: Tensor) -> Tensor:
        """(…, B, code_size) to (…, B, *shape)."""
        return self.stack(z).unflatten(-1, self.shape)  # type: ignore[no-any-return]


def encoder(
    shape: Sequence[int],
    *,
    code_size: int,
    members: int = 1,
    widths: Sequence[int] = WIDTHS,
    activation: str = "relu",
    beside: bool = True,
) -> tuple[nn.Module, tuple[int, ...]]:
    """Hidden layers of `widths`, then the code. `activation`: relu, gelu, silu or tanh; `beside`: a linear path that starts at PCA."""
    stack = Stack([torch.Size(shape).numel(), *checked_widths(widths), code_size], active=activation, members=members, beside=beside)
    return DenseEncoder(stack, len(shape)), (code_size,)


def decoder(
    code_shape: Sequence[int],
    shape: Sequence[int],
    outputs: int,
    *,
    members: int = 1,
    widths: Sequence[int] = WIDTHS,
    activation: str = "relu",
    beside: bool = True,
) -> nn.Module:
    """The mirror image: the code, `widths` from last to first, the output."""
    whole = (outputs * shape[0], *shape[1:])
    layers = [torch.Size(code_shape).numel(), *reversed(checked_widths(widths)), torch.Size(whole).numel()]
    return DenseDecoder(Stack(layers, active=activation, members=members, beside=beside), whole)


def start(model: Model, batch: Batch) -> None:
    """Set the linear path to the PCA of `batch`."""
    enter, leave = cast("Stack", model.encoder.stack), cast("Stack", model.decoder.stack)
    if enter.beside is not None and leave.beside is not None and leave.beside.weight.shape[-2] == model.input_size:
        start_beside(model, batch, (enter.beside, enter.layers[-1]), (leave.beside, leave.layers[-1]))


def levels(model: Model) -> list[tuple[nn.Module, nn.Module]]:
    """Each hidden layer with its mirror image, then the code's own two; the linear path belongs to none."""
    enter, leave = cast("Stack", model.encoder.stack), cast("Stack", model.decoder.stack)
    into: list[list[nn.Module]] = [[layer, enter.between] for layer in enter.layers]
    out: list[list[nn.Module]] = [[layer, leave.between] for layer in reversed(leave.layers)]
    into[0].insert(0, nn.Flatten(-len(model.shape), -1))
    into[-1].pop()
    out[0][-1] = nn.Unflatten(-1, cast("DenseDecoder", model.decoder).shape)
    return [(nn.Sequential(*a), nn.Sequential(*b)) for a, b in zip(into, out, strict=True)]


def by_hand(model: Model) -> Callable[[Batch, Batch], Tensor | float] | None:
    """Forward and backward without autograd, where the parts beside the network allow it (plain code, gaussian loss)."""
    return stepper(model, model.encoder.stack, model.decoder.stack)  # type: ignore[arg-type]
