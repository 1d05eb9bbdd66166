"""Convolutions, for pictures (C, H, W): each level halves the sides, the decoder doubles them again.

`code="flat"` ends in a linear layer, so that the code is a vector (features, anomalies, new samples). `code="spatial"` keeps the code a
small picture, and the network then works at any size (compress, denoise). Beside either runs a linear path that starts at PCA: of whole
pictures, or, for a spatial code, of blocks as wide as one step of the code, which is what JPEG's cosine transform stands in for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from hourglass.errors import BadOption, did_you_mean
from hourglass.layers.linear import activation as make_activation
from hourglass.layers.linear import checked_widths
from hourglass.layers.members import Members
from hourglass.layers.principal import start_beside, start_blocks
from hourglass.layers.residual import Residual
from hourglass.parts import Batch

if TYPE_CHECKING:
    from hourglass.model import Model

WIDTHS = (32, 64)


class ConvEncoder(nn.Module):
    """Pictures (B, C, H, W) to codes (B, code_size), or (B, code_size, H / 2^levels, W / 2^levels) where they are spatial."""

    def __init__(self, body: nn.Module, last: nn.Module, beside: nn.Module | None, step: int) -> None:
        super().__init__()
        self.body, self.last, self.beside, self.step = body, last, beside, step

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, *code_shape); sides are padded to multiples of 2^levels by repeating the edge."""
        height, width = x.shape[-2:]
        full = pad(x, (0, -width % self.step, 0, -height % self.step), mode="replicate") if height % self.step or width % self.step else x
        h: Tensor = self.last(self.body(_channels_last(full)))
        if self.beside is None:
            return h
        return h + self.beside(x.flatten(1) if h.dim() == 2 else full)  # type: ignore[no-any-return]


class ConvDecoder(nn.Module):
    """Codes back to pictures (B, outputs * C, H, W)."""

    def __init__(self, first: nn.Module, body: nn.Module, beside: nn.Module | None, shape: Sequence[int], sides: Sequence[int]) -> None:
        super().__init__()
        self.first, self.body, self.beside = first, body, beside
        self.shape, self.sides = tuple(shape), torch.Size(sides)

    def forward(self, z: Tensor) -> Tensor:
        """(B, *code_shape) to (B, outputs * C, H, W); spatial codes give a picture 2^levels times their size."""
        out: Tensor = self.body(_channels_last(self.first(z)))
        if self.beside is not None and z.dim() > 2:
            out = out + self.beside(z)
        if z.dim() == 2 or z.shape[-2:] == self.sides:
            out = out[..., : self.shape[-2], : self.shape[-1]]
        return out if self.beside is None or z.dim() > 2 else out + self.beside(z).unflatten(1, self.shape)


def _channels_last(x: Tensor) -> Tensor:
    """In bfloat16, convolutions are a fifth faster with the channels innermost; the layers behind keep the order."""
    return x.contiguous(memory_format=torch.channels_last) if torch.is_autocast_enabled("cpu") else x


def encoder(
    shape: Sequence[int],
    *,
    code_size: int,
    members: int = 1,
    widths: Sequence[int] = WIDTHS,
    activation: str = "silu",
    code: str = "flat",
    beside: bool = True,
) -> tuple[nn.Module, tuple[int, ...]]:
    """One level for each of `widths` (channels from the picture inwards). `code`: flat or spatial."""
    channels, step, sides = _plan(shape, widths, code)

    def make() -> nn.Module:
        body: list[nn.Module] = []
        for before, after in zip([shape[0], *channels[:-1]], channels, strict=True):
            body += [nn.Conv2d(before, after, 4, stride=2, padding=1), Residual(after, activation), make_activation(activation)]
        if code == "spatial":
            blocks = nn.Conv2d(shape[0], code_size, step, stride=step) if beside else None
            return ConvEncoder(nn.Sequential(*body), nn.Conv2d(channels[-1], code_size, 3, padding=1), blocks, step)
        last = nn.Linear(channels[-1] * sides[0] * sides[1], code_size)
        path = nn.Linear(torch.Size(shape).numel(), code_size) if beside else None
        return ConvEncoder(nn.Sequential(*body, nn.Flatten()), last, path, step)

    module = make() if members == 1 else Members(make, members)
    return module, (code_size,) if code == "flat" else (code_size, *sides)


def decoder(
    code_shape: Sequence[int],
    shape: Sequence[int],
    outputs: int,
    *,
    members: int = 1,
    widths: Sequence[int] = WIDTHS,
    activation: str = "silu",
    code: str = "flat",
    beside: bool = True,
) -> nn.Module:
    """The mirror image: each level doubles the sides."""
    channels, step, sides = _plan(shape, widths, code)
    whole = (outputs * shape[0], *shape[1:])

    def make() -> nn.Module:
        body: list[nn.Module] = []
        for before, after in zip(reversed(channels), [*reversed(channels[:-1]), channels[0]], strict=True):
            body += [Residual(before, activation), make_activation(activation), nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)]
        body += [make_activation(activation), nn.Conv2d(channels[0], whole[0], 3, padding=1)]
        if code == "spatial":
            blocks = nn.ConvTranspose2d(code_shape[0], whole[0], step, stride=step) if beside else None
            return ConvDecoder(nn.Conv2d(code_shape[0], channels[-1], 3, padding=1), nn.Sequential(*body), blocks, whole, sides)
        first = nn.Sequential(nn.Linear(code_shape[0], channels[-1] * sides[0] * sides[1]), nn.Unflatten(1, (channels[-1], *sides)))
        path = nn.Linear(code_shape[0], torch.Size(whole).numel()) if beside else None
        return ConvDecoder(first, nn.Sequential(*body), path, whole, sides)

    return make() if members == 1 else Members(make, members)


def start(model: Model, batch: Batch) -> None:
    """Set each linear path to the PCA of `batch`; without one, begin at the mean colour, which training can only improve on."""
    enters = getattr(model.encoder, "each", [model.encoder])
    leaves = getattr(model.decoder, "each", [model.decoder])
    for enter, leave in zip(enters, leaves, strict=True):
        if enter.beside is None:
            continue
        if len(model.code_shape) == 3:
            start_blocks(model, batch, (enter.beside, enter.last), (leave.beside, leave.body[-1]))
        elif leave.beside.weight.shape[0] == model.input_size:
            start_beside(model, batch, (enter.beside, enter.last), (leave.beside, leave.body[-1]))
        elif enter.beside is None:
            _start_at_mean(model, batch, leave.body[-1])


def _start_at_mean(model: Model, batch: Batch, last: nn.Conv2d) -> None:
    """Nearly the mean of every channel, whatever the code: else the first output may be worse than knowing nothing."""
    mean = batch.x.double().mean((0, 2, 3))
    if last.bias is None or len(last.bias) != len(mean):
        return
    link = getattr(model.loss, "link", None)
    with torch.no_grad():
        last.weight.mul_(0.05)
        last.bias.copy_(mean if link is None else link(mean)[1])


def _plan(shape: Sequence[int], widths: Sequence[int], code: str) -> tuple[list[int], int, tuple[int, int]]:
    """Channels of each level, the factor by which sides shrink, and the sides of the innermost level."""
    if code not in ("flat", "spatial"):
        raise BadOption(f"conv has no code={code!r}: {did_you_mean(str(code), ['flat', 'spatial'])}")
    if len(shape) != 3:
        raise BadOption(f"conv works on pictures (channels, height, width); these samples have shape {tuple(shape)}; use network='dense'")
    channels = checked_widths(widths)
    step = 2 ** len(channels)
    return channels, step, (-(-shape[1] // step), -(-shape[2] // step))
