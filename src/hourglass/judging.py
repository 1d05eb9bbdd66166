"""How good a network is on samples that it was not trained on."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hourglass.layers.members import per_member
from hourglass.layers.scale import Scale
from hourglass.layers.variance import Variance
from hourglass.model import Model, Passed
from hourglass.parts import Batch

__all__ = ["FEW", "LEAST", "Judgement", "judge", "most"]

FEW = 50  # held-out samples, of which every one counts
ROWS, NUMBERS = 2048, 1 << 24  # samples, and numbers that the network says of them, that are looked at, at most
CHUNK, LEAST = 1 << 18, 64


class Judgement(NamedTuple):
    """Loss and cost in nats per sample, and the loss with the variance that suits these samples."""

    loss: float
    cost: float
    suited: nn.Module


def judge(model: Model, held_out: Batch, spoil: Callable[[Batch], tuple[Batch, Batch]] = lambda batch: (batch, batch)) -> Judgement:
    """Loss and cost on held-out samples, damaged as in training, each learned variance being the one that suits them.

    Under the variance of the training errors, which fall faster, the loss would rise while the held-out error itself still falls: the
    best weights would be taken too early (measured: 5 % more error on digits). The hundredth of the samples with the largest loss is left
    out: one wild row would else decide.
    """
    seen = held_out[: most(model)]
    size = max(LEAST, CHUNK // model.input_size)
    damaged, asked = spoil(seen)
    with torch.no_grad(), _drawn(model.bottleneck):
        passed = [model.forward(damaged[at : at + size], asked[at : at + size]) for at in range(0, seen.count, size)]

        def rows(field: Callable[[Passed], Tensor]) -> Tensor:
            return torch.cat([per_member(field(each), model.members) for each in passed], 1)  # (M, B, ...)

        output, target, cost = rows(lambda each: each.output), rows(lambda each: each.target.x), rows(lambda each: each.code.cost)
        mask = None if seen.mask is None else rows(lambda each: each.target.mask)  # type: ignore[arg-type, return-value]
        given = [per_member(part, model.members) for part in model.shown(damaged)]
        known = [None if part is None else part.flatten(0, 1) for part in (output, target, mask, *given)]
        total = per_member(model.loss(*known), model.members) + cost
        wild = math.ceil(seen.count / 100) if seen.count >= FEW else 0
        tame = total.mean(0).topk(seen.count - wild, largest=False, sorted=False).indices
        suited = _fresh(model.loss)
        kept = [None if part is None else part[:, tame].flatten(0, 1) for part in (output, target, mask, *given)]
        loss = suited(*kept).double().mean()
    return Judgement(float(loss), float(cost[:, tame].double().mean()), suited.train(False))


def most(model: Model) -> int:
    """Samples that are looked at, at most: fewer where much is said of each, as of every symbol of a text."""
    return min(ROWS, max(LEAST, NUMBERS // model.output_size))


@contextmanager
def _drawn(bottleneck: nn.Module) -> Iterator[None]:
    """Codes are drawn, each time alike, where they are drawn in training: their mean tells more than their cost covers.

    Judged by the mean, a variational autoencoder's start (PCA, and nothing paid) was kept on small tables, whatever came after it.
    """
    draws: Any = bottleneck if hasattr(bottleneck, "chance") else None
    if draws is not None:
        draws.chance = torch.Generator().manual_seed(0)
    try:
        yield
    finally:
        if draws is not None:
            draws.chance = None


def _fresh(loss: nn.Module) -> nn.Module:
    """A copy whose learned variances begin anew, ready to take in what it is shown."""
    fresh = copy.deepcopy(loss).train()
    for module in fresh.modules():
        if isinstance(module, Variance | Scale):
            module.batches.zero_()
    return fresh
