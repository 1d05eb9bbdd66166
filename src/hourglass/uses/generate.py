"""New samples: codes drawn from what codes look like, decoded.

A mixture of Gaussians is fitted on codes of training samples, its number of components chosen by held-out likelihood (Ghosh et al. 2020
found that this matches variational autoencoders). A gaussian bottleneck brings its prior too, which is taken where it explains held-out
codes better: it seldom does, for what codes look like together is not quite the prior (Hoffman and Johnson 2016). A code of symbols brings
the shares of its symbols, which are no density: they are taken where the codes drawn by them lie nearer to held-out ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.layers.principal import principal
from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.uses.embed import codes, decoded

__all__ = ["prepare", "sample"]

KEPT, NUMBERS = 10_000, 1 << 20
COMPONENTS = (1, 4, 16)
JUDGED = 500  # held-out codes that draws are compared with
WIDE = 64  # numbers in a code from which the density is that of so many of its principal components


def prepare(model: Model, training: Batch, held_out: Batch) -> dict[str, Tensor]:
    """Codes of at most 10,000 training samples, fewer where they are wide: 4 MB of them at most, but never fewer than 64."""
    return {"generate.codes": codes(model, training[: min(KEPT, max(64, NUMBERS // model.code_size))]).float()}


def sample(model: Model, count: int, seed: int) -> Tensor:
    """`count` new samples, (count, *shape), as the loss gives data."""
    if "generate.codes" not in model.arrays:
        raise BadOption("this model is a picture codec, which makes no new pictures; fit another one with purpose='generate' for that")
    known = model.arrays["generate.codes"].double()
    if wide := known.shape[1] > WIDE:  # spatial codes have thousands of numbers, few of them free
        mean, rows = principal(known, min(WIDE, max(1, len(known) // 4)))
    kept = (known - mean) @ rows.T if wide else known
    mixture, likelihood = _mixture(kept.numpy(), seed)

    def mixed(count: int) -> Tensor:
        z = mixture(count)
        return mean + z @ rows if wide else z

    def own(count: int) -> Tensor:
        bottleneck: Any = model.bottleneck
        z: Tensor = bottleneck.sample(count, torch.Generator().manual_seed(seed))
        return z.flatten(1)

    if hasattr(model.bottleneck, "vectors"):
        held = torch.from_numpy(_split(known.numpy(), seed)[0])[:JUDGED]
        draw = own if _apart(own(len(held)).double(), held) < _apart(mixed(len(held)), held) else mixed
    else:
        normal = not wide and hasattr(model.bottleneck, "sample")
        draw = own if normal and likelihood < _standard(_split(known.numpy(), seed)[0]) else mixed
    return decoded(model, draw(count).to(next(model.parameters()).dtype))


def _apart(drawn: Tensor, held: Tensor) -> float:
    """How far apart two sets of codes lie: their energy distance (Szekely and Rizzo 2013), but for what only `held` tells."""
    return float(2 * torch.cdist(drawn, held).mean() - torch.cdist(drawn, drawn).mean())


def _split(known: NDArray[np.float64], seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A fifth of the codes to judge by, where there are enough, and the others."""
    order = np.random.default_rng(seed).permutation(len(known))
    fifth = len(known) // 5
    return known[order[:fifth]] if fifth else known, known[order[fifth:]]


def _standard(codes: NDArray[np.float64]) -> float:
    """The mean log-density of codes (n, k) under a standard normal, in nats."""
    return float(-0.5 * (codes**2 + np.log(2 * np.pi)).sum(1).mean())


def _mixture(known: NDArray[np.float64], seed: int) -> tuple[Callable[[int], Tensor], float]:
    """The mixture that gives held-out codes the best likelihood: how to draw from it, and that likelihood in nats per code."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    mean, spread = known.mean(0), known.std(0).clip(1e-9)
    held, kept = _split((known - mean) / spread, seed)
    kept = kept if len(kept) > 1 else np.concatenate([kept, kept])
    fits = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for components in COMPONENTS:
            if components == 1 or len(kept) >= 2 * components * known.shape[1]:
                mixture = GaussianMixture(components, reg_covar=1e-4, max_iter=50, random_state=seed).fit(kept)
                fits.append((float(mixture.score(held)), components, mixture))
    likelihood, _, best = max(fits, key=lambda fit: fit[:2])

    def draw(count: int) -> Tensor:
        drawn, _ = best.sample(count)
        return torch.from_numpy(drawn[np.random.default_rng(seed).permutation(count)] * spread + mean)

    return draw, likelihood - float(np.log(spread).sum())
