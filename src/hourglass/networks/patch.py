"""A network that begins as a classical transform: the cosine transform of JPEG for pictures, that of MP3's heirs (MDCT) for sound.

Patches become waves, residual blocks mix them, and a layer that at first only picks the slowest waves makes the code, a small picture
(or series) of `code_size` channels; the decoder mirrors it. So the untrained network is the transform, exact where the code is as wide as
a patch and cut to the slowest waves where it is narrower, and training can only improve on that: it is ready in minutes where random
weights need hours. For compressing and denoising at any size; not for a code that is one vector (take `conv`), nor for video or text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from hourglass.errors import BadOption
from hourglass.layers.members import Members
from hourglass.layers.options import checked_whole
from hourglass.layers.residual import Feeding, Mixing
from hourglass.layers.sides import crop, fill, innermost, same, steps_in
from hourglass.layers.waves import block_waves, lapped_waves
from hourglass.parts import Batch

if TYPE_CHECKING:
    from hourglass.model import Model

ROWS = 256  # samples that the start looks at
WIDEST = 3072  # waves in a patch: as many as in 32 x 32 pixels of three colours
QUIET = 1e-4  # the least spread that a wave is taken to have, of that of the loudest


class Plan(NamedTuple):
    """The `step` from patch to patch, how many `waves` a patch has, the sides of the code, and whether patches overlap (sound)."""

    step: int
    waves: int
    inside: tuple[int, ...]
    lapped: bool


class PatchEncoder(nn.Module):
    """Samples (B, C, ...) to codes (B, code_size, patches along each side)."""

    masked = True

    def __init__(self, front: nn.Module, body: nn.Module, last: nn.Module, step: int) -> None:
        super().__init__()
        self.front, self.body, self.last, self.step = front, body, last, step

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, C, ...) to (B, *code_shape); sides are padded to whole patches by repeating the edge. What `mask` leaves out counts as 0."""
        x = x if mask is None else x * mask
        return self.last(self.body(self.front(innermost(fill(x, self.step)))))  # type: ignore[no-any-return]


class PatchDecoder(nn.Module):
    """Codes back to samples (B, outputs * C, ...)."""

    def __init__(self, first: nn.Module, body: nn.Module, back: nn.Module, shape: Sequence[int], inside: Sequence[int]) -> None:
        super().__init__()
        self.first, self.body, self.back = first, body, back
        self.shape, self.inside = tuple(shape), torch.Size(inside)

    def forward(self, z: Tensor) -> Tensor:
        """(B, *code_shape) to (B, outputs * C, ...)."""
        out: Tensor = self.back(self.body(innermost(self.first(z))))
        return crop(out, self.shape[1:]) if z.shape[2:] == self.inside else out


def encoder(
    shape: Sequence[int],
    *,
    code_size: int,
    members: int = 1,
    patch: int | None = None,
    blocks: int = 2,
    width: int | Sequence[int] | None = None,
    activation: str = "silu",
) -> tuple[nn.Module, tuple[int, ...]]:
    """`patch`: its side, 8 in pictures, in sound by its length; `blocks` residual blocks, `width` channels wide within.

    With two numbers as its width, a block has a second step, as wide as the second number, in which each place is by itself.
    """
    plan = _plan(shape, patch)
    blocks = checked_whole("patch", "blocks", blocks, 0, 64)

    def make() -> nn.Module:
        front, last = _transform(plan, shape[0]), same(len(shape) - 1, plan.waves, code_size, 1)
        _pass(last, torch.arange(min(plan.waves, code_size)), torch.arange(min(plan.waves, code_size)))
        return PatchEncoder(front, _body(plan, len(shape) - 1, blocks, width, activation), last, plan.step)

    return make() if members == 1 else Members(make, members), (code_size, *plan.inside)


def decoder(
    code_shape: Sequence[int],
    shape: Sequence[int],
    outputs: int,
    *,
    members: int = 1,
    patch: int | None = None,
    blocks: int = 2,
    width: int | Sequence[int] | None = None,
    activation: str = "silu",
) -> nn.Module:
    """The mirror image, which ends in the inverse transform."""
    plan = _plan(shape, patch)
    whole = (outputs * shape[0], *shape[1:])

    def make() -> nn.Module:
        first, back = same(len(shape) - 1, code_shape[0], plan.waves, 1), _transform(plan, shape[0], outputs)
        _pass(first, torch.arange(min(plan.waves, code_shape[0])), torch.arange(min(plan.waves, code_shape[0])))
        return PatchDecoder(first, _body(plan, len(shape) - 1, blocks, width, activation), back, whole, plan.inside)

    return make() if members == 1 else Members(make, members)


def _body(plan: Plan, sides: int, blocks: int, width: int | Sequence[int] | None, activation: str) -> nn.Sequential:
    """The residual blocks between transform and code."""
    given = list(width) if isinstance(width, list | tuple) else [plan.waves if width is None else width]
    widths = [each for each in given if type(each) is int and 1 <= each <= 65_536]
    if widths != given or not 1 <= len(widths) <= 2:
        raise BadOption(f"width={width!r}: give one number for the channels within a block, or two for blocks of two steps")
    if len(widths) == 2:
        return nn.Sequential(*(Feeding(plan.waves, widths[0], widths[1], activation, sides) for _ in range(blocks)))
    return nn.Sequential(*(Mixing(plan.waves, widths[0], activation, sides) for _ in range(blocks)))


def start(model: Model, batch: Batch) -> None:
    """Bring all waves to one spread, and let the code begin with those that vary most in `batch`, standardised."""
    for enter, leave in zip(*(getattr(half, "each", [half]) for half in (model.encoder, model.decoder)), strict=True):
        if getattr(model.loss, "link", None) is None and leave.shape == model.shape:
            with torch.no_grad():
                _standardise(enter, leave, batch.x[:ROWS].to(enter.front.weight.dtype), model.code_shape[0])


def _standardise(enter: Any, leave: Any, x: Tensor, count: int) -> None:
    """See `start`; of the channels that the encoder makes, the first `count` are the code (a bottleneck may ask for more beside it)."""
    waves = enter.front(fill(x, enter.step)).transpose(0, 1).flatten(1)  # (waves, patches)
    mean, spread = waves.mean(1), waves.std(1, correction=0)
    spread = spread.clamp_min(QUIET * float(spread.max().clamp_min(1e-6)))
    each = (-1, *[1] * (x.dim() - 1))
    enter.front.weight.div_(spread.view(each))
    leave.back.weight.mul_(spread.view(each))
    chosen = spread.argsort(descending=True, stable=True)[:count]
    _pass(enter.last, torch.arange(len(chosen)), chosen)
    _pass(leave.first, chosen, torch.arange(len(chosen)))
    enter.last.bias[: len(chosen)] = -(mean / spread)[chosen]
    leave.first.bias.copy_(mean / spread)


def _pass(layer: Any, outputs: Tensor, inputs: Tensor) -> None:
    """Let a layer give `inputs` through to `outputs` as they are; what else it makes begins small."""
    with torch.no_grad():
        layer.weight.uniform_(-1e-3, 1e-3)
        layer.weight[outputs] = 0
        layer.weight[outputs, inputs] = 1
        layer.bias.zero_()


def _transform(plan: Plan, channels: int, outputs: int = 0) -> nn.Module:
    """The layer from samples to waves, or, with `outputs`, back: the transform, except where there are several outputs per element."""
    layers = (nn.Conv1d, nn.ConvTranspose1d) if plan.lapped else (nn.Conv2d, nn.ConvTranspose2d)
    wide, padding = (2 * plan.step, plan.step) if plan.lapped else (plan.step, 0)
    ends = (plan.waves, outputs * channels) if outputs else (channels, plan.waves)
    layer: Any = layers[bool(outputs)](*ends, wide, stride=plan.step, padding=padding)
    if outputs < 2 and not layer.weight.is_meta:
        with torch.no_grad():
            layer.weight.copy_(lapped_waves(channels, plan.step) if plan.lapped else block_waves(channels, plan.step))
            layer.bias.zero_()
    return layer  # type: ignore[no-any-return]


def _plan(shape: Sequence[int], patch: int | None) -> Plan:
    """How patches lie in samples of this shape; samples that have none raise `BadOption`."""
    if len(shape) not in (2, 3):
        raise BadOption(
            "patch works on pictures (channels, height, width), series and sound (channels, time); "
            f"these samples have shape {tuple(shape)}; use network='conv'"
        )
    lapped = len(shape) == 2
    step = (
        patch
        if patch is not None
        else 8
        if not lapped
        else next(step for step in (256, 128, 64, 32, 16, 8, 4) if step * 16 <= shape[1] or step == 4)
    )
    waves = shape[0] * (step if lapped else step**2) if isinstance(step, int) else 0
    if isinstance(step, bool) or not 2 <= waves <= WIDEST or step < 2:
        raise BadOption(
            f"patch={patch!r}: give its side as a whole number from 2 on; with its {shape[0]} channels it may have {WIDEST} numbers"
        )
    sides = steps_in(shape, step)
    return Plan(step, waves, (sides[0] + 1,) if lapped else sides, lapped)
