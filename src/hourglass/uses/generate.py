"""New samples: codes drawn from what codes look like, decoded.

A gaussian bottleneck brings its prior. For any other, a mixture of Gaussians is fitted on codes of training samples, its number of
components chosen by held-out likelihood (Ghosh et al. 2020 found that this matches variational autoencoders).
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.uses.embed import codes, decoded

__all__ = ["prepare", "sample"]

KEPT = 10_000
COMPONENTS = (1, 4, 16)


def prepare(model: Model, training: Batch, held_out: Batch) -> dict[str, Tensor]:
    """Codes of at most 10,000 training samples."""
    return {"generate.codes": codes(model, training[:KEPT]).float()}


def sample(model: Model, count: int, seed: int) -> Tensor:
    """`count` new samples, (count, *shape), as the loss gives data."""
    if hasattr(model.bottleneck, "sample"):
        z = model.bottleneck.sample(count, torch.Generator().manual_seed(seed)).flatten(1)  # type: ignore[operator]
    else:
        z = _drawn(model.arrays["generate.codes"].double().numpy(), count, seed)
    return decoded(model, z.to(next(model.parameters()).dtype))


def _drawn(known: NDArray[np.float64], count: int, seed: int) -> Tensor:
    """Codes from the mixture that gives held-out codes the best likelihood."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    spread = known.std(0).clip(1e-9)
    scaled = (known - known.mean(0)) / spread
    order = np.random.default_rng(seed).permutation(len(scaled))
    held, kept = scaled[order[: len(scaled) // 5]], scaled[order[len(scaled) // 5 :]]
    fits = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for components in COMPONENTS:
            if components == 1 or len(kept) >= 2 * components * scaled.shape[1]:
                mixture = GaussianMixture(components, reg_covar=1e-4, max_iter=50, random_state=seed).fit(kept if len(kept) > 1 else scaled)
                fits.append((mixture.score(held) if len(held) else 0.0, components, mixture))
    best = max(fits, key=lambda fit: fit[:2])[2]
    drawn, _ = best.sample(count)
    shuffled = drawn[np.random.default_rng(seed).permutation(count)]
    return torch.from_numpy(shuffled * spread + known.mean(0))
