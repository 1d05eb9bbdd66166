"""New samples: codes drawn from what codes look like, decoded.

A mixture of Gaussians is fitted on codes of training samples, its number of components chosen by held-out likelihood (Ghosh et al. 2020
found that this matches variational autoencoders). A gaussian bottleneck brings its prior too, which is taken where it explains held-out
codes better: it seldom does, for what codes look like together is not quite the prior (Hoffman and Johnson 2016). A code of symbols brings
the shares of its symbols, which are no density: they are taken where the codes drawn by them lie nearer to held-out ones.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
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

__all__ = ["given", "prepare", "sample"]

KEPT, NUMBERS = 10_000, 1 << 20
COMPONENTS = (1, 4, 16)
JUDGED = 500  # held-out codes that draws are compared with
NEAR = 0.5  # of the spread of codes: how far variations lie from what they vary, at temperature 1
WIDE = 64  # numbers in a code from which the density is that of so many of its principal components


def prepare(model: Model, training: Batch, held_out: Batch) -> dict[str, Tensor]:
    """Codes of at most 10,000 training samples, fewer where they are wide: 4 MB of them at most, but never fewer than 64."""
    return {"generate.codes": codes(model, training[: min(KEPT, max(64, NUMBERS // model.code_size))]).float()}


def given(like: Any, between: Any) -> list[Any]:
    """What new samples are to be near: nothing, one thing, or the two ends of a way."""
    if like is not None and between is not None:
        raise BadOption("like= and between= are two ways to say what new samples are to be near; give one of them")
    if between is None:
        return [] if like is None else [like]
    if not isinstance(between, list | tuple) or len(between) != 2:
        raise BadOption("between= is a pair: the data of one sample, and the data of another")
    return list(between)


def sample(model: Model, count: int, seed: int, temperature: float = 1.0, near: Sequence[NDArray[Any]] = ()) -> Tensor:
    """`count` new samples, (count, *shape), as the loss gives data; `near` codes (n, code_size) of one sort, or between two.

    `temperature` is how far codes are drawn from the middle of their component, in its own measure: 0 the middles alone.
    """
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise BadOption(f"n={count!r}: give the number of samples, a whole number from 1 on")
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 <= temperature <= 10:
        raise BadOption(f"temperature={temperature!r}: give a number from 0 (the most usual) on, such as 0.7; 1 is as various as the data")
    if "generate.codes" not in model.arrays:
        raise BadOption("this model is a picture codec, which makes no new pictures; fit another one with purpose='generate' for that")
    codes = _near(model, int(count), seed, float(temperature), near) if near else _drawn(model, int(count), seed, float(temperature))
    return decoded(model, codes.to(next(model.parameters()).dtype))


def _drawn(model: Model, count: int, seed: int, temperature: float) -> Tensor:
    """Codes (count, code_size) by their density."""
    known = model.arrays["generate.codes"].double()
    if wide := known.shape[1] > WIDE:  # spatial codes have thousands of numbers, few of them free
        mean, rows = principal(known, min(WIDE, max(1, len(known) // 4)))
    kept = (known - mean) @ rows.T if wide else known
    mixture, likelihood = _mixture(kept.numpy(), seed, temperature)

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
        return draw(count)
    normal = not wide and hasattr(model.bottleneck, "sample")
    if normal and likelihood < _standard(_split(known.numpy(), seed)[0]):
        return own(count) * temperature
    return mixed(count)


def _near(model: Model, count: int, seed: int, temperature: float, near: Sequence[NDArray[Any]]) -> Tensor:
    """Codes beside given ones, in turn, as far as `NEAR` of the way that codes lie apart; or in even steps from one to another."""
    first = torch.from_numpy(np.asarray(near[0], dtype=np.float64))
    if len(near) == 2:
        last = torch.from_numpy(np.asarray(near[1], dtype=np.float64))
        if (len(first), len(last)) != (1, 1):
            raise BadOption(f"between= takes one sample and another; these hold {len(first):,} and {len(last):,}")
        return first + torch.linspace(0, 1, count, dtype=torch.float64)[:, None] * (last - first)
    known = model.arrays["generate.codes"].double()
    chance = torch.Generator().manual_seed(seed)
    ways = torch.randint(len(known), (2, count), generator=chance)
    apart = (known[ways[0]] - known[ways[1]]) / math.sqrt(2)  # has the spread of codes, and their correlations
    return first[torch.arange(count) % len(first)] + NEAR * temperature * apart


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


def _mixture(known: NDArray[np.float64], seed: int, temperature: float) -> tuple[Callable[[int], Tensor], float]:
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
        drawn, component = best.sample(count)
        drawn = best.means_[component] + temperature * (drawn - best.means_[component])
        return torch.from_numpy(drawn[np.random.default_rng(seed).permutation(count)] * spread + mean)

    return draw, likelihood - float(np.log(spread).sum())
