"""Convolutions, for pictures, series, sound, video and text: each level shrinks the sides, the decoder enlarges them again.

`code="flat"` ends in a linear layer, so that the code is a vector (features, anomalies, new samples). `code="spatial"` keeps the code a
small picture (series, video), and the network then works at any size (compress, denoise). Beside either runs a linear path that starts
at PCA: of whole samples, or, for a spatial code, of blocks as wide as one step of the code, which is what JPEG's cosine transform stands
in for. Long series shrink faster, by 4 or 8 in a level. Not for tables, whose columns have no neighbours: take `dense`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool1d, pad

from hourglass.errors import BadOption, did_you_mean
from hourglass.layers.linear import activation as make_activation
from hourglass.layers.linear import checked_widths
from hourglass.layers.members import Members
from hourglass.layers.one_hot import OneHot, start_paths, weights
from hourglass.layers.principal import start_beside, start_blocks
from hourglass.layers.residual import Residual
from hourglass.layers.sides import blocks, crop, fill, grow, innermost, opposite, same, shrink, steps_in
from hourglass.layers.tokens import Tokens
from hourglass.parts import Batch

if TYPE_CHECKING:
    from hourglass.model import Model

WIDTHS = (32, 64)
LONG = 256  # steps that the innermost level of a series may have
HEAVY = 8_000_000  # weights of a linear path that nobody asked for: more would outweigh the network, and take longer than its layers


class Plan(NamedTuple):
    """How the levels lie: their `channels`, by how much each shrinks the `sides`, the `step` of all together, the sides within."""

    channels: list[int]
    shrinks: int
    step: int
    sides: int
    inside: tuple[int, ...]


class ConvEncoder(nn.Module):
    """Samples (B, C, ...) or texts (B, T) to codes (B, code_size), or (B, code_size, sides / step) where they are spatial."""

    masked = True

    def __init__(self, body: nn.Sequential, last: nn.Module, beside: nn.Module | None, step: int, tokens: Tokens | None = None) -> None:
        super().__init__()
        self.body, self.last, self.beside, self.step = body, last, beside, step
        if tokens is not None:
            self.tokens = tokens

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, C, ...) to (B, *code_shape); sides are padded to multiples of the step by repeating the edge. `mask`: what is real."""
        if hasattr(self, "tokens"):
            read: Tensor = self.last(self._read(self.tokens(x, mask), mask))
            return read if self.beside is None else read + self.beside(x, mask)
        x = x if mask is None else x * mask
        full = fill(x, self.step)
        h: Tensor = self.last(self.body(innermost(full)))
        if self.beside is None:
            return h
        return h + self.beside(x.flatten(1) if h.dim() == 2 else full)  # type: ignore[no-any-return]

    def _read(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The layers on vectors (B, C, T); what lies behind a text's end stays zero in all of them."""
        x = pad(x, (0, -x.shape[-1] % self.step))
        if mask is None:
            return self.body(x)  # type: ignore[no-any-return]
        real = pad(mask[:, None].to(x.dtype), (0, x.shape[-1] - mask.shape[-1]))
        for layer in self.body:
            x = layer(x)
            if x.dim() == 3:
                real = real if x.shape[-1] == real.shape[-1] else max_pool1d(real, real.shape[-1] // x.shape[-1])
                x = x * real
        return x


class ConvDecoder(nn.Module):
    """Codes back to samples (B, outputs * C, ...)."""

    def __init__(self, first: nn.Module, body: nn.Module, beside: nn.Module | None, shape: Sequence[int], inside: Sequence[int]) -> None:
        super().__init__()
        self.first, self.body, self.beside = first, body, beside
        self.shape, self.inside = tuple(shape), torch.Size(inside)

    def forward(self, z: Tensor) -> Tensor:
        """(B, *code_shape) to (B, outputs * C, ...); spatial codes give samples as many steps long as they are."""
        out: Tensor = self.body(innermost(self.first(z)))
        if self.beside is not None and z.dim() > 2:
            out = out + self.beside(z)
        if z.dim() == 2 or z.shape[2:] == self.inside:
            out = crop(out, self.shape[1:])
        return out if self.beside is None or z.dim() > 2 else out + self.beside(z).unflatten(1, self.shape)


class TextDecoder(nn.Module):
    """Codes to what is said of every symbol at every place: (B, outputs * T), which is (B, outputs, T) flattened."""

    def __init__(self, inner: ConvDecoder) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, z: Tensor) -> Tensor:
        """(B, *code_shape) to (B, outputs * T)."""
        return self.inner(z).flatten(1)  # type: ignore[no-any-return]


def encoder(
    shape: Sequence[int],
    *,
    code_size: int,
    members: int = 1,
    widths: Sequence[int] = WIDTHS,
    activation: str = "silu",
    code: str = "flat",
    beside: bool | str = "auto",
    symbols: int = 0,
) -> tuple[nn.Module, tuple[int, ...]]:
    """One level for each of `widths` (channels from the sample inwards). `code`: flat or spatial; `beside`: the linear path."""
    if code not in ("flat", "spatial"):
        raise BadOption(f"conv has no code={code!r}: {did_you_mean(str(code), ['flat', 'spatial'])}")
    plan = _plan(shape, widths, symbols)
    enters = plan.channels[0] if symbols else shape[0]
    size = torch.Size((shape[0], *[plan.step] * plan.sides) if code == "spatial" else shape).numel()
    path = _has_path(beside, weights(code_size, size, symbols) if symbols else size * code_size) and not (symbols and code == "spatial")

    def make() -> nn.Module:
        body: list[nn.Module] = []
        for before, after in zip([enters, *plan.channels[:-1]], plan.channels, strict=True):
            body += [shrink(plan.sides, before, after, plan.shrinks), Residual(after, activation, plan.sides), make_activation(activation)]
        tokens = Tokens(symbols, enters) if symbols else None
        if code == "spatial":
            aside = blocks(plan.sides, shape[0], code_size, plan.step) if path else None
            return ConvEncoder(nn.Sequential(*body), same(plan.sides, plan.channels[-1], code_size), aside, plan.step, tokens)
        last = nn.Linear(plan.channels[-1] * torch.Size(plan.inside).numel(), code_size)
        straight: nn.Module = OneHot(symbols, size, code_size) if symbols else nn.Linear(size, code_size)
        return ConvEncoder(nn.Sequential(*body, nn.Flatten()), last, straight if path else None, plan.step, tokens)

    module = make() if members == 1 else Members(make, members)
    return module, (code_size,) if code == "flat" else (code_size, *plan.inside)


def decoder(
    code_shape: Sequence[int],
    shape: Sequence[int],
    outputs: int,
    *,
    members: int = 1,
    widths: Sequence[int] = WIDTHS,
    activation: str = "silu",
    beside: bool | str = "auto",
    symbols: int = 0,
) -> nn.Module:
    """The mirror image: each level enlarges the sides."""
    plan = _plan(shape, widths, symbols)
    whole = (outputs, *shape) if symbols else (outputs * shape[0], *shape[1:])
    spatial, channels, inner = len(code_shape) > 1, plan.channels, (plan.channels[-1], *plan.inside)
    size = torch.Size((shape[0], *[plan.step] * plan.sides) if spatial else shape).numel()
    path = _has_path(beside, weights(code_shape[0], size, symbols) if symbols else size * code_shape[0]) and not (symbols and spatial)

    def make() -> nn.Module:
        body: list[nn.Module] = []
        for before, after in zip(reversed(channels), [*reversed(channels[:-1]), channels[0]], strict=True):
            body += [Residual(before, activation, plan.sides), make_activation(activation), grow(plan.sides, before, after, plan.shrinks)]
        body += [make_activation(activation), same(plan.sides, channels[0], whole[0])]
        if spatial:
            aside = opposite(plan.sides, code_shape[0], whole[0], plan.step) if path else None
            first = same(plan.sides, code_shape[0], channels[-1])
        else:
            first = nn.Sequential(nn.Linear(code_shape[0], torch.Size(inner).numel()), nn.Unflatten(1, inner))
            aside = nn.Linear(code_shape[0], torch.Size(whole).numel()) if path else None
        made = ConvDecoder(first, nn.Sequential(*body), aside, whole, plan.inside)
        return TextDecoder(made) if symbols else made

    return make() if members == 1 else Members(make, members)


def start(model: Model, batch: Batch) -> None:
    """Set each linear path to the PCA of `batch`; without one, begin at the mean colour, which training can only improve on."""
    enters = getattr(model.encoder, "each", [model.encoder])
    leaves = getattr(model.decoder, "each", [model.decoder])
    for enter, leave in zip(enters, leaves, strict=True):
        if hasattr(enter, "tokens"):
            start_paths(model, batch, (enter.beside, enter.last), (leave.inner.beside, leave.inner.body[-1]))
        elif enter.beside is None or leave.beside is None:
            _start_at_mean(model, batch, leave.body[-1])
        elif len(model.code_shape) > 1:
            start_blocks(model, batch, (enter.beside, enter.last), (leave.beside, leave.body[-1]))
        elif leave.beside.weight.shape[0] == model.input_size:
            start_beside(model, batch, (enter.beside, enter.last), (leave.beside, leave.body[-1]))


def levels(model: Model) -> list[tuple[nn.Module, nn.Module]]:
    """Each shrinking of the sides with the enlarging that mirrors it, then the code's own layers; as in `dense` where there is a path."""
    enters = getattr(model.encoder, "each", [model.encoder])
    leaves = getattr(model.decoder, "each", [model.decoder])
    alone = [_levels(enter, leave) for enter, leave in zip(enters, leaves, strict=True)]
    if len(alone) == 1:
        return alone[0]
    return [tuple(Members(iter(side).__next__, len(alone)) for side in zip(*pairs, strict=True)) for pairs in zip(*alone, strict=True)]  # type: ignore[misc]


def _levels(enter: ConvEncoder, leave: Any) -> list[tuple[nn.Module, nn.Module]]:
    """The levels of one network: a level is three layers of either body."""
    inner: ConvDecoder = getattr(leave, "inner", leave)
    into, out = list(enter.body), list(cast("nn.Sequential", inner.body))
    count = len(into) // 3
    pairs = [(nn.Sequential(*into[3 * i : 3 * i + 3]), nn.Sequential(*out[3 * (count - 1 - i) : 3 * (count - i)])) for i in range(count)]
    last, out[-1] = (enter.last, out[-1]) if enter.beside is None else (copy.deepcopy(enter.last), copy.deepcopy(out[-1]))
    stride: Any = out[2].stride
    sides = [side * stride[0] ** (count - 1) for side in inner.inside]
    first = ConvEncoder(pairs[0][0], nn.Identity(), None, enter.step, getattr(enter, "tokens", None))
    back: nn.Module = ConvDecoder(nn.Identity(), nn.Sequential(*pairs[0][1], *out[3 * count :]), None, inner.shape, sides)
    pairs[0] = first, back if inner is leave else TextDecoder(back)  # type: ignore[assignment, arg-type]
    return [*pairs, (nn.Sequential(*into[3 * count :], last), inner.first)]


def _start_at_mean(model: Model, batch: Batch, last: nn.Conv2d) -> None:
    """Nearly the mean of every channel, whatever the code: else the first output may be worse than knowing nothing."""
    mean = batch.x.double().transpose(0, 1).flatten(1).mean(1)
    if last.bias is None or len(last.bias) != len(mean):
        return
    link = getattr(model.loss, "link", None)
    with torch.no_grad():
        last.weight.mul_(0.05)
        last.bias.copy_(mean if link is None else link(mean)[1])


def _has_path(beside: bool | str, weights: int) -> bool:
    """Whether there is a linear path: as asked, else where it is not too heavy."""
    if beside not in ("auto", True, False) or isinstance(beside, float):
        raise BadOption(f"beside={beside!r}: give true, false or auto (where the path has at most {HEAVY:,} weights)")
    return weights <= HEAVY if beside == "auto" else bool(beside)


def _plan(shape: Sequence[int], widths: Sequence[int], symbols: int) -> Plan:
    """The levels for samples of this shape; one that has no neighbours raises `BadOption`."""
    if len(shape) not in (2, 3, 4) and not (len(shape) == 1 and symbols):
        raise BadOption(
            "conv works on series and sound (channels, time), pictures (channels, height, width), video and text; "
            f"these samples have shape {tuple(shape)}; use network='dense'"
        )
    channels = checked_widths(widths, 1)
    full = (1, *shape) if symbols else tuple(shape)
    fitting = (shrinks for shrinks in (2, 4, 8) if full[-1] / shrinks ** len(channels) <= LONG)
    shrinks = next(fitting, 8) if len(full) == 2 else 2
    step = shrinks ** len(channels)
    return Plan(channels, shrinks, step, len(full) - 1, steps_in(full, step))
