"""How far a denoiser's pictures are from clean ones that nobody has: told from the noisy ones and the strength of their noise.

Neighbouring pixels show nearly the same, not quite: a network that learned from pairs of them may have unlearned the finest texture, and
where it began was perhaps better. Stein's estimate (1981; Ramani et al. 2008) tells, for noise that is new in every pixel and as strong in
dark places as in bright ones. (Weighed by brightness it was wrong on microscopy: the start seemed better, and was worse by 1.2 dB.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hourglass.batches import shuffler
from hourglass.layers.noise import Noise, measured
from hourglass.model import Model
from hourglass.parts import Batch, Part

__all__ = ["Looked", "begun", "held_back", "looked_at", "risk"]

PICTURES, TILES = 6, 4  # looked at, and of each so many tiles
STEP = 0.01  # how much pixels are moved to see how much of it stays
SHARES = (0.75, 0.5, 0.25, 0.0)  # of what was learned


class Looked(NamedTuple):
    """Tiles (n, C, H, W) of one picture, and its noise."""

    x: Tensor
    noise: Noise


def begun(model: Model) -> list[Tensor]:
    """A copy of the weights before training, where it may be worth going back to them."""
    return [weight.detach().clone() for weight in model.parameters()] if _told(model) else []


def looked_at(model: Model, samples: Batch, source: Tensor | None, worth: float) -> list[Looked]:
    """Tiles of a few pictures, at most `worth` together; none where the estimate does not hold, or noise was not learned from.

    `source` (B,) is the picture that each sample is from; None: each is one.
    """
    if not _told(model):
        return []
    of = torch.arange(samples.count) if source is None else source
    pictures = of.unique()
    found = []
    for picture in pictures[:: max(1, len(pictures) // PICTURES)][:PICTURES]:
        rows = torch.nonzero(of == picture).flatten()
        x = samples.x[rows[:: max(1, len(rows) // TILES)][:TILES]].float()
        noise = measured(list(x))
        if noise is not None and worth >= len(x):
            found.append(Looked(x, noise))
            worth -= len(x)
    return found


def _told(model: Model) -> bool:
    told = model.facts.get("noise")
    if Part.parse(model.settings["spoil"]).name != "neighbours" or told is None:
        return False
    noise = Noise.of(told)
    return noise.reach == 1 and not noise.grows


def risk(model: Model, pictures: Sequence[Looked]) -> float:
    """The mean squared distance from clean pictures, as far as it can be told."""
    sums, count = 0.0, 0
    for number, (x, noise) in enumerate(pictures):
        sign = 2.0 * torch.randint(2, x.shape, generator=shuffler(number)) - 1
        with torch.inference_mode():
            cleaned, moved = (model.reconstruct(Batch(each))[..., : x.shape[2], : x.shape[3]] for each in (x, x + STEP * sign))
        variance = noise.floor + noise.slope * cleaned.clamp_min(0)
        stays = sign * (moved - cleaned) / STEP
        sums += float(((cleaned - x).square() - variance + 2 * variance * stays).double().sum())
        count += x.numel()
    return sums / max(1, count)


def held_back(model: Model, start: Sequence[Tensor], pictures: Sequence[Looked]) -> float:
    """Give the model the share of what it learned since `start`, its weights before, with which it does best; returns the share.

    All of it stays where that is better than the start: between these two the estimate is not sure enough to choose by.
    """
    weights, learned = list(model.parameters()), [weight.detach().clone() for weight in model.parameters()]

    def at(share: float) -> float:
        with torch.no_grad():
            torch._foreach_copy_([weight.data for weight in weights], torch._foreach_lerp(list(start), learned, share))
        return risk(model, pictures)

    risks = {1.0: at(1.0), 0.0: at(0.0)}
    if risks[0.0] < risks[1.0]:
        risks |= {share: at(share) for share in SHARES if share not in risks}
    else:
        del risks[0.0]
    best = min(risks, key=risks.__getitem__)
    at(best)
    return best
