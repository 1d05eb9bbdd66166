"""Remake the shipped picture codec, src/hourglass/pretrained/photo-1.hourglass.

    python training/photo_codec.py --data BSDS500 [--init MODEL] [--minutes 600 | --steps N] [-o photo-1.hourglass]

BSDS500 is a folder of pictures with any folders inside. Without `--init` training begins at the cosine transform, with it from a model that
this script made. One model learns all qualities: each crop is trained at a quality of its own, and lowers bits + lambda * squared error at
its lambda, divided by the root of lambda so that all qualities pull alike. At the end the tables are counted on a fifth of the pictures.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from hourglass.budget import Schedule
from hourglass.files import read_model, write_model
from hourglass.flat import Objective
from hourglass.kinds import image
from hourglass.layers.processor import fast_bfloat16
from hourglass.model import Model, seeded
from hourglass.parts import Batch, Pieces
from hourglass.train import Loop
from hourglass.uses.tables import learned

SIDE, BATCH = 128, 8
QUALITIES = 10  # sets of steps, from quality 0 to quality 100
COARSEST, RATIO = 0.0018 * 1.925**-2.5, 1.925  # lambda at quality 0, and from one set to the next
SHRUNK = 0.3  # share of crops from shrunken pictures, where traces of JPEG are gone
LOUD = 255 / 20  # the transform's waves are brought near 1
SETTINGS = {
    "purpose": "compress",
    "network": "patch:blocks=3,width=[192,384],activation=leaky",
    "bottleneck": f"entropy:qualities={QUALITIES},hyper=96",
    "loss": "gaussian",
    "code_size": 192,
    "members": 1,
    "batch_size": BATCH,
}


class Crops:
    """Square crops of the pictures, for the loop."""

    def __init__(self, pictures: list[Tensor], seed: int, epoch: int) -> None:
        self.pictures, self.seed, self.epoch = pictures, seed, epoch

    def steps(self) -> int:
        """Batches in what counts as an epoch."""
        return self.epoch

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Batches (8, 3, SIDE, SIDE) in [0, 1]."""
        for number in range(skip, self.epoch):
            chance = random.Random(f"{self.seed}-{epoch}-{number}")
            yield Batch(torch.stack([self._crop(chance) for _ in range(BATCH)]))

    def _crop(self, chance: random.Random) -> Tensor:
        picture = chance.choice(self.pictures)
        most = min(picture.shape[1:])
        side = int(min(SIDE * chance.uniform(1, 2), most)) if chance.random() < SHRUNK else SIDE
        top, left = (chance.randrange(length - side + 1) for length in picture.shape[1:])
        crop = picture[:, top : top + side, left : left + side].float() / 255
        crop = crop if chance.random() < 0.5 else crop.flip(2)
        return crop if side == SIDE else interpolate(crop[None], (SIDE, SIDE), mode="bilinear", antialias=True)[0]


def lambdas(quality: Tensor) -> Tensor:
    """The weight of squared error, in squared grey levels, against bits per pixel."""
    return COARSEST * RATIO**quality


def lowered(model: Model) -> Objective:
    """What the loop lowers."""
    narrow = torch.bfloat16 if fast_bfloat16() else None

    def lower(batch: Batch, fraction: float) -> tuple[Tensor, Tensor]:
        with torch.autocast("cpu", dtype=narrow, enabled=narrow is not None):
            code = model.encode(batch)
            output = model.decode(code.z).float()
        weight = lambdas(model.bottleneck.drawn)
        error = (output - batch.x).square().flatten(1).mean(1) * 255**2
        bits = code.cost / math.log(2) / SIDE**2
        return (error * weight.sqrt()).mean(), (bits / weight.sqrt()).mean()

    weights = [*model.encoder.parameters(), *model.bottleneck.parameters(), *model.decoder.parameters()]
    return Objective(weights, [], lower)


def begun(pictures: Pieces, seed: int) -> Model:
    """A codec as good as JPEG's transform: DCT, steps that suit each lambda, laws from nowhere."""
    facts = image.as_tiles(image.learn(pictures), (SIDE, SIDE))
    with seeded(seed):
        model = Model.build("image", facts, SETTINGS)
    steps = (36 / (2 * math.log(2) * lambdas(torch.arange(QUALITIES)))).sqrt()
    with torch.no_grad():
        model.encoder.front.weight.mul_(LOUD)
        model.decoder.back.weight.div_(LOUD)
        model.bottleneck.gains.copy_(-(steps / 20).log()[:, None].expand_as(model.bottleneck.gains))
        model.bottleneck.hyper_gains.zero_()
    return model


def main() -> None:
    """Train, count the tables, write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--init", type=Path)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("photo-1.hourglass"))
    given = parser.parse_args()
    pieces = image.read(given.data)
    arrays = [np.broadcast_to(each.pixels, (*each.size, 3)) for number in range(len(pieces.counts)) for each in pieces.load(number)]
    pictures = [torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 0))) for array in arrays]
    model = read_model(given.init).to(torch.float32) if given.init else begun(pieces, given.seed)
    model.bottleneck.generator = torch.Generator().manual_seed(given.seed)
    data = Crops(pictures, given.seed, 500)
    epochs = None if given.steps is None else given.steps / data.epoch
    steps = 0
    if given.steps != 0:
        loop = Loop([lowered(model.train())], data, Schedule(given.learning_rate, epochs, given.minutes), model.bottleneck.generator)
        for told in loop:
            print(f"step {told.step:7,}  error {told.training:.4f}  bits {told.cost:.4f}  sum {told.training + told.cost:.4f}", flush=True)
        loop.finish()
        steps = loop.progress.step
    model.record |= {"name": "photo-1", "steps": model.record.get("steps", 0) + steps, "samples": len(pictures)}
    narrow = model.to(torch.float16).train(False)
    narrow.arrays = learned(narrow, arrays[::5])
    write_model(narrow, given.output)


if __name__ == "__main__":
    main()
