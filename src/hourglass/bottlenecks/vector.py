"""A code of symbols: each group of units becomes an entry of a table, so that a code is a few whole numbers and has an exact length.

The cost is that length: the negative log of each symbol's share among those used of late, as a coder with that table would pay; about
log(entries) for each where all are used alike. Gradients pass as if nothing had been rounded. `learned` entries suit the data (van den
Oord et al. 2017; in several stages, Zeghidour et al. 2021), `scalar` ones are a grid and need no learning (Mentzer et al. 2023). A flat
code is cut into groups of up to 4 units, a spatial one has one learned vector for every place. Not for anomalies or features, where
rounding only loses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hourglass.bottlenecks._chance import chosen, without_extra
from hourglass.bottlenecks._codebook import Codebook
from hourglass.bottlenecks._levels import Levels, levels_for
from hourglass.bottlenecks._normal import checked
from hourglass.errors import BadOption
from hourglass.layers.members import per_member
from hourglass.parts import Code

inputs = 1
MOST, WIDE = 65_536, 4
WHAT = "give more groups, or a larger codebook"
MEMORY = 0.99  # of the counts of symbols, each batch


class Vector(nn.Module):
    """h (B, size, ...) to codes made of entries; symbols (B, groups * stages, ...), a group's stages side by side."""

    counts: Tensor
    extra: Tensor | None = None
    __getstate__ = without_extra

    def __init__(self, code_shape: Sequence[int], groups: int, table: Codebook | Levels, commitment: float, members: int) -> None:
        super().__init__()
        self.code_shape, self.groups, self.members = tuple(code_shape), groups, members
        self.table, self.commitment = table, commitment
        stages, entries = (table.stages, table.entries) if isinstance(table, Codebook) else (1, math.prod(table.levels))
        self.register_buffer("counts", torch.ones(members * groups, stages, entries))
        self.generator: torch.Generator | None = None  # set by the loop

    def forward(self, h: Tensor, encode: Callable[..., Tensor] | None = None) -> Code:
        """h (B, size, ...) to Code(z, cost (B,) in nats, symbols)."""
        self.extra = None
        with torch.autocast(h.device.type, enabled=False), torch.no_grad():
            rows, numbers = self.table(self._apart(h), self.generator)
            symbols = self._together(numbers.mT, h.shape)  # the stages where the width of a vector would be
            cost = -self._shares().log().gather(2, numbers)
            met = self._together(rows, h.shape)
            nats = self._together(cost.sum(1)[..., None], h.shape).flatten(1).sum(1).to(h.dtype)
        if not self.training:
            return Code(met, nats, symbols)
        self._count(numbers)
        self.extra = self._commitment(h, met)
        return Code(h + (met - h).detach(), nats, symbols)

    @property
    def entries(self) -> int:
        """How many symbols there are in each place."""
        return self.counts.shape[-1]

    def vectors(self, symbols: Tensor) -> Tensor:
        """Codes (B, *code_shape) of symbols (B, groups * stages, ...)."""
        rows = self.table.vectors(self._apart(symbols).mT)
        return self._together(rows, symbols.shape)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` codes (count, *code_shape), each symbol drawn as often as it was used of late; with members the first one's."""
        shares = self._shares()[: self.groups].flatten(0, 1)  # (groups * stages, entries)
        places = math.prod(self.code_shape[1:])
        symbols = chosen(shares, count * places, generator).reshape(-1, count, places).transpose(0, 1)
        return self.vectors(symbols.repeat(self.members, 1, 1).reshape(self.members * count, -1, *self.code_shape[1:]))[:count]

    def _apart(self, h: Tensor) -> Tensor:
        """(M * B, units, ...) to vectors (M * groups, B * places, units of a group)."""
        split = h.reshape(self.members, -1, self.groups, h.shape[1] // self.groups, math.prod(h.shape[2:]))  # (M, B, groups, width, places)
        return split.permute(0, 2, 1, 4, 3).flatten(2, 3).flatten(0, 1)

    def _together(self, rows: Tensor, shape: Sequence[int]) -> Tensor:
        """The opposite of `_apart`, for codes or symbols of which `shape` tells rows and places."""
        split = rows.reshape(self.members, self.groups, shape[0] // self.members, -1, rows.shape[2])  # (M, groups, B, places, width)
        return split.permute(0, 2, 1, 4, 3).reshape(shape[0], -1, *shape[2:])

    def _shares(self) -> Tensor:
        """How often each entry is used, never 0: half a count is added to each (Krichevsky and Trofimov 1981)."""
        counts = self.counts + 0.5
        return counts / counts.sum(-1, keepdim=True)

    def _count(self, numbers: Tensor) -> None:
        """Remember how often each symbol was used."""
        self.counts.mul_(MEMORY).scatter_add_(2, numbers, torch.ones_like(numbers, dtype=self.counts.dtype))

    def _commitment(self, h: Tensor, met: Tensor) -> Tensor | None:
        """The squared distance to the entries in units of the code's variance, (B,): pulls the encoder towards them."""
        if self.commitment == 0 or not isinstance(self.table, Codebook):
            return None
        rows = per_member(h.detach(), self.members).flatten(2)
        variance = (rows - rows.mean(1, keepdim=True)).square().mean((1, 2)).clamp_min(1e-12)
        away = per_member((h - met.detach()).square().flatten(1).sum(1), self.members)
        return self.commitment * (away / variance[:, None]).flatten()


def bottleneck(
    code_shape: Sequence[int],
    *,
    codebook: int = 256,
    stages: int = 1,
    style: str = "learned",
    groups: int | str = "auto",
    levels: Sequence[int] | None = None,
    commitment: float = 3.0,
    members: int = 1,
) -> nn.Module:
    """`codebook`: entries for each stage; `stages`: each refines what the ones before left; `style`: learned or scalar.

    `groups`: symbols (of each stage) that a code is made of; `levels`: those of each unit of a group, for `scalar`; `commitment`: weight of
    the pull towards the entries, for `learned`.
    """
    (commitment,) = checked("vector", {"commitment": (commitment, math.inf)})
    for name, value, least, most in (("codebook", codebook, 2, MOST), ("stages", stages, 1, 64)):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise BadOption(f"vector:{name}={value!r}: give a whole number from {least} to {most}")
    if style not in ("learned", "scalar"):
        raise BadOption(f"vector:style={style!r}: give learned or scalar")
    if style == "learned" and levels is not None:
        raise BadOption("vector:levels are those of style=scalar; learned entries are counted by codebook, such as vector:codebook=256")
    count = _groups(code_shape, groups, style, levels)
    width = code_shape[0] // count
    if style == "learned":
        table: Codebook | Levels = Codebook(members * count, stages, codebook, width)
    else:
        table = Levels(members * count, _levels(levels, codebook, stages, width))
    return Vector(code_shape, count, table, commitment, members)


def _groups(code_shape: Sequence[int], groups: int | str, style: str, levels: Sequence[int] | None) -> int:
    """How many groups the units are divided into."""
    size = code_shape[0]
    if groups == "auto" and isinstance(levels, list | tuple) and levels and size % len(levels) == 0:
        return size // len(levels)
    if groups == "auto" and style == "learned" and len(code_shape) > 1:
        return 1
    if groups == "auto":
        return size // max(width for width in range(1, WIDE + 1) if size % width == 0)
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1 or size % groups:
        allowed = ", ".join(str(number) for number in range(1, size + 1) if size % number == 0)
        raise BadOption(f"vector:groups={groups!r}: a code of {size} units can be divided into {allowed} groups")
    return groups


def _levels(levels: Sequence[int] | None, codebook: int, stages: int, width: int) -> list[int]:
    """The levels of each unit of a group, else `BadOption`."""
    if stages != 1:
        raise BadOption("vector:stages are those of style=learned; scalar levels have one stage: give more levels")
    if levels is None:
        levels = levels_for(codebook, width)
        if math.prod(levels) > codebook:
            raise BadOption(
                f"vector:codebook={codebook} is too small for groups of {width} units, which have 2 levels each at least: {WHAT}"
            )
    sound = isinstance(levels, list | tuple) and all(type(level) is int and level >= 2 for level in levels)
    if not sound or len(levels) != width or math.prod(levels) > MOST:
        raise BadOption(
            f"vector:levels={levels!r}: give one number from 2 on for each of the {width} units of a group, such as "
            f"levels={[4] * min(width, 8)}, which multiply to at most {MOST}; groups= sets how many units a group has"
        )
    return list(levels)
