"""Recurrent units, for what comes one step after the other: series and sound (C, T), text (T,).

The encoder reads a sample step by step, by default in both directions, and makes the code of its last states and of their mean; the
decoder hears the code and the time at every step. Steps that are missing altogether are passed over, so that padding changes nothing.
Beside both runs a linear path that starts at PCA. For some dozen to some hundred steps of very different length or with gaps; not for
pictures. `fold` takes several steps at once: measured faster and better, since a long chain is slow and forgets its beginning. Where all
samples are whole, `conv` learns more in the same time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from hourglass.errors import BadOption, did_you_mean
from hourglass.layers.linear import checked_widths
from hourglass.layers.members import Members
from hourglass.layers.one_hot import inward, outward, start_texts
from hourglass.layers.options import checked_flag
from hourglass.layers.recurrence import Gru, Lstm
from hourglass.layers.straight import start_straight, straight
from hourglass.layers.tokens import Tokens
from hourglass.parts import Batch

if TYPE_CHECKING:
    from hourglass.model import Model

WIDTHS = (64,)
CELLS: dict[str, Any] = {"gru": Gru, "lstm": Lstm}
CHANNELS, CLOCK = 32, 32  # numbers for a symbol of a text; waves that tell the time


class Turn:
    """Which steps (T, B) are real, and how to read each sample's real steps from its last to its first."""

    def __init__(self, real: Tensor) -> None:
        steps = torch.arange(len(real), device=real.device)[:, None]
        self.count = real.sum(0)
        self.real = steps < self.count
        self.front = real.long().argsort(dim=0, descending=True, stable=True)  # real steps first, in order
        self.back = torch.where(self.real, self.count - 1 - steps, steps)

    def take(self, x: Tensor, order: Tensor) -> Tensor:
        """The steps of (T, C, B) in another order."""
        return x.gather(0, order[:, None].expand(x.shape))

    def summary(self, states: Tensor) -> Tensor:
        """The last real state and the mean of the real ones: (T, H, B) to (2H, B), zeros where nothing is real."""
        last = self.take(states, (self.count - 1).clamp_min(0)[None])[0]
        mean = (states * self.real[:, None]).sum(0) / self.count.clamp_min(1)
        return torch.cat([last * (self.count > 0), mean])


class RecurrentEncoder(nn.Module):
    """Samples (B, C, T), or texts (B, T), to codes (B, code_size); what `mask` leaves out changes nothing."""

    masked = True

    def __init__(self, layers: list[nn.Module], last: nn.Linear, fold: int, tokens: Tokens | None, beside: nn.Module | None) -> None:
        super().__init__()
        self.layers, self.last, self.fold, self.tokens, self.beside = nn.ModuleList(layers), last, fold, tokens, beside

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, *shape) to (B, code_size)."""
        if self.tokens is not None:
            aside = None if self.beside is None else self.beside(x, mask)
            x, mask = self.tokens(x, mask), None if mask is None else mask.unsqueeze(1)
        else:
            x = x if mask is None else torch.where(mask, x, 0)
            aside = None if self.beside is None else self.beside(x.flatten(1))
        real = None if mask is None else _folded(mask.any(1, keepdim=True), self.fold).any(1)  # (T, B)
        turn = None if real is None or bool(real.all()) else Turn(real)
        h: Tensor = self.last(self._read(_folded(x, self.fold), turn).T)
        return h if aside is None else h + aside

    def _read(self, x: Tensor, turn: Turn | None) -> Tensor:
        """Steps (T, C, B) to a summary (features, B) of all that was read."""
        steps = x if turn is None else turn.take(x, turn.front)
        for layer in self.layers:
            ways = [steps] if layer.directions == 1 else [steps, _turned(steps, turn)]
            states = layer(torch.stack(ways, 1))  # (T, D, H, B)
            first, *rest = states.unbind(1)
            steps = torch.cat([first, *(_turned(back, turn) for back in rest)], 1)
        if turn is None:
            return torch.cat([states[-1].flatten(0, 1), steps.mean(0)])
        return turn.summary(states.flatten(1, 2))


class RecurrentDecoder(nn.Module):
    """Codes (B, code_size) to outputs (B, outputs * C, T), or (B, outputs * T) for texts."""

    def __init__(self, layers: list[nn.Module], last: nn.Linear, beside: nn.Linear | None, shape: Sequence[int], fold: int) -> None:
        """`shape` is (rows, T), also for texts."""
        super().__init__()
        self.layers, self.last, self.beside, self.shape, self.fold = nn.ModuleList(layers), last, beside, tuple(shape), fold

    def forward(self, z: Tensor) -> Tensor:
        """(B, code_size) to (B, rows, T)."""
        states = _clock(-(-self.shape[1] // self.fold), z).expand(-1, -1, -1, len(z))
        for number, layer in enumerate(self.layers):
            states = layer(states, z.T) if number == 0 else layer(states)
        steps = torch.addmm(self.last.bias[:, None], self.last.weight, states[:, 0].transpose(0, 1).flatten(1))  # (rows, T * B)
        out = steps.reshape(-1, self.fold, len(states), len(z)).permute(3, 0, 2, 1).flatten(2)[..., : self.shape[1]]
        return out if self.beside is None else out + self.beside(z).view_as(out)


def encoder(
    shape: Sequence[int],
    *,
    code_size: int,
    members: int = 1,
    widths: Sequence[int] | int = WIDTHS,
    cell: str = "gru",
    both: bool = True,
    fold: int = 1,
    symbols: int = 0,
) -> tuple[nn.Module, tuple[int, ...]]:
    """One layer of units for each of `widths`. `cell`: gru or lstm; `both` directions; `fold` steps are read at once."""
    hidden, unit = _checked(shape, widths, cell, fold, symbols)
    ways = 2 if checked_flag("recurrent", "both", both) else 1
    channels = CHANNELS if symbols else shape[0]

    def make() -> nn.Module:
        inputs = [channels * fold, *(ways * width for width in hidden)]
        layers = [unit(before, width, ways) for before, width in zip(inputs, hidden, strict=False)]
        tokens = Tokens(symbols, channels) if symbols else None
        beside = inward(code_size, shape[0], symbols) if symbols else straight(code_size, shape)
        return RecurrentEncoder(layers, nn.Linear(2 * inputs[-1], code_size), fold, tokens, beside)

    return make() if members == 1 else Members(make, members), (code_size,)


def decoder(
    code_shape: Sequence[int],
    shape: Sequence[int],
    outputs: int,
    *,
    members: int = 1,
    widths: Sequence[int] | int = WIDTHS,
    cell: str = "gru",
    fold: int = 1,
    symbols: int = 0,
) -> nn.Module:
    """The mirror image: `widths` from last to first, always forwards in time."""
    hidden, unit = _checked(shape, widths, cell, fold, symbols)
    hidden = hidden[::-1]
    rows = outputs if symbols else outputs * shape[0]

    def make() -> nn.Module:
        layers = [unit(CLOCK, hidden[0], told=code_shape[0]), *(unit(a, b) for a, b in itertools.pairwise(hidden))]
        beside = outward(code_shape[0], shape[0], outputs) if symbols else straight(code_shape[0], shape, outputs)
        whole = RecurrentDecoder(layers, nn.Linear(hidden[-1], rows * fold), beside, (rows, shape[-1]), fold)
        return nn.Sequential(whole, nn.Flatten()) if symbols else whole

    return make() if members == 1 else Members(make, members)


def start(model: Model, batch: Batch) -> None:
    """Set the linear path to the PCA of `batch`."""
    (start_straight if batch.x.is_floating_point() else start_texts)(model, batch)


def _turned(x: Tensor, turn: Turn | None) -> Tensor:
    """The steps of (T, C, B) from last to first."""
    return x.flip(0) if turn is None else turn.take(x, turn.back)


def _folded(x: Tensor, fold: int) -> Tensor:
    """Samples (B, C, T) as steps (T / fold, C * fold, B), the last one filled up with zeros."""
    whole = pad(x, (0, -x.shape[2] % fold)).unflatten(2, (-1, fold))
    return whole.permute(2, 1, 3, 0).flatten(1, 2).contiguous()  # type: ignore[no-any-return]


def _clock(steps: int, like: Tensor) -> Tensor:
    """Waves that tell the time, (T, 1, CLOCK, 1), from half a wave in all steps to one in two steps (Vaswani et al. 2017)."""
    lengths = torch.linspace(math.log(2 * steps), math.log(2), CLOCK // 2, dtype=like.dtype, device=like.device).exp()
    angles = 2 * math.pi * torch.arange(steps, dtype=like.dtype, device=like.device)[:, None] / lengths
    return torch.cat([angles.sin(), angles.cos()], 1)[:, None, :, None]


def _checked(shape: Sequence[int], widths: Sequence[int] | int, cell: str, fold: int, symbols: int) -> tuple[list[int], Any]:
    """The widths as a list, and the sort of unit; what does not work raises `BadOption`."""
    if len(shape) != 2 and not (symbols and len(shape) == 1):
        raise BadOption(
            "recurrent works on series and sound (channels, time) and on text; these samples have shape "
            f"{tuple(shape)}; use network={'conv' if len(shape) > 2 else 'dense'!r}"
        )
    if not isinstance(cell, str) or cell not in CELLS:
        raise BadOption(f"recurrent has no cell={cell!r}: {did_you_mean(str(cell), CELLS)}")
    if isinstance(fold, bool) or not isinstance(fold, int) or not 1 <= fold <= shape[-1]:
        raise BadOption(f"fold={fold!r}: give the steps that are read at once, a whole number from 1 to {shape[-1]}")
    return checked_widths(widths, 1), CELLS[cell]
