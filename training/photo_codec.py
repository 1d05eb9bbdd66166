"""Remake the shipped picture codec, src/hourglass/pretrained/photo-1.hourglass.

    python training/photo_codec.py --data BSDS500 [--init MODEL] [--minutes 600 | --steps N] [-o photo-1.hourglass]

BSDS500 is a folder of pictures with any folders inside. Without `--init` training begins at the cosine transform, with it from a model that
this script made. What is lowered, and the crops, are those of `hourglass.crops`; at the end the tables are counted on a fifth of the
pictures.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch

from hourglass.budget import Schedule
from hourglass.crops import BATCH, SIDE, Crops, lambdas, lowered
from hourglass.files import read_model, write_model
from hourglass.kinds import image
from hourglass.model import Model, seeded
from hourglass.parts import Pieces
from hourglass.train import Loop
from hourglass.uses.tables import learned

QUALITIES = 10  # sets of steps, from quality 0 to quality 100
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
    data = Crops(pictures, given.seed, 500, shrunk=SHRUNK)
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
