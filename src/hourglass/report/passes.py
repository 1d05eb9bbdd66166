"""What a report looks at: rows, and what the network made of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hourglass.model import Model
from hourglass.objectives import spoiler
from hourglass.parts import Batch, Part, find, options_for

__all__ = ["Seen", "choose", "look", "spoiled", "square_error", "take", "unlike"]

AT_ONCE = 1e6  # elements per pass: what a picture network spreads out in memory is a hundred times this


class Seen(NamedTuple):
    """Rows and what came back: `x`, `back` (n, D); `mask` (n, D) or None; `z` (n, code); `loss`, `cost` (n,) in nats.

    `alone` (n, D) is what came back from the code alone, where the decoder sees more than the code; else None.
    """

    x: Tensor
    mask: Tensor | None
    back: Tensor
    z: Tensor
    loss: Tensor
    cost: Tensor
    alone: Tensor | None = None

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
    whole = Seen(*(torch.cat(parts) if parts[0] is not None else None for parts in zip(*pieces, strict=True)))  # type: ignore[arg-type]
    return whole._replace(mask=None if batch.mask is None else batch.mask.flatten(1).cpu())


def _one(model: Model, batch: Batch) -> Seen:
    """One pass; several members are averaged, codes are the first one's."""
    with torch.no_grad():
        code, output, goal = model.forward(batch)
        back = model.mean(model.loss.data(output))  # type: ignore[operator]
        alone = model.mean(model.loss.data(model.decode(code.z))) if code.beside else None  # type: ignore[operator]
        loss, cost = model.mean(model.loss(output, goal.x, goal.mask)), model.mean(code.cost)
    z = model.first(code.z).flatten(1)
    found = (batch.x.flatten(1), back.flatten(1), z, loss, cost)
    x, back, z, loss, cost = (part.detach().cpu() for part in found)
    return Seen(x, None, back, z, loss, cost, None if alone is None else alone.flatten(1).detach().cpu())


def spoiled(model: Model, batch: Batch, seed: int) -> Batch | None:
    """The samples damaged as in training; None where training damages nothing."""
    part = Part.parse(model.settings.get("spoil") or "none")
    if part.name == "none" or not batch.x.is_floating_point():
        return None
    module, generator = find("spoils", part.name), torch.Generator().manual_seed(seed)
    if getattr(module, "PAIR", False):  # nothing is damaged: the samples have their noise already
        return None
    if hasattr(module, "in_cells"):
        return spoiler(str(part), generator, model)(batch)[0]
    options = options_for(part, module.spoil)[0]
    damaged = module.spoil(batch.x, generator, **options)
    return batch.with_x(damaged if batch.mask is None else damaged * batch.mask)


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

    In tables every column is shuffled by itself (a one-hot field as a whole), in texts all letters are; anything else with places
    (pictures, series) becomes uniform noise with the mean and variance that each element has in `batch`.
    """
    random = np.random.default_rng(seed)
    if not batch.x.is_floating_point():
        return batch.with_x(_shuffled(model, batch, random))
    if batch.x.dim() > 2:
        noise = torch.from_numpy(random.uniform(-1, 1, tuple(batch.x.shape))).to(batch.x.dtype)
        mean, spread = _moments(batch)
        odd = mean + 3**0.5 * spread * noise
        return batch.with_x(odd if batch.mask is None else odd * batch.mask)
    x, mask = batch.x.clone(), None if batch.mask is None else batch.mask.clone()
    for columns in _fields(model, x.shape[1]):
        order = torch.from_numpy(random.permutation(batch.count))
        x[:, columns] = batch.x[order, columns]
        if mask is not None and batch.mask is not None:
            mask[:, columns] = batch.mask[order, columns]
    return Batch(x, mask, batch.condition)


def _moments(batch: Batch) -> tuple[Tensor, Tensor]:
    """Mean and spread of each element, over the rows where it is real."""
    if batch.mask is None:
        return batch.x.mean(0), batch.x.std(0, correction=0)
    real = batch.mask.sum(0).clamp(min=1)
    mean = batch.x.sum(0) / real
    return mean, (((batch.x - mean).square() * batch.mask).sum(0) / real).sqrt()


def _shuffled(model: Model, batch: Batch, random: np.random.Generator) -> Tensor:
    """Texts (B, T) of the same lengths, all their letters in another order; the last symbol of all, which ends a text, stays."""
    letters = batch.x != int(model.facts["symbols"]) - 1
    letters = letters if batch.mask is None else letters & batch.mask
    found = batch.x[letters]
    x = batch.x.clone()
    x[letters] = found[torch.from_numpy(random.permutation(len(found)))]
    return x


def _fields(model: Model, width: int) -> list[slice]:
    """What is shuffled together: one number, or all of a one-hot field."""
    found: list[slice] = []
    for sort, start, size in model.facts.get("fields") or [["number", 0, width]]:
        whole = sort == "category"
        found += [slice(start, start + size)] if whole else [slice(i, i + 1) for i in range(start, start + size)]
    return found
