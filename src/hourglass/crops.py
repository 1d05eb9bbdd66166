"""What a picture codec learns from: crops of pictures, and bits beside squared error, at qualities of every sort.

One model learns all qualities. Each crop is trained at a quality of its own and lowers bits + lambda * squared error at its lambda, divided
by the root of lambda, so that all qualities pull alike.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from hourglass.flat import Objective
from hourglass.layers.processor import fast_bfloat16
from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["BATCH", "SIDE", "Crops", "lambdas", "lowered", "weighed"]

SIDE, BATCH = 128, 8
COARSEST, RATIO = 0.0018 * 1.925**-2.5, 1.925  # lambda at the first set of steps, and from one set to the next
FULL = {torch.uint8: 255.0, torch.uint16: 65535.0}


class Crops:
    """Crops of pictures (C, H, W), for the loop: whole numbers in their full range, floats from 0 to 1.

    All crops of a batch are as large as the smallest of its pictures allows, at most SIDE. A `shrunk` share of them are from pictures made
    smaller, where traces of an earlier codec are gone: for a codec of all pictures, not for one of pictures like these.
    """

    def __init__(self, pictures: Sequence[Tensor], seed: int, epoch: int, batch: int = BATCH, shrunk: float = 0.0) -> None:
        self.pictures, self.seed, self.epoch, self.batch, self.shrunk = pictures, seed, epoch, batch, shrunk

    def steps(self) -> int:
        """Batches in what counts as an epoch."""
        return self.epoch

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Batches (B, C, SIDE, SIDE) in [0, 1]."""
        for number in range(skip, self.epoch):
            chance = random.Random(f"{self.seed}-{epoch}-{number}")
            chosen = [chance.choice(self.pictures) for _ in range(self.batch)]
            height, width = (min(SIDE, *(picture.shape[axis] for picture in chosen)) for axis in (1, 2))
            yield Batch(torch.stack([self._crop(picture, height, width, chance) for picture in chosen]))

    def _crop(self, picture: Tensor, height: int, width: int, chance: random.Random) -> Tensor:
        room = min(picture.shape[1] / height, picture.shape[2] / width)
        times = min(room, chance.uniform(1, 2)) if self.shrunk and chance.random() < self.shrunk else 1.0
        sides = int(height * times), int(width * times)
        top, left = (chance.randrange(whole - side + 1) for whole, side in zip(picture.shape[1:], sides, strict=True))
        crop = picture[:, top : top + sides[0], left : left + sides[1]]
        crop = crop.float() / FULL.get(crop.dtype, 1.0)
        crop = crop if chance.random() < 0.5 else crop.flip(2)
        return crop if times == 1 else interpolate(crop[None], (height, width), mode="bilinear", antialias=True)[0]


def lambdas(quality: Tensor) -> Tensor:
    """The weight of squared error, in squared grey levels, against bits per pixel, at a set of steps (or between two)."""
    weight: Tensor = COARSEST * RATIO**quality
    return weight


def weighed(model: Model, batch: Batch, quality: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Squared error and bits per pixel of crops (B, 1 or 3, H, W), (B,) each, by the weight that belongs to their quality.

    In training qualities are drawn; in use all crops have the one given. Of grey crops the result is grey, so that
    its error is that of the mean.
    """
    bottleneck: Any = model.bottleneck
    narrow = torch.bfloat16 if fast_bfloat16() else None
    height, width = batch.x.shape[2:]
    with torch.autocast("cpu", dtype=narrow, enabled=narrow is not None):
        code = model.encode(batch.with_x(batch.x.expand(-1, 3, -1, -1)))
        output = model.decode(code.z).float()[..., :height, :width]
    weight = lambdas(bottleneck.drawn if quality is None else quality)
    output = output.mean(1, keepdim=True) if batch.x.shape[1] == 1 else output
    error = (output - batch.x).square().flatten(1).mean(1) * 255**2
    return error * weight.sqrt(), code.cost / math.log(2) / (height * width) / weight.sqrt()


def lowered(model: Model) -> Objective:
    """What the loop lowers: all weights but those of the loss, which a codec does not use."""

    def lower(batch: Batch, fraction: float) -> tuple[Tensor, Tensor]:
        error, bits = weighed(model, batch)
        return error.mean(), bits.mean()

    return Objective([*model.encoder.parameters(), *model.bottleneck.parameters(), *model.decoder.parameters()], [], lower)
