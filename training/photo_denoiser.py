"""Remake the shipped picture denoiser, src/hourglass/pretrained/photo-denoiser-1.hourglass.

    python training/photo_denoiser.py --data BSDS500 [--init MODEL] [--minutes 600 | --steps N] [-o photo-denoiser-1.hourglass]

BSDS500 is a folder of pictures with any folders inside. Without `--init` training begins at nothing, with it from a model that this
script made. One network learns all sorts and levels of noise (`training/noises.py`), in grey and in colour: each crop is damaged in a way
of its own, and lowers the root of its mean squared error, so that strong noise does not drown weak. What is written is an average of the
weights over the last steps. A training that was killed goes on from the checkpoint beside its result.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from noises import damaged
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import interpolate

from hourglass.budget import Schedule
from hourglass.checkpoint import Checkpoint
from hourglass.files import read_model, write_model
from hourglass.flat import Objective
from hourglass.kinds import image
from hourglass.layers.processor import fast_bfloat16
from hourglass.model import Model, seeded
from hourglass.parts import Batch, Pieces
from hourglass.train import Loop

NAME = "photo-denoiser-1"
SIDE, BATCH = 96, 4
EPOCH = 500  # steps
GREY, SHRUNK, DRAWN = 0.4, 0.25, 0.06  # shares of crops: grey ones, those of shrunken pictures, where traces of JPEG are gone, drawings
LEAST = 0.5 / 255  # an error that does not matter
MEAN = 0.995  # of the averaged weights that a step keeps
WRITTEN = 300.0  # seconds between two results
LUMA = torch.tensor([0.299, 0.587, 0.114])
SETTINGS = {
    "purpose": "denoise",
    "network": "unet:widths=[48,96,192],blocks=2,skips=3",
    "bottleneck": "plain",
    "loss": "laplace",
    "code_size": 8,
    "members": 1,
    "batch_size": BATCH,
}


class Crops:
    """Clean crops of the pictures and their damaged twins, for the loop: batches (2 * BATCH, 3, SIDE, SIDE), the clean ones first."""

    def __init__(self, pictures: list[Tensor], seed: int, side: int = SIDE) -> None:
        self.pictures, self.seed, self.side = pictures, seed, side

    def steps(self) -> int:
        """Batches in what counts as an epoch."""
        return EPOCH

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The same crops and the same noise for the same seed, also after a kill."""
        for number in range(skip, EPOCH):
            chance = random.Random(f"{self.seed}-{epoch}-{number}")
            clean = [self._crop(chance) for _ in range(BATCH)]
            noisy = [damaged(crop, chance) for crop in clean]
            yield Batch(torch.stack([crop.expand(3, -1, -1) for crop in clean + noisy]))

    def _crop(self, chance: random.Random) -> Tensor:
        """(3, side, side), or (1, side, side) of grey, in [0, 1]."""
        crop = drawn(self.side, chance) if chance.random() < DRAWN else self._cut(chance)
        return (crop * LUMA[:, None, None]).sum(0, keepdim=True) if chance.random() < GREY else crop

    def _cut(self, chance: random.Random) -> Tensor:
        """A crop (3, side, side) of a picture."""
        picture = chance.choice(self.pictures)
        most = min(picture.shape[1:])
        side = int(min(self.side * chance.uniform(1, 2), most)) if chance.random() < SHRUNK else self.side
        top, left = (chance.randrange(length - side + 1) for length in picture.shape[1:])
        crop = torch.rot90(picture[:, top : top + side, left : left + side].float() / 255, chance.randrange(4), (1, 2))
        crop = crop if chance.random() < 0.5 else crop.flip(2)
        return crop if side == self.side else interpolate(crop[None], (self.side, self.side), mode="bilinear", antialias=True)[0]


def drawn(side: int, chance: random.Random) -> Tensor:
    """A drawing (3, side, side): areas, lines, grids and letters, which are sharper and more regular than anything in photographs."""

    def colour() -> tuple[int, ...]:
        return tuple(chance.choice([0, 255, chance.randrange(256)]) for _ in range(3))

    page = Image.new("RGB", (side, side), colour())
    draw = ImageDraw.Draw(page)
    for _ in range(chance.randint(2, 10)):
        corners = [chance.randrange(side) for _ in range(4)]
        draw.line(corners, colour(), chance.randint(1, 3))
        ends = sorted(corners[::2]), sorted(corners[1::2])
        draw.rectangle([ends[0][0], ends[1][0], ends[0][1], ends[1][1]], chance.choice([None, colour()]), colour())
        draw.text((corners[0] - 20, corners[1] - 5), "".join(chance.choices("abcdefghijkmnoprstuwxyz 0123456789", k=14)), colour())
    if chance.random() < 0.4:
        ink, period = colour(), chance.randint(3, 24)
        for place in range(chance.randrange(period), side, period):
            draw.line([0, place, side, place] if chance.random() < 0.8 else [place, 0, place, side], ink)
    return torch.from_numpy(np.array(page)).movedim(-1, 0).float() / 255


def lowered(model: Model, averaged: list[Tensor]) -> Objective:
    """What the loop lowers; `averaged` are the weights' running means, which it keeps."""
    narrow = torch.bfloat16 if fast_bfloat16() else None
    weights = [*model.encoder.parameters(), *model.decoder.parameters()]

    def lower(batch: Batch, fraction: float) -> tuple[Tensor, Tensor]:
        torch._foreach_lerp_(averaged, [weight.data for weight in weights], 1 - MEAN)
        clean, noisy = batch.x.chunk(2)
        with torch.autocast("cpu", dtype=narrow, enabled=narrow is not None):
            code = model.encode(Batch(noisy))
            output = model.decode(code.z, code.beside).float()
        error = (output - clean).square().flatten(1).mean(1)
        return (error + LEAST**2).sqrt().mean(), error.new_zeros(())

    return Objective(weights, averaged, lower)


def begun(pictures: Pieces, seed: int) -> Model:
    """A network that gives back nearly what came in."""
    facts = image.as_tiles(image.learn(pictures), (SIDE, SIDE))
    with seeded(seed):
        model = Model.build("image", facts, SETTINGS)
    with torch.no_grad():
        model.decoder.levels[-1][-1].weight.mul_(0.1)
    return model


def written(model: Model, averaged: list[Tensor], steps: int, pictures: int, path: Path) -> None:
    """The model file, with the averaged weights in float16."""
    made = model.to(torch.float16).train(False)
    for weight, mean in zip([*made.encoder.parameters(), *made.decoder.parameters()], averaged, strict=True):
        weight.data.copy_(mean)
    made.record = model.record | {"name": NAME, "steps": model.record.get("steps", 0) + steps, "samples": pictures}
    write_model(made, path)


def trained(model: Model, pictures: list[Tensor], schedule: Schedule, seed: int, path: Path) -> None:
    """Train, going on from a checkpoint where there is one, and write the file: now and then, and at the end."""
    averaged = [weight.detach().clone() for weight in (*model.encoder.parameters(), *model.decoder.parameters())]
    loop = Loop([lowered(model.train(), averaged)], Crops(pictures, seed), schedule, torch.Generator().manual_seed(seed))
    key = {"rate": schedule.learning_rate, "epochs": schedule.epochs, "minutes": schedule.minutes, "seed": seed}
    checkpoint = Checkpoint(path.with_suffix(".checkpoint"), key, {}, {str(number): mean for number, mean in enumerate(averaged)})
    history, _ = checkpoint.resume(loop)
    due = time.monotonic() + WRITTEN
    for told in loop:
        print(f"step {told.step:7,}  {told.fraction:6.1%}  error {255 * told.training:.4f}  {told.trouble or ''}", flush=True)
        checkpoint.save(loop, history, [])
        if time.monotonic() > due:
            written(model, averaged, loop.progress.step, len(pictures), path)
            due = time.monotonic() + WRITTEN
    written(model, averaged, loop.progress.step, len(pictures), path)
    checkpoint.remove()


def main() -> None:
    """Read the pictures and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--init", type=Path)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--learning-rate", type=float, default=1.2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path(f"{NAME}.hourglass"))
    given = parser.parse_args()
    pieces = image.read(given.data)
    arrays = [np.broadcast_to(each.pixels, (*each.size, 3)) for number in range(len(pieces.counts)) for each in pieces.load(number)]
    pictures = [torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 0))) for array in arrays]
    model = read_model(given.init).to(torch.float32) if given.init else begun(pieces, given.seed)
    epochs = None if given.steps is None else given.steps / EPOCH
    trained(model, pictures, Schedule(given.learning_rate, epochs, given.minutes), given.seed, given.output)


if __name__ == "__main__":
    main()
