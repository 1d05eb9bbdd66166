"""What rivals give back for held-out rows: PCA, a random encoder and the means; for texts, which symbols they get wrong.

Texts have no squared error. Each place where another symbol comes back is a mistake that counts 1, so that the mean of the squares is the
share of wrong symbols; `mistakes` turns what a network gave back into such rows.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.report.baselines import Principal, effective, filled, means, principal, random_codes, ridge
from hourglass.report.passes import Seen

__all__ = ["Rivals", "entropy", "mistakes", "of_numbers", "of_texts"]

MORE = 64  # components, so that PCA can be compared at other sizes than the code's
SORTS = 64  # symbols told apart by PCA: the commonest
ROOM = 2.5e7  # numbers in all rows, one for each symbol and place


class Rivals(NamedTuple):
    """Rows as rivals give them back, (n, D), and how wide the data are for PCA."""

    pca: Tensor
    pca_training: Tensor
    random: Tensor | None
    mean: Tensor
    width: int
    effective: int
    fitted: Principal | None


def of_numbers(model: Model, training: Batch, seen: Seen, asked: Seen, batches: tuple[Batch, Batch]) -> Rivals:
    """Of numbers; `batches` are the samples of `seen` and `asked`, PCA is fitted to `training`, of which there may be more."""
    mask = None if training.mask is None else training.mask.flatten(1)
    fitted = principal(filled(training.x.flatten(1), mask).to(asked.x.dtype), model.code_size, mask, MORE)
    own = fitted.first(model.code_size)
    pca, pca_training = (own.reconstruct(filled(rows.x, rows.mask), rows.mask) for rows in (asked, seen))
    codes = random_codes(model, *batches, 0)
    whole = seen.x if seen.mask is None else torch.where(seen.mask, seen.x, pca_training)
    random = None if codes is None else ridge(codes[0].z, whole, codes[1])
    mean = means(seen.x, seen.mask).expand_as(asked.x)
    return Rivals(pca, pca_training, random, mean, seen.x.shape[1], effective(fitted.spectrum), fitted)


def of_texts(model: Model, seen: Seen, asked: Seen, batches: tuple[Batch, Batch]) -> Rivals:
    """Of texts, as mistakes: PCA on one number for each symbol and place, and always the commonest symbol of each place."""
    counts = torch.bincount(seen.x[_real(seen)], minlength=int(model.facts["symbols"]))
    sorts = counts.argsort(descending=True, stable=True)[: max(1, min(SORTS, int((counts > 0).sum())))]
    rows = max(100, int(ROOM / (len(sorts) * seen.x.shape[1])))
    learned, wide = seen.rows(torch.arange(min(rows, len(seen.x)))), _spread(seen, sorts)
    fitted = principal(_spread(learned, sorts), model.code_size)
    pca, pca_training = (_wrong(rows, fitted.reconstruct(_spread(rows, sorts)), sorts) for rows in (asked, seen))
    codes = random_codes(model, *batches, 0)
    random = None if codes is None else _wrong(asked, ridge(codes[0].z, wide, codes[1]), sorts)
    mean = _wrong(asked, wide.mean(0).expand(len(asked.x), -1), sorts)
    return Rivals(pca, pca_training, random, mean, wide.shape[1], effective(fitted.spectrum), None)


def mistakes(seen: Seen) -> Seen:
    """Texts as rows of zeros, and 1 where another symbol came back."""
    wrong = (seen.x != seen.back).float()
    alone = None if seen.alone is None else (seen.x != seen.alone).float()
    return seen._replace(x=torch.zeros_like(wrong), back=wrong, alone=alone)


def entropy(seen: Seen, asked: Seen, symbols: int) -> float:
    """Bits per symbol of held-out texts for who knows nothing but how common each symbol is."""
    counts = torch.bincount(seen.x[_real(seen)], minlength=symbols).double() + 0.5
    return float(-(counts / counts.sum()).log()[asked.x[_real(asked)]].mean()) / math.log(2)


def _real(seen: Seen) -> Tensor:
    return torch.ones_like(seen.x, dtype=torch.bool) if seen.mask is None else seen.mask


def _spread(seen: Seen, sorts: Tensor) -> Tensor:
    """Texts (n, T) as one number for each place and each of `sorts`, (n, T * sorts): 1 where it stands, else 0."""
    place = torch.full((int(max(sorts.max(), seen.x.max())) + 1,), len(sorts))
    place[sorts] = torch.arange(len(sorts))
    wide = one_hot(torch.where(_real(seen), place[seen.x], len(sorts)), len(sorts) + 1)
    return wide[..., :-1].flatten(1).float()


def _wrong(seen: Seen, back: Tensor, sorts: Tensor) -> Tensor:
    """Mistakes (n, T) of rows (n, T * sorts), each place the symbol with the largest number."""
    return (sorts[back.unflatten(1, (-1, len(sorts))).argmax(2)] != seen.x).float()
