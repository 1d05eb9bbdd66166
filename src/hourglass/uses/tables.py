"""The integer tables of a picture codec: how often each symbol comes, learned from pictures once its network is trained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from hourglass.bits import Symbols
from hourglass.layers.whole import ONE
from hourglass.model import Model
from hourglass.uses.exact import powers
from hourglass.uses.photo import Codec

__all__ = ["learned"]

WIDTHS = 64  # tables, of laws from NARROWEST to WIDEST standard deviations in steps
NARROWEST, WIDEST = 0.1, 40.0
SIDE = 127  # symbols to either side of the middle; those beyond are written out
TOTAL = 1 << 22  # what the frequencies of a table add up to: fine, for most symbols are all but certain
BELIEF = 3000.0  # symbols that the law counts for beside those that were seen
QUALITIES = (0, 150, 300, 450, 600, 750, 900, 1000)


def learned(model: Model, pictures: Iterable[NDArray[Any]], known: Sequence[Tensor] = ()) -> dict[str, Tensor]:
    """What `uses.photo` needs beside the weights: limits of tables, powers of two, and the tables, counted on `pictures` (H, W, 3).

    `known` are tables of the code and of the hyper-code that another codec has counted: what was not seen here is believed to be as they
    say, where that suits what was seen better than normal laws and the network's own.
    """
    widths = _widths()
    arrays = {"photo.limits": _limits(widths), "photo.powers": powers()}
    laws, hyper_laws = _normal(widths), _curves(model)
    model.arrays |= arrays | {"photo.tables": _whole(laws), "photo.hyper": _whole(hyper_laws)}
    codec = Codec(model)
    counted, hyper_counted = torch.zeros_like(laws), torch.zeros_like(hyper_laws)
    for number, pixels in enumerate(pictures):
        for level in QUALITIES[number % 2 :: 2]:
            for hidden, code in codec.symbols(pixels, level):
                _count(hyper_counted, hidden)
                _count(counted, code)
    counted[:, :-1] = (counted[:, :-1] + counted[:, :-1].flip(1)) / 2  # laws have no side
    if known:
        pairs = ((counted, laws, known[0]), (hyper_counted, hyper_laws, known[1]))
        laws, hyper_laws = (_likelier(seen, law, other.double() / TOTAL) for seen, law, other in pairs)
    return arrays | {"photo.tables": _whole(counted + BELIEF * laws), "photo.hyper": _whole(hyper_counted + BELIEF * hyper_laws)}


def _likelier(counted: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Of each row of laws the one under which what was counted takes fewer bits."""
    bits = [-(counted * law.clamp_min(1 / TOTAL).log()).sum(1, keepdim=True) for law in (one, other)]
    return torch.where(bits[0] < bits[1], one, other)


def _widths() -> Tensor:
    return torch.logspace(math.log10(NARROWEST), math.log10(WIDEST), WIDTHS, dtype=torch.float64)


def _limits(widths: Tensor) -> Tensor:
    """Where the network's number for a width passes from one table to the next, in ONEths; see `bottlenecks.entropy`."""
    between = (widths[1:] * widths[:-1]).sqrt() - 0.05
    return ((between.expm1().log() - 0.5) * ONE).round().to(torch.int64)


def _normal(widths: Tensor) -> Tensor:
    """The probabilities of symbols under normal laws, and of the escape: (WIDTHS, 2 * SIDE + 2)."""
    edges = torch.arange(-SIDE, SIDE + 2, dtype=torch.float64) - 0.5
    mass = torch.special.ndtr(edges / widths[:, None]).diff(dim=1)
    return _escaped(mass)


def _curves(model: Model) -> Tensor:
    """Those of the hyper-code's channels."""
    bottleneck: Any = model.bottleneck
    symbols = torch.arange(-SIDE, SIDE + 1, dtype=torch.float32)
    with torch.no_grad():
        return _escaped(torch.exp(-bottleneck.prior.float()(symbols.expand(1, bottleneck.hyper, -1)))[0].double())


def _escaped(mass: Tensor) -> Tensor:
    return torch.cat([mass, (1 - mass.sum(1, keepdim=True)).clamp_min(0)], 1)


def _count(counted: Tensor, given: Symbols) -> None:
    """Add symbols to their tables."""
    places = torch.from_numpy(given.symbols) + SIDE
    places = torch.where((places < 0) | (places > 2 * SIDE), 2 * SIDE + 1, places)
    flat = places + torch.from_numpy(given.which.astype("int64")) * counted.shape[1]
    counted.view(-1).add_(torch.bincount(flat, minlength=counted.numel()))


def _whole(shares: Tensor) -> Tensor:
    """Frequencies of whole numbers, each at least 1, every row adding up to TOTAL; int32."""
    free = TOTAL - shares.shape[1]
    made = (shares / shares.sum(1, keepdim=True) * free).floor().to(torch.int64) + 1
    likeliest = made.argmax(1, keepdim=True)
    return made.scatter_add(1, likeliest, TOTAL - made.sum(1, keepdim=True)).to(torch.int32)
