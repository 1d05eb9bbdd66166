"""What training lowers: loss plus cost of damaged samples, and beside it what the rival of an adversarial bottleneck lowers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from hourglass.batches import shuffler
from hourglass.budget import Data
from hourglass.flat import Lower, Objective
from hourglass.layers.processor import fast_bfloat16
from hourglass.model import Model
from hourglass.parts import Batch, Part, find, options_for

__all__ = ["Spoiler", "autocast", "lowered", "moved", "parted", "spoiler"]

Spoiler = Callable[[Batch], tuple[Batch, Batch]]


def lowered(model: Model, spoil: Spoiler) -> Lower:
    """`lower(batch, fraction) -> loss, cost` in nats per sample, summed over members, of damaged samples against undamaged ones."""
    members, narrow, bottleneck = model.members, autocast(model), model.bottleneck

    def lower(batch: Batch, fraction: float) -> tuple[Tensor, Tensor]:
        if hasattr(bottleneck, "progress"):
            bottleneck.progress = fraction  # type: ignore[assignment]
        with narrow():
            loss, cost = model.nats(*spoil(batch))
        extra = getattr(bottleneck, "extra", None)  # terms that are no nats: lowered, but told nowhere
        loss = loss.mean() if extra is None else loss.mean() + (extra.mean() - extra.mean().detach())
        return loss * members, cost.mean() * members

    return lower


def parted(model: Model, spoil: Spoiler) -> tuple[list[nn.Parameter], list[Objective]]:
    """The network's own weights, and the rival's objective where the bottleneck has one: it learns beside, from codes it cannot change."""
    weights, found = list(model.parameters()), getattr(model.bottleneck, "rival", lambda: None)()
    if found is None:
        return weights, []
    theirs, against = found
    narrow, apart = autocast(model), set(map(id, theirs))

    def oppose(batch: Batch, fraction: float) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), narrow():
            z = model.encode(spoil(batch)[0]).z
        return against(z), z.new_zeros(())

    return [weight for weight in weights if id(weight) not in apart], [Objective(theirs, [], oppose)]


class Moved:
    """Data whose samples are changed anew whenever they are drawn, by chance that follows from the seed, epoch and batch alone."""

    def __init__(self, data: Data, change: Callable[[Tensor, torch.Generator], Tensor], shape: Sequence[int], seed: int) -> None:
        self.data, self.change, self.shape, self.seed = data, change, tuple(shape), seed

    def steps(self) -> int:
        """Batches in an epoch."""
        return self.data.steps()

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from number `skip` on."""
        for number, batch in enumerate(self.data.batches(epoch, skip), skip):
            changed = self.change(batch.x.reshape(-1, *self.shape), shuffler(self.seed, 7, epoch, number))
            changed = changed.reshape(batch.x.shape)
            yield batch.with_x(changed if batch.mask is None else changed * batch.mask)


def moved(data: Data, text: str, shape: Sequence[int], seed: int) -> Data:
    """The data as they are, or, where the spoil changes the target as well (moves, drift), changed as they are drawn."""
    part = Part.parse(text)
    if not _targeted(part):
        return data
    function = find("spoils", part.name).spoil
    (options,) = options_for(part, function)
    return Moved(data, lambda x, generator: function(x, generator, **options), shape, seed)


def _targeted(part: Part) -> bool:
    """Whether the target is changed as well; a spoil with the option `back` then leaves it as it was."""
    if part.name == "none" or not getattr(module := find("spoils", part.name), "TARGET", False):
        return False
    (options,) = options_for(part, module.spoil)
    return not options.get("back", False)


def changer(text: str, generator: torch.Generator) -> Callable[[Batch], Batch]:
    """A function that changes what a network is shown of a batch as a spoil does; what it is asked for is the caller's."""
    part = Part.parse(text)
    module = find("spoils", part.name)
    (options,) = options_for(part, module.spoil)

    def change(batch: Batch) -> Batch:
        made = module.spoil(batch.x, generator, **options)
        made = made[0] if isinstance(made, tuple) else made
        return batch.with_x(made if batch.mask is None else made * batch.mask)

    return change


def spoiler(text: str, generator: torch.Generator, model: Model | None = None) -> Spoiler:
    """A function that gives what the network is shown of a batch, damaged as the setting says, and what it is asked for.

    That is the batch as it was, but where the spoil makes pairs (neighbours), and where its condition is another look at the same.
    Missing elements stay 0. Of the tables of a `model` the spoil mask takes whole cells.
    """
    part = Part.parse(text)
    if part.name == "none" or _targeted(part):
        return lambda batch: (batch, batch if batch.condition is None else Batch(batch.condition, batch.mask))
    module = find("spoils", part.name)
    (options,) = options_for(part, module.spoil)
    damage = module.spoil
    if model is not None and hasattr(module, "in_cells") and hasattr(kind := find("kinds", model.kind), "cells"):
        damage, options = module.in_cells, {**options, "cells": kind.cells(model.facts)}

    def spoil(batch: Batch) -> tuple[Batch, Batch]:
        made = damage(batch.x, generator, **options)
        if isinstance(made, tuple):
            return batch.with_x(made[0]), batch.with_x(made[1])
        return batch.with_x(made if batch.mask is None else made * batch.mask), batch

    return spoil


def autocast(model: Model) -> Any:
    """Larger pictures compute in bfloat16 where the processor has it (measured 2.3 times as fast at 64 x 64, no gain at 28 x 28)."""
    if len(model.shape) >= 3 and math.prod(model.shape[1:]) > 32 * 32 and fast_bfloat16():
        return lambda: torch.autocast("cpu", dtype=torch.bfloat16)
    return nullcontext
