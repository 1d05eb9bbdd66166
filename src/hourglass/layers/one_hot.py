"""Linear paths from texts to codes and back, which start at the PCA of one-hot symbols.

A linear map of one-hot symbols is the sum of a vector for each symbol at its place, so that these rows, as wide as places times symbols,
are never made.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from hourglass.layers.principal import lead
from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["OneHot", "components", "inward", "outward", "start_paths", "start_texts", "weights"]

HEAVY = 8_000_000  # weights of a path: more would take longer than all other layers
MORE, ROUNDS = 16, 4  # directions beside those asked for, and passes over the samples, after which the leading ones stand still
ROWS, PLACES = 4096, 1 << 20  # samples, and places in all of them, that PCA looks at
JUDGED = 256  # samples on which it is judged how sure the reconstruction may be
SCALES = [2.0 ** (step / 2) for step in range(2, 15)]


class OneHot(nn.Module):
    """Texts (B, T) to (B, code_size): a linear layer on one-hot symbols, without making them. What `mask` leaves out adds nothing."""

    def __init__(self, symbols: int, length: int, code_size: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(length)
        self.symbols = symbols
        self.weight = nn.Parameter(torch.empty(length * symbols, code_size).uniform_(-bound, bound))  # symbols of a place are neighbours
        self.bias = nn.Parameter(torch.zeros(code_size))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T) whole numbers, and perhaps a mask (B, T), to (B, code_size)."""
        return self.bias + _summed(x, mask, self.weight, self.symbols)


def weights(code_size: int, length: int, symbols: int) -> int:
    """How much a path weighs; those to small codes as much as it takes to find them."""
    return length * symbols * max(code_size, MORE)


def inward(code_size: int, length: int, symbols: int) -> OneHot | None:
    """The path from texts to the code, where it is not too heavy."""
    return OneHot(symbols, length, code_size) if weights(code_size, length, symbols) <= HEAVY else None


def outward(code_size: int, length: int, symbols: int) -> nn.Linear | None:
    """The path back: codes (B, code_size) to (B, symbols * T), which is (B, symbols, T) flattened."""
    return nn.Linear(code_size, length * symbols) if weights(code_size, length, symbols) <= HEAVY else None


def start_texts(model: Model, batch: Batch) -> None:
    """Set the paths of text networks whose encoder and decoder have `beside` and `last` to the PCA of `batch`."""
    enters: Any = getattr(model.encoder, "each", [model.encoder])
    leaves: Any = getattr(model.decoder, "each", [model.decoder])
    for enter, leave in zip(enters, leaves, strict=True):
        start_paths(model, batch, (enter.beside, enter.last), (leave[0].beside, leave[0].last))


@torch.no_grad()
def start_paths(model: Model, batch: Batch, enter: tuple[Any, Any], leave: tuple[Any, Any]) -> None:
    """Set two paths to the PCA of texts: standardised scores into the code, and out of it logits that are the reconstruction, scaled.

    The likeliest symbol of each place is then PCA's. `enter` and `leave` are each the path and the last layer it stands beside, made small.
    """
    if enter[0] is None or leave[0] is None or batch.count < 2:
        return
    symbols = enter[0].symbols
    judged = batch[-min(JUDGED, -(-batch.count // 5)) :]
    mean, rows, spread = components(batch[: batch.count - judged.count], symbols, model.code_size)
    into, out = (rows / spread[:, None]).T, (rows * spread[:, None]).T
    _put(enter[0], into, -mean @ into)
    enter[1].weight.mul_(0.01)  # its inputs are as large as the code, and a code that is a little off spells other words
    enter[1].bias.zero_()
    out, mean = (part.unflatten(0, (-1, symbols)).transpose(0, 1).flatten(0, 1) for part in (out, mean))  # as losses want it
    lead(*leave, *_scaled(model, judged, enter[0], out, mean))


def components(batch: Batch, symbols: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (P,), the first `count` principal directions (count, P), and their spreads, of one-hot texts of P = places * symbols columns.

    By a randomised search (Halko et al. 2011) over some thousands of texts, in float64. Directions beyond the rank of the texts are zero.
    """
    some = batch[: max(16, min(ROWS, PLACES // batch.x.shape[1]))]
    x, real = some.x, torch.ones_like(some.x, dtype=torch.bool) if some.mask is None else some.mask
    width = x.shape[1] * symbols
    mean = _back(x, real, real.new_ones(len(x), 1, dtype=torch.float64), symbols)[:, 0] / len(x)
    rows = torch.randn(width, min(count + MORE, len(x), width), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for _ in range(ROUNDS):
        rows, _ = torch.linalg.qr(rows)
        scores, _ = torch.linalg.qr(_summed(x, real, rows, symbols) - mean @ rows)
        rows = _back(x, real, scores, symbols) - torch.outer(mean, scores.sum(0))
    left, sizes, _ = torch.linalg.svd(rows, full_matrices=False)
    kept = sizes[:count] > 1e-5 * sizes[0].clamp_min(1e-15)
    found, spread = rows.new_zeros(count, width), rows.new_ones(count)
    found[: len(kept)] = left[:, :count].T * kept[:, None]
    spread[: len(kept)] = torch.where(kept, sizes[:count] / math.sqrt(len(x)), 1.0)
    return mean, found, spread


def _summed(x: Tensor, mask: Tensor | None, vectors: Tensor, symbols: int) -> Tensor:
    """One-hot texts (B, T) times vectors (T * symbols, K): (B, K)."""
    x = x if mask is None else torch.where(mask, x, 0)
    places = symbols * torch.arange(x.shape[1], device=x.device) + x
    return embedding_bag(places, vectors, mode="sum", per_sample_weights=None if mask is None else mask.to(vectors.dtype))


def _back(x: Tensor, real: Tensor, scores: Tensor, symbols: int) -> Tensor:
    """One-hot texts (B, T), transposed, times scores (B, K): (T * symbols, K), place by place to spare memory."""
    found = scores.new_zeros(x.shape[1], symbols, scores.shape[1])
    for place, here in enumerate(found):
        here.index_add_(0, x[real[:, place], place], scores[real[:, place]])
    return found.flatten(0, 1)


def _scaled(model: Model, judged: Batch, path: OneHot, out: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of the way out: the reconstruction times the scale that is likeliest for texts it was not made from."""
    z = path(judged.x, judged.mask)[:, : len(out.T)]
    logits = z @ out.T.to(z.dtype) + mean.to(z.dtype)
    best = min(SCALES, key=lambda scale: float(model.loss(scale * logits, judged.x, judged.mask).mean()))
    return best * out, best * mean


def _put(path: OneHot, weight: Tensor, bias: Tensor) -> None:
    """Copy weights (P, units) and a bias into a path; units beyond those given become small."""
    path.weight.mul_(0.1)
    path.weight[:, : weight.shape[1]] = weight.to(path.weight.dtype)
    path.bias.zero_()
    path.bias[: len(bias)] = bias.to(path.bias.dtype)
