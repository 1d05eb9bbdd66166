"""Fully connected layers, for tables and anything small: hidden layers from input to code, mirrored in the decoder.

A linear path beside the hidden layers starts at PCA, so that the network begins where PCA ends and can only improve on it.
Wide tables (`rank`) go through a few fixed directions first: their layers would have more weights than the rows can teach.
Not for pictures larger than about 64 x 64: `conv` needs far fewer weights there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from hourglass.layers.by_hand import stepper
from hourglass.layers.directions import Back, Directions, reduced, start_directions
from hourglass.layers.holes import bridged
from hourglass.layers.linear import Stack, checked_widths
from hourglass.layers.options import checked_flag, checked_whole
from hourglass.layers.principal import start_beside
from hourglass.parts import Batch

if TYPE_CHECKING:
    from hourglass.model import Model

WIDTHS = (64,)


class DenseEncoder(nn.Module):
    """Samples (B, *shape) to codes (B, code_size); with members (M, B, *shape) to (M, B, code_size). Holes in series are bridged."""

    masked = True

    def __init__(self, stack: Stack, dimensions: int, directions: Directions | None = None) -> None:
        super().__init__()
        self.stack, self.directions = stack, directions
        self.dimensions = dimensions

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(…, B, *shape) to (…, B, code_size). `mask`: what is real; missing cells of tables count as 0, their mean."""
        table = self.dimensions == 1
        flat = bridged(x, None if table else mask).flatten(-self.dimensions)
        flat = flat * mask if table and mask is not None else flat
        return self.stack(flat if self.directions is None else self.directions(flat))  # type: ignore[no-any-return]


class DenseDecoder(nn.Module):
    """Codes (B, code_size) to outputs (B, outputs * shape[0], *shape[1:]); with members both have the member axis in front."""

    def __init__(self, stack: Stack, shape: Sequence[int], directions: Directions | None = None) -> None:
        super().__init__()
        self.stack, self.directions = stack, directions
        self.shape = tuple(shape)

    def forward(self, z: Tensor) -> Tensor:
        """(…, B, code_size) to (…, B, *shape)."""
        flat = self.stack(z)
        return (flat if self.directions is None else self.directions.back(flat)).unflatten(-1, self.shape)  # type: ignore[no-any-return]


def encoder(
    shape: Sequence[int],
    *,
    code_size: int,
    members: int = 1,
    widths: Sequence[int] = WIDTHS,
    activation: str = "relu",
    beside: bool = True,
    rank: int = 0,
) -> tuple[nn.Module, tuple[int, ...]]:
    """Hidden layers of `widths`, then the code. `activation`: relu, gelu, silu or tanh; `beside`: a linear path that starts at PCA.

    `rank`: through so many fixed directions (at least twice the code), the leading principal components, first; 0: without.
    """
    beside, size = checked_flag("dense", "beside", beside), torch.Size(shape).numel()
    through = _directions(size, rank, code_size)
    layers = [size if through is None else len(through.rows), *checked_widths(widths), code_size]
    return DenseEncoder(Stack(layers, active=activation, members=members, beside=beside), len(shape), through), (code_size,)


def decoder(
    code_shape: Sequence[int],
    shape: Sequence[int],
    outputs: int,
    *,
    members: int = 1,
    widths: Sequence[int] = WIDTHS,
    activation: str = "relu",
    beside: bool = True,
    rank: int = 0,
) -> nn.Module:
    """The mirror image: the code, `widths` from last to first, the output; the directions where there is one output for each element."""
    whole = (outputs * shape[0], *shape[1:])
    code_size, size = torch.Size(code_shape).numel(), torch.Size(whole).numel()
    through = _directions(size, rank, code_size) if outputs == 1 else None
    layers = [code_size, *reversed(checked_widths(widths)), size if through is None else len(through.rows)]
    return DenseDecoder(Stack(layers, active=activation, members=members, beside=beside), whole, through)


def _directions(size: int, rank: int, code_size: int) -> Directions | None:
    """Fixed directions, where fewer than all are asked for."""
    count = max(checked_whole("dense", "rank", rank, 0, 65_536), 2 * code_size)
    return Directions(size, count) if rank and count < size else None


def start(model: Model, batch: Batch) -> None:
    """Set the linear path, and the fixed directions where there are some, to the PCA of `batch`."""
    if len(model.shape) > 1:
        batch = Batch(bridged(batch.x, batch.mask))
    if model.encoder.directions is not None:
        start_directions(model, batch, model.encoder, model.decoder)
        return
    enter, leave = cast("Stack", model.encoder.stack), cast("Stack", model.decoder.stack)
    if enter.beside is not None and leave.beside is not None and leave.beside.weight.shape[-2] == model.input_size:
        start_beside(model, batch, (enter.beside, enter.layers[-1]), (leave.beside, leave.layers[-1]))


def levels(model: Model) -> list[tuple[nn.Module, nn.Module]]:
    """Each hidden layer with its mirror image, then the code's own two; of layers that a linear path stands beside, copies."""
    enter, leave = cast("Stack", model.encoder.stack), cast("Stack", model.decoder.stack)
    into: list[list[nn.Module]] = [[layer, enter.between] for layer in enter.layers]
    out: list[list[nn.Module]] = [[layer, leave.between] for layer in reversed(leave.layers)]
    through: Any = model.encoder.directions
    into[0][:0] = [nn.Flatten(-len(model.shape), -1)] + ([] if through is None else [through])
    into[-1].pop()
    if enter.beside is not None:  # training is to begin at PCA, so these stay as small as they were started
        into[-1][-1], out[0][0] = copy.deepcopy(into[-1][-1]), copy.deepcopy(out[0][0])
    back: Any = model.decoder.directions
    out[0][-1:] = ([] if back is None else [Back(back)]) + [nn.Unflatten(-1, cast("DenseDecoder", model.decoder).shape)]
    return [(nn.Sequential(*a), nn.Sequential(*b)) for a, b in zip(into, out, strict=True)]


def by_hand(model: Model) -> Callable[[Batch, Batch], Tensor | float] | None:
    """Forward and backward without autograd, where the parts beside the network allow it (plain code, gaussian loss)."""
    step = stepper(model, model.encoder.stack, model.decoder.stack)  # type: ignore[arg-type]
    return step if model.encoder.directions is None else reduced(model, step)
