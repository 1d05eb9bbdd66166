"""What a network must beat: the column means, PCA, and a random encoder with the best linear decoder."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hourglass.layers.principal import decomposed
from hourglass.model import Model, seeded
from hourglass.parts import Batch, Part
from hourglass.report.passes import Seen, look

__all__ = ["Principal", "effective", "filled", "means", "principal", "random_codes", "ridge"]

GRAM_ROWS = 2000
GRAM_WORK = 4e10  # multiplications for the products between rows: about a second on one core
REFITS, EASY = 8, 600  # of PCA to rows with holes, each filled by the fit before; fewer where a fit takes a second
STEPS, DAMPING = 20, 1e-3  # of the search for the codes of rows with holes


class Principal(NamedTuple):
    """A fitted PCA: `mean` (D,), `components` (k, D), and the `spectrum` of all variances, largest first."""

    mean: Tensor
    components: Tensor
    spectrum: Tensor

    def first(self, size: int) -> Principal:
        """The same with its first `size` components alone."""
        return self._replace(components=self.components[:size])

    def encode(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Codes (n, k); with a mask those that fit the real elements best, by conjugate gradients."""
        away = filled(x - self.mean, mask)
        wanted = away @ self.components.T
        if mask is None:
            return wanted
        real = mask.to(x.dtype)
        z, left, way = torch.zeros_like(wanted), wanted, wanted
        length = left.square().sum(1, keepdim=True)
        for _ in range(STEPS):
            pushed = ((way @ self.components) * real) @ self.components.T + DAMPING * way
            step = length / (way * pushed).sum(1, keepdim=True).clamp_min(1e-30)
            z, left = z + step * way, left - step * pushed
            shorter = left.square().sum(1, keepdim=True)
            way, length = left + shorter / length.clamp_min(1e-30) * way, shorter
        return z

    def reconstruct(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Rows as k components give them back."""
        return self.encode(x, mask) @ self.components + self.mean


def filled(x: Tensor, mask: Tensor | None) -> Tensor:
    """The rows with 0 where nothing was measured."""
    return x if mask is None else torch.where(mask, x, 0.0)


def means(x: Tensor, mask: Tensor | None) -> Tensor:
    """Column means over real elements."""
    return x.mean(0) if mask is None else filled(x, mask).sum(0) / mask.sum(0).clamp(min=1)


def principal(x: Tensor, size: int, mask: Tensor | None = None, more: int = 0) -> Principal:
    """Fit PCA with `size` components, or `more`, on rows `x` (n, D), through the smaller of the two square matrices.

    Where columns outnumber rows these are the products between rows, of at most 2,000 rows. Masked elements do not count: they are
    filled in by the first `size` components of the fit before, at first by the means.
    """
    count, width = x.shape
    if width > GRAM_ROWS or width > count:
        limit = max(100, min(GRAM_ROWS, int((GRAM_WORK / width) ** 0.5)))
        some = slice(None, None, -(-count // limit))  # from everywhere: rows may be in some order
        x, mask = x[some], None if mask is None else mask[some]
    x = x.nan_to_num(0.0, 0.0, 0.0)  # codes of a broken network
    if mask is None or bool(mask.all()):
        return _fitted(x, max(size, more))
    found = _fitted(torch.where(mask, x, means(x, mask)), max(size, more))
    for _ in range(REFITS if min(x.shape) <= EASY else 1):
        found = _fitted(torch.where(mask, x, found.first(size).reconstruct(x, mask)), max(size, more))
    return found


def _fitted(x: Tensor, size: int) -> Principal:
    scale = float(x.abs().max()) or 1.0  # sums and squares of enormous numbers would overflow
    mean, components, spectrum = decomposed(x / scale, min(size, *x.shape))
    return Principal((mean * scale).to(x.dtype), components.to(x.dtype), spectrum * scale**2)


def effective(spectrum: Tensor, share: float = 0.99) -> int:
    """How many principal components hold `share` of the variance.

    >>> effective(torch.tensor([3.0, 1.0, 0.0]))
    2
    """
    total = spectrum.double().cumsum(0)
    return int((total < share * total[-1]).sum()) + 1 if total[-1] > 0 else 0


def random_codes(model: Model, training: Batch, held_out: Batch, seed: int) -> tuple[Seen, Tensor] | None:
    """What a random encoder of the same architecture makes of training rows, and its codes (n, k) of held-out rows.

    None for a user's own network, which cannot be built from its settings.
    """
    if Part.parse(model.settings["network"]).name == "own":
        return None
    first = next(model.parameters())
    with seeded(seed):
        part = Part.parse(model.settings["bottleneck"])
        options = {name: value for name, value in part.options.items() if name != "sizes"}  # which are those of several members
        alone = {**model.settings, "members": 1, "bottleneck": str(Part(part.name, *part.values, **options))}
        other = Model.build(model.kind, model.facts, alone)
    other = other.to(first.dtype).train(False)
    return look(other, training), look(other, held_out).z


def ridge(z: Tensor, x: Tensor, codes: Tensor) -> Tensor:
    """Rows for `codes`, by linear regression from codes `z` to rows `x`, its penalty chosen on the last fifth of the rows."""
    centre, spread = z.mean(0), z.std(0, correction=0)
    spread = torch.where(spread > 1e-5 * centre.abs(), spread, 1.0)  # a unit that stands still varies by rounding only
    z = (z - centre) / spread
    cut = max(1, z.shape[0] * 4 // 5)
    some = slice(None, None, -(-x.shape[1] // 256))  # every few columns suffice to choose by

    def missed(penalty: float) -> float:
        return float((_regressed(z[:cut], x[:cut, some], penalty, z[cut:]) - x[cut:, some]).square().mean())

    best = min((1e-6, 1e-4, 1e-2, 1.0), key=missed) if cut < z.shape[0] else 1e-2
    return _regressed(z, x, best, (codes - centre) / spread)


def _regressed(z: Tensor, x: Tensor, penalty: float, codes: Tensor) -> Tensor:
    """Rows for `codes` by one ridge regression; between rows where codes outnumber them: its weights would be codes times columns."""
    mean, dtype = x.mean(0), x.dtype
    count, size = z.shape
    z, x, codes = z.double(), (x - mean).double(), codes.double()  # small penalties are lost in single precision
    if size > count:
        found = (codes @ z.T) @ torch.linalg.solve(z @ z.T + penalty * count * torch.eye(count, dtype=z.dtype), x)
    else:
        found = codes @ torch.linalg.solve(z.T @ z + penalty * count * torch.eye(size, dtype=z.dtype), z.T @ x)
    back: Tensor = found.to(dtype) + mean
    return back
