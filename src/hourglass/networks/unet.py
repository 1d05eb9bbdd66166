"""A U-net, for denoising pictures, series, sound and video: details travel from the encoder to the decoder beside the code.

For denoising, and, under the loss `defect`, for saying where a picture is damaged. Not for anything else: because skips carry detail around
the code, a good reconstruction says nothing about the code, anomalies are copied as well as everything else, and nothing is compressed.
Train it under a spoil, else it learns to copy its input. The decoder
also works from the code alone, with skips of zeros, but was not trained to. Without biases (the default) a network that has seen some
levels of noise copes with others (Mohan et al. 2020); its activation is therefore ReLU. Ronneberger et al. 2015.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from hourglass.errors import BadOption, did_you_mean
from hourglass.layers.light import light
from hourglass.layers.linear import checked_widths
from hourglass.layers.members import Members
from hourglass.layers.options import checked_whole
from hourglass.layers.residual import Residual
from hourglass.layers.sides import crop, fill, fold, innermost, opposite, same, shrink, steps_in, unfold
from hourglass.parts import Batch

if TYPE_CHECKING:
    from hourglass.model import Model

WIDTHS = (48, 96, 192)
SIGHTS = ("plain", "centred", "light")
QUIET = 1e-3  # the least spread
FRONT = 2  # neighbours that become channels before the first level: the same picture at a quarter of the cost (Zhang et al. 2018)


class Plan(NamedTuple):
    """The `sides` of a sample, the channels of each level, how many of these have skips, the step of all, the sides within."""

    sides: int
    widths: list[int]
    skips: int
    step: int
    inside: tuple[int, ...]


class UnetEncoder(nn.Module):
    """Samples (B, C, ...) to h (B, *code_shape), the samples themselves, and the outer levels' features, from the outside inwards."""

    masked = True
    middle: Tensor
    spread: Tensor

    def __init__(self, levels: Sequence[nn.Module], last: nn.Module, skips: int, step: int, sight: str = SIGHTS[0]) -> None:
        super().__init__()
        self.levels, self.last = nn.ModuleList(levels), last
        self.skips, self.step, self.sight = skips, step, sight
        if sight != SIGHTS[0]:
            self.register_buffer("middle", torch.zeros(()))
            self.register_buffer("spread", torch.ones(()))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor | tuple[Tensor, ...]:
        """(B, C, ...) to h, or, with skips, to (h, x, skip, ...). What `mask` leaves out counts as 0."""
        x = x if mask is None else x * mask
        features, beside = innermost(fold(fill(self.seen(x), self.step), FRONT)), [x]
        for level in self.levels:
            features = level(features)
            beside.append(features)
        h: Tensor = self.last(features)
        return (h, *beside[: self.skips + 1]) if self.skips else h

    def seen(self, x: Tensor) -> Tensor:
        """What the layers see of samples."""
        return x if self.sight == SIGHTS[0] else ((_lit(x, self.sight) - self.middle) / self.spread).to(x.dtype)


class UnetDecoder(nn.Module):
    """Codes, or codes and skips, back to samples (B, outputs * C, ...)."""

    def __init__(self, first: nn.Module, levels: Sequence[nn.Module], skips: int, shape: Sequence[int], inside: Sequence[int]) -> None:
        super().__init__()
        self.first, self.levels = first, nn.ModuleList(levels)
        self.skips, self.shape, self.inside = skips, tuple(shape), torch.Size(inside)

    def forward(self, given: Tensor | tuple[Tensor, ...]) -> Tensor:
        """(B, *code_shape), perhaps with the skips behind it, to (B, outputs * C, ...)."""
        z, *beside = given if isinstance(given, tuple) else (given,)
        out = innermost(self.first(z))
        for depth, level in zip(reversed(range(len(self.levels))), self.levels, strict=True):
            out = level(out + beside[depth + 1] if depth + 1 < len(beside) else out)
        out = unfold(out, FRONT)
        if beside:
            x = beside[0]
            out = crop(out, x.shape[2:])
            if out.shape == x.shape:
                return out + x  # what it learns is the noise
            width = x.shape[1]  # of several numbers for each element the first is its value
            return torch.cat([out[:, :width] + x, out[:, width:]], 1)
        return crop(out, self.shape[1:]) if z.dim() == 2 or z.shape[2:] == self.inside else out


def encoder(
    shape: Sequence[int],
    *,
    code_size: int,
    members: int = 1,
    widths: Sequence[int] = WIDTHS,
    blocks: int = 2,
    code: str = "spatial",
    skips: int | None = None,
    sight: str = SIGHTS[0],
) -> tuple[nn.Module, tuple[int, ...]]:
    """One level for each of `widths`, with `blocks` residual blocks. `skips`: how many levels have them, from the outside inwards.

    `sight`: samples are seen as they are (`plain`), or less their mean in units of how much one of them varies (`centred`), or so but for
    the logarithm of their brightness (`light`); in the last two the layers have biases.
    """
    if code not in ("flat", "spatial"):
        raise BadOption(f"unet has no code={code!r}: {did_you_mean(str(code), ['flat', 'spatial'])}")
    plan, bias = _plan(shape, widths, skips), _biased(sight)
    blocks = checked_whole("unet", "blocks", blocks, 0, 64)

    def make() -> nn.Module:
        levels, before = [], shape[0] * FRONT**plan.sides
        for depth, width in enumerate(plan.widths):
            into = shrink(plan.sides, before, width, bias=bias) if depth else same(plan.sides, before, width, bias=bias)
            levels.append(nn.Sequential(into, *_blocks(plan.sides, width, blocks, bias)))
            before = width
        if code == "spatial":
            return UnetEncoder(levels, same(plan.sides, before, code_size, bias=bias), plan.skips, plan.step, sight)
        last = nn.Linear(before * torch.Size(plan.inside).numel(), code_size, bias=bias)
        return UnetEncoder(levels, nn.Sequential(nn.Flatten(), last), plan.skips, plan.step, sight)

    module = make() if members == 1 else Members(make, members)
    return module, (code_size, *plan.inside) if code == "spatial" else (code_size,)


def decoder(
    code_shape: Sequence[int],
    shape: Sequence[int],
    outputs: int,
    *,
    members: int = 1,
    widths: Sequence[int] = WIDTHS,
    blocks: int = 2,
    skips: int | None = None,
    sight: str = SIGHTS[0],
) -> nn.Module:
    """The mirror image; each level adds the skip of its own depth to what comes from within.

    Where the innermost level has a skip too, its features come straight from the encoder's blocks: there it has none of its own.
    """
    plan, bias = _plan(shape, widths, skips), _biased(sight)
    whole = (outputs * shape[0], *shape[1:])
    inner = (plan.widths[-1], *plan.inside)

    def make() -> nn.Module:
        levels = []
        for depth, width in reversed([*enumerate(plan.widths)]):
            wide = plan.widths[depth - 1] if depth else whole[0] * FRONT**plan.sides
            out = opposite(plan.sides, width, wide, 2, bias=bias) if depth else same(plan.sides, width, wide, bias=bias)
            own = 0 if depth + 1 == plan.skips == len(plan.widths) > 1 else blocks
            levels.append(nn.Sequential(*_blocks(plan.sides, width, own, bias), out))
        first: nn.Module = same(plan.sides, code_shape[0], inner[0], bias=bias)
        if len(code_shape) == 1:
            first = nn.Sequential(nn.Linear(code_shape[0], torch.Size(inner).numel(), bias=bias), nn.Unflatten(1, inner))
        return UnetDecoder(first, levels, plan.skips, whole, plan.inside)

    return make() if members == 1 else Members(make, members)


def start(model: Model, batch: Batch) -> None:
    """Begin by giving back what came in: the last layer, which learns the noise, is made small."""
    for module in getattr(model.encoder, "each", [model.encoder]):
        if module.sight != SIGHTS[0]:
            shown = _lit(batch.x, module.sight).float()
            module.middle.copy_(shown.mean())
            module.spread.copy_(shown.flatten(1).std(1).mean().clamp_min(QUIET))
    for module in getattr(model.decoder, "each", [model.decoder]):
        if module.skips:
            with torch.no_grad():
                module.levels[-1][-1].weight.mul_(0.1)


def grey(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a network for colours as those of one that does the same to grey pictures, by their names in a model."""
    first = "encoder.levels.0.0.weight"
    last = max((name for name in weights if re.fullmatch(r"decoder\.levels\.\d+\.\d+\.weight", name)), key=_places)
    told = {first: weights[first].float().unflatten(1, (3, -1)).sum(1), last: weights[last].float().unflatten(0, (3, -1)).mean(0)}
    return {**weights, **told}


def _lit(x: Tensor, sight: str) -> Tensor:
    return light(x) if sight == "light" else x


def _biased(sight: str) -> bool:
    """Whether the layers have biases; what is no sight raises `BadOption`."""
    if sight not in SIGHTS:
        raise BadOption(f"unet has no sight={sight!r}: {did_you_mean(str(sight), SIGHTS)}")
    return sight != SIGHTS[0]


def _places(name: str) -> list[int]:
    return [int(part) for part in name.split(".") if part.isdigit()]


def _blocks(sides: int, width: int, count: int, bias: bool) -> list[Any]:
    return [Residual(width, "relu", sides, bias) for _ in range(count)]


def _plan(shape: Sequence[int], widths: Sequence[int], skips: int | None) -> Plan:
    """How the levels lie; samples that have no neighbours raise `BadOption`."""
    if len(shape) not in (2, 3, 4):
        raise BadOption(
            "unet works on series and sound (channels, time), pictures (channels, height, width) and video; "
            f"these samples have shape {tuple(shape)}; use network='dense'"
        )
    levels = checked_widths(widths, 1)
    if skips is not None and (isinstance(skips, bool) or skips not in range(len(levels) + 1)):
        raise BadOption(f"skips={skips!r}: give how many of the {len(levels)} levels have them, from 0 to {len(levels)}")
    step = FRONT * 2 ** (len(levels) - 1)
    usual = max(1, len(levels) - 1)  # the innermost level goes through the code alone
    return Plan(len(shape) - 1, levels, usual if skips is None else skips, step, steps_in(shape, step))
