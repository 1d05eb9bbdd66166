"""What a report looks at: rows, and what the network made of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["Seen", "choose", "look", "square_error", "take", "unlike"]

AT_ONCE = 1e6  # elements per pass: what a picture network spreads out in memory is a hundred times this


class Seen(NamedTuple):
    """Rows and what came back: `x`, `back` (n, D); `mask` (n, D) or None; `z` (n, code); `loss`, `cost` (n,) in nats."""

    x: Tensor
    mask: Tensor | None
    back: Tensor
    z: Tensor
    loss: Tensor
    cost: Tensor

    def rows(self, keep: Tensor) -> Seen:
        """The rows `keep` alone."""
        return Seen(*(None if part is None else part[keep] for part in self))  # type: ignore[arg-type]


def choose(count: int, limit: int, affordable: float, seed: int) -> Tensor:
    """Numbers of at most `limit` rows out of `count`, by chance, in order; fewer (but 100) where no more are affordable."""
    limit = min(limit, max(100, int(affordable)))
    if count <= limit:
        return torch.arange(count)
    return torch.from_numpy(np.sort(np.random.default_rng(seed).choice(count, limit, replace=False)))


def take(batch: Batch, rows: Tensor | slice) -> Batch:
    """The samples `rows` of a batch."""
    return batch.__getitem__(rows)


def look(model: Model, batch: Batch) -> Seen:
    """Pass rows through the network, in pieces that fit in memory. The model must be in `eval` mode."""
    first = next(model.parameters())
    size = max(16, int(AT_ONCE / max(batch.x[0].numel(), 1)))
    pieces = []
    for start in range(0, batch.count, size):
        here = take(batch, slice(start, start + size))
        x = here.x.to(first.device, first.dtype) if here.x.is_floating_point() else here.x.to(first.device)
        mask = None if here.mask is None else here.mask.to(first.device)
        pieces.append(_one(model, Batch(x, mask, here.condition)))
    x_all, _, back, z, loss, cost = (torch.cat(parts) if parts[0] is not None else None for parts in zip(*pieces, strict=True))
    flat = None if batch.mask is None else batch.mask.flatten(1).cpu()
    return Seen(x_all, flat, back, z, loss, cost)  # type: ignore[arg-type]


def _one(model: Model, batch: Batch) -> Seen:
    """One pass; several members are averaged, codes are the first one's."""
    with torch.no_grad():
        code, output, goal = model.forward(batch)
        back = model.mean(model.loss.data(output))  # type: ignore[operator]
        loss, cost = model.mean(model.loss(output, goal.x, goal.mask)), model.mean(code.cost)
    z = model.first(code.z).flatten(1)
    found = (batch.x.flatten(1), back.flatten(1), z, loss, cost)
    x, back, z, loss, cost = (part.detach().cpu() for part in found)
    return Seen(x, None, back, z, loss, cost)


def square_error(x: Tensor, back: Tensor, mask: Tensor | None) -> Tensor:
    """Mean squared difference over the real elements of each row, (n,).

    >>> square_error(torch.tensor([[1.0, 5.0]]), torch.zeros(1, 2), torch.tensor([[True, False]]))
    tensor([1.])
    """
    square = (x - back).square()
    if mask is None:
        return square.mean(1)
    return torch.where(mask, square, 0.0).sum(1) / mask.sum(1).clamp(min=1)


def unlike(model: Model, batch: Batch, seed: int) -> Batch:
    """Rows as the training data are not: same values in each column, yet no row hangs together.

    In tables every column is shuffled by itself (a one-hot field as a whole); anything with places (pictures, series) becomes uniform
    noise with the mean and variance that each element has in `batch`.
    """
    random = np.random.default_rng(seed)
    if batch.x.dim() > 2 and batch.x.is_floating_point():
        noise = torch.from_numpy(random.uniform(-1, 1, tuple(batch.x.shape))).to(batch.x.dtype)
        return Batch(batch.x.mean(0) + 3**0.5 * batch.x.std(0, correction=0) * noise, batch.mask, batch.condition)
    x, mask = batch.x.clone(), None if batch.mask is None else batch.mask.clone()
    for columns in _fields(model, x.shape[1]):
        order = torch.from_numpy(random.permutation(batch.count))
        x[:, columns] = batch.x[order, columns]
        if mask is not None and batch.mask is not None:
            mask[:, columns] = batch.mask[order, columns]
    return Batch(x, mask, batch.condition)


def _fields(model: Model, width: int) -> list[slice]:
    """What is shuffled together: one number, or all of a one-hot field."""
    found: list[slice] = []
    for sort, start, size in model.facts.get("fields") or [["number", 0, width]]:
        whole = sort == "category"
        found += [slice(start, start + size)] if whole else [slice(i, i + 1) for i in range(start, start + size)]
    return found
