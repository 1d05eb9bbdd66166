"""What a network must beat: the column means, PCA, and a random encoder with the best linear decoder."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hourglass.model import Model, seeded
from hourglass.parts import Batch, Part
from hourglass.report.passes import Seen, look

__all__ = ["Principal", "effective", "filled", "principal", "random_encoder"]

GRAM_ROWS = 2000
GRAM_WORK = 4e10  # multiplications for the products between rows: about a second on one core


class Principal(NamedTuple):
    """A fitted PCA: `mean` (D,), `components` (k, D), and the `spectrum` of all variances, largest first."""

    mean: Tensor
    components: Tensor
    spectrum: Tensor

    def encode(self, x: Tensor) -> Tensor:
        """Codes (n, k)."""
        return (x - self.mean) @ self.components.T

    def reconstruct(self, x: Tensor) -> Tensor:
        """Rows as k components give them back."""
        return self.encode(x) @ self.components + self.mean


def filled(x: Tensor, mask: Tensor | None) -> Tensor:
    """The rows with 0 where nothing was measured."""
    return x if mask is None else torch.where(mask, x, 0.0)


def principal(x: Tensor, size: int) -> Principal:
    """Fit PCA with `size` components on rows `x` (n, D), through the smaller of the two square matrices.

    Where columns outnumber rows these are the products between rows, of at most 2,000 rows.
    """
    count, width = x.shape
    if width > GRAM_ROWS or width > count:
        limit = max(100, min(GRAM_ROWS, int((GRAM_WORK / width) ** 0.5)))
        x = x[:: -(-count // limit)]  # from everywhere: rows may be in some order
    x = x.nan_to_num(0.0, 0.0, 0.0)  # codes of a broken network
    scale = float(x.abs().max()) or 1.0  # sums and squares of enormous numbers would overflow
    mean = (x / scale).mean(0)
    centred = x / scale - mean
    wide = width > x.shape[0]
    spectrum, vectors = torch.linalg.eigh((centred @ centred.T if wide else centred.T @ centred).double())
    spectrum, vectors = spectrum.flip(0).clamp(min=0), vectors.flip(1)
    # Directions without variance are rounding: between rows they would be divided by nearly nothing.
    known = int((spectrum > 1e-6 * spectrum[0]).sum()) if wide else width
    chosen = vectors[:, : min(size, known)]
    components = centred.T @ (chosen / spectrum[: chosen.shape[1]].sqrt()).to(x.dtype) if wide else chosen.to(x.dtype)
    return Principal(mean * scale, components.T, spectrum * scale**2 / x.shape[0])


def effective(spectrum: Tensor, share: float = 0.99) -> int:
    """How many principal components hold `share` of the variance.

    >>> effective(torch.tensor([3.0, 1.0, 0.0]))
    2
    """
    total = spectrum.double().cumsum(0)
    return int((total < share * total[-1]).sum()) + 1 if total[-1] > 0 else 0


def random_encoder(model: Model, training: Batch, held_out: Batch, seed: int) -> Tensor | None:
    """Held-out rows (n, D) as a random encoder of the same architecture and the best linear decoder give them back.

    None for a user's own network, which cannot be built from its settings.
    """
    if Part.parse(model.settings["network"]).name == "own":
        return None
    first = next(model.parameters())
    with seeded(seed):
        other = Model.build(model.kind, model.facts, {**model.settings, "members": 1})
    other = other.to(first.dtype).train(False)
    seen, asked = look(other, training), look(other, held_out)
    return _ridge(seen, asked.z)


def _ridge(seen: Seen, codes: Tensor) -> Tensor:
    """Linear regression from codes to rows, its penalty chosen on the last fifth of the rows."""
    centre, spread = seen.z.mean(0), seen.z.std(0, correction=0)
    spread = torch.where(spread > 1e-5 * centre.abs(), spread, 1.0)  # a unit that stands still varies by rounding only
    z, x = (seen.z - centre) / spread, filled(seen.x, seen.mask)
    cut = max(1, z.shape[0] * 4 // 5)
    some = slice(None, None, -(-x.shape[1] // 256))  # every few columns suffice to choose by

    def missed(penalty: float) -> float:
        weights, mean = _weights(z[:cut], x[:cut, some], penalty)
        return float((z[cut:] @ weights + mean - x[cut:, some]).square().mean())

    best = min((1e-6, 1e-4, 1e-2, 1.0), key=missed) if cut < z.shape[0] else 1e-2
    weights, mean = _weights(z, x, best)
    return (codes - centre) / spread @ weights + mean


def _weights(z: Tensor, x: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Weights (k, D) and means (D,) of one ridge regression; solved between rows where codes outnumber them."""
    mean, dtype = x.mean(0), x.dtype
    count, size = z.shape
    z, x = z.double(), (x - mean).double()  # small penalties are lost in single precision
    if size > count:
        found = z.T @ torch.linalg.solve(z @ z.T + penalty * count * torch.eye(count, dtype=z.dtype), x)
    else:
        found = torch.linalg.solve(z.T @ z + penalty * count * torch.eye(size, dtype=z.dtype), z.T @ x)
    return found.to(dtype), mean
