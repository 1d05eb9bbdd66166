"""How likely held-out samples are under a variational autoencoder: the bound it was trained by, and a far tighter one.

    log p(x) >= log mean over k draws of  p(x | z) p(z) / q(z | x),   z drawn from q(z | x)

With k = 1 on average it is the bound that training raises; with many draws it comes near the likelihood itself, from below
(importance-weighted bound, Burda et al. 2016).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["Likelihood", "applies", "likelihood"]

AT_ONCE = 4096  # decodings at a time
IDLE = 0.01  # nats of divergence, below which a unit tells nothing (Burda et al. 2016 count by the variance of means, to the same end)


class Likelihood(NamedTuple):
    """Means in nats per sample: the `bound`, the likelihood by `draws` draws with its standard error, the `divergence`, units in use.

    `information` is what codes tell of samples, the divergence less that of all codes together from the prior (Hoffman and Johnson 2016).
    """

    bound: float
    weighted: float
    error: float
    divergence: float
    information: float
    active: int
    draws: int
    samples: int


def applies(model: Model) -> bool:
    """Whether there is a prior and a likelihood: a gaussian bottleneck without members, and a loss that is one."""
    variational = hasattr(model.bottleneck, "beta") and hasattr(model.bottleneck, "chance")
    return (
        variational and model.members == 1 and bool(getattr(model.loss, "likelihood", False)) and not getattr(model.loss, "damaged", False)
    )


def likelihood(model: Model, batch: Batch, draws: int = 500, seed: int = 0) -> Likelihood:
    """The likelihood of samples, by so many draws each; a model that has none (see `applies`) must not be asked."""
    generator = torch.Generator().manual_seed(seed)
    each = max(1, AT_ONCE // draws)
    bounds, weighted, divergences, informed = [], [], [], []
    with torch.inference_mode():
        means, spreads = _posteriors(model, batch)
        for begin in range(0, batch.count, each):
            part, mean, spread = batch[begin : begin + each], means[begin : begin + each], spreads[begin : begin + each]
            noise = torch.randn(len(mean), draws, mean.shape[1], generator=generator)
            z = mean[:, None] + spread[:, None] * noise
            prior, own = _normal(z), _normal(noise) - spread.log().sum(1)[:, None]
            weight = _given(model, part, z) + prior - own  # (b, draws)
            bounds.append(weight.mean(1))
            weighted.append(weight.double().logsumexp(1) - math.log(draws))
            divergences.append((own - prior).mean(1))
            informed.append(own[:, 0] - _together(z[:, 0], means, spreads))
    known, all_divergence = torch.cat(weighted), 0.5 * (means**2 + spreads**2 - 1 - 2 * spreads.log())
    return Likelihood(
        bound=float(torch.cat(bounds).mean()),
        weighted=float(known.mean()),
        error=float(known.std(correction=0) / math.sqrt(max(1, len(known) - 1))),
        divergence=float(torch.cat(divergences).mean()),
        information=float(torch.cat(informed).mean().clamp(0, math.log(max(1, batch.count)))),
        active=int((all_divergence.mean(0) > IDLE).sum()),
        draws=draws,
        samples=batch.count,
    )


def _posteriors(model: Model, batch: Batch) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every sample's codes, (n, code_size)."""
    found: list[Tensor] = []
    hook = model.bottleneck.register_forward_pre_hook(lambda _, given: found.append(given[0]))
    try:
        for begin in range(0, batch.count, 256):
            model.encode(batch[begin : begin + 256])
    finally:
        hook.remove()
    mean, log_variance = torch.cat(found).chunk(2, 1)
    return mean.flatten(1), (0.5 * log_variance.clamp(-14, 10)).exp().flatten(1)


def _given(model: Model, part: Batch, z: Tensor) -> Tensor:
    """log p(x | z) of samples (b, ...) for codes (b, draws, code_size), (b, draws)."""
    count, draws = z.shape[:2]
    output = model.decode(z.reshape(count * draws, *model.code_shape))
    repeated = part.each(lambda field: field.repeat_interleave(draws, 0))
    nats: Tensor = model.loss(output, repeated.x, repeated.mask)
    return -nats.reshape(count, draws)


def _normal(z: Tensor) -> Tensor:
    """Log-density under a standard normal, over the last axis."""
    return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)


def _together(z: Tensor, means: Tensor, spreads: Tensor) -> Tensor:
    """Log-density of codes (b, k) under the mixture of all samples' codes."""
    apart = (z[:, None] - means) / spreads  # (b, n, k)
    return (_normal(apart) - spreads.log().sum(1)).logsumexp(1) - math.log(len(means))
