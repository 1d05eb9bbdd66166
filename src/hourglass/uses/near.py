"""Distances to the nearest of some reference rows: exact, fast on one processor, and only over what both rows really have."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["References", "bent", "distances", "unbent"]

BEND = 2.0  # usual sizes beyond which a difference grows with the logarithm. M: +2 points of average precision on 16 tables
GROUP = 20  # references whose least distance is looked at first: the nearest K lie in the K groups with the least. M: 1.4 times as fast
ROWS = 256  # at a time: their distances to 2,000 references stay in the processor's cache
FAR = 1e30  # a squared distance that nothing has


class References(NamedTuple):
    """Rows to compare with: `points` (R, P), and which of their numbers are `real` (R, P), None where all are."""

    points: Tensor
    real: Tensor | None = None


def bent(x: Tensor) -> Tensor:
    """Numbers whose excess over `BEND` is replaced by its logarithm, so that one wild element does not decide alone.

    >>> bent(torch.tensor([-1.5, 3.0]))
    tensor([-1.5000,  2.6931])
    """
    near = x.clamp(-BEND, BEND)
    return near + x.sign() * (x.abs() - BEND).clamp_min_(0).log1p_()


def unbent(x: Tensor) -> Tensor:
    """Undo `bent`.

    >>> unbent(bent(torch.tensor([-1.5, 3.0])))
    tensor([-1.5000,  3.0000])
    """
    near = x.clamp(-BEND, BEND)
    return near + x.sign() * (x.abs() - BEND).clamp_min(0).expm1()


def distances(asked: References, known: References, count: int, own: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Distances (B, K) to the `count` nearest references, in no order, and their numbers (B, K); fewer where there are fewer.

    `own` (B,): the number of the reference that is the row itself and does not count, -1 where none is.
    """
    count = max(1, min(count, len(known.points) - (own is not None)))
    squares: list[Tensor] = []
    found: list[Tensor] = []
    for at in range(0, max(1, len(asked.points)), ROWS):
        part = References(asked.points[at : at + ROWS], None if asked.real is None else asked.real[at : at + ROWS])
        square = _squares(part, known)
        if own is not None:
            mine = own[at : at + ROWS]
            rows = torch.nonzero(mine >= 0).flatten()
            square[rows, mine[rows]] = FAR
        least, places = _least(square, count)
        squares.append(least)
        found.append(places)
    return torch.cat(squares).clamp_min_(0).sqrt_(), torch.cat(found)


def _squares(asked: References, known: References) -> Tensor:
    """Squared distances (B, R), in one multiplication where nothing is missing, in three where something is.

    Of rows that share only some elements, the distance is scaled up to all; rows that share none are far.
    """
    a, b = asked.points, known.points
    if asked.real is None and known.real is None:
        return torch.addmm((b * b).sum(1), a, b.T, alpha=-2).add_((a * a).sum(1, keepdim=True))
    here, there = (_weights(each) for each in (asked, known))
    square = (a * a) @ there.T - 2 * (a @ b.T) + here @ (b * b).T
    shared = here @ there.T
    return torch.where(shared > 0, square * (a.shape[1] / shared.clamp_min(1)), FAR)


def _weights(rows: References) -> Tensor:
    return torch.ones_like(rows.points) if rows.real is None else rows.real.to(rows.points.dtype)


def _least(square: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` least of each row (B, K), in no order, and where they are."""
    rows, width = square.shape
    groups = width // GROUP
    if groups < 4 * count:
        found = square.topk(count, largest=False, sorted=False)
        return found.values, found.indices
    whole = groups * GROUP
    split = square[:, :whole].unflatten(1, (GROUP, groups))
    best = split.amin(1).topk(count, largest=False, sorted=False).indices  # (B, K)
    places = best[:, None] + groups * torch.arange(GROUP, device=square.device)[:, None]  # (B, GROUP, K)
    places = torch.cat([places.flatten(1), torch.arange(whole, width, device=square.device).expand(rows, -1)], 1)
    some = square.gather(1, places)
    chosen = some.topk(count, largest=False, sorted=False).indices
    return some.gather(1, chosen), places.gather(1, chosen)
