"""Remake the shipped picture denoiser, src/hourglass/pretrained/photo-denoiser-1.hourglass.

    python training/photo_denoiser.py --data BSDS500 --minutes 8 --device cuda [--init MODEL] [-o photo-denoiser-1.hourglass]

BSDS500 is a folder of pictures with any folders inside. Without `--init` training begins at nothing, with it from a model that this
script made. One network learns all sorts and levels of noise (`training/noises.py`), in grey and in colour: each crop is damaged in a way
of its own, and lowers the root of its mean squared error, so that strong noise does not drown weak. What is written, every minute and at
the end, is an average of the weights over the last steps.

This is not the loop of `hourglass.train`, which looks at every gradient before it goes on and so keeps a graphics processor waiting: here
pictures lie on the device, crops and noises are made there, and nothing is read back but a loss every ten seconds.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections import deque
from pathlib import Path

import noises
import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import interpolate

from hourglass.files import read_model, write_model
from hourglass.kinds import image
from hourglass.layers.processor import fast_bfloat16
from hourglass.model import Model, seeded
from hourglass.parts import Batch

NAME = "photo-denoiser-1"
GREY, SHRUNK, DRAWN = 0.45, 0.25, 0.05  # shares of crops: grey ones, those of shrunken pictures, where traces of JPEG are gone, drawings
DRAWINGS, PAGE = 1000, 288  # how many, and their side
LEAST = 0.5 / 255  # an error that does not matter
MEAN = 0.999  # of the averaged weights that a step keeps
WARM = 200  # steps
AHEAD = 4  # steps that a device may have before it
WRITTEN, TOLD = 60.0, 10.0  # seconds between two results and two lines
SETTINGS = {
    "purpose": "denoise",
    "network": "unet:widths=[48,96,192],blocks=2,skips=3",
    "bottleneck": "plain",
    "loss": "laplace",
    "code_size": 8,
    "members": 1,
    "batch_size": 4,
}


class Crops:
    """Pictures (3, H, W) of uint8 as one tensor on a device, from which batches of crops are cut."""

    def __init__(self, pictures: list[Tensor], drawings: list[Tensor], device: torch.device) -> None:
        every = [*pictures, *drawings]
        self.pixels = torch.cat([picture.flatten() for picture in every]).to(device)
        sizes = torch.tensor([picture.shape[1:] for picture in every])
        areas = 3 * sizes.prod(1)
        self.sizes, self.firsts = sizes.to(device), (areas.cumsum(0) - areas).to(device)
        self.photos, self.most = len(pictures), int(sizes.min())

    def batch(self, count: int, side: int, chance: random.Random, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Clean crops (count, 3, side, side) in [0, 1], and which of them are grey (count, 1, 1, 1)."""
        few = int(SHRUNK * count)
        wide = min(self.most, int(side * chance.uniform(1, 2)))
        small = self._cut(few, wide, draw)
        small = small if wide <= side else interpolate(small, (side, side), mode="bilinear", antialias=True)
        x = torch.cat([self._cut(count - few, side, draw), small[..., :side, :side]])
        x = x[torch.randperm(count, generator=draw, device=draw.device)]
        grey = torch.rand(count, 1, 1, 1, generator=draw, device=draw.device) < GREY
        luma = (x * noises.constant(noises.LUMA, x.device)[:, None, None]).sum(1, keepdim=True)
        return torch.where(grey, luma, x), grey

    def _cut(self, count: int, side: int, draw: torch.Generator) -> Tensor:
        """Crops of any pictures, turned and mirrored in any way."""
        at = draw.device
        share = torch.rand(5, count, generator=draw, device=at)
        drawn = share[0] < DRAWN
        others = len(self.sizes) - self.photos
        which = torch.where(drawn & (others > 0), self.photos + (share[1] * others).long(), (share[1] * self.photos).long())
        which = which.clamp(max=len(self.sizes) - 1)
        height, width = self.sizes[which].unbind(1)
        top, left = (torch.minimum((share[2 + n] * (length - side + 1)).long(), length - side) for n, length in enumerate((height, width)))
        step = torch.arange(side, device=at)
        turns = torch.rand(3, count, 1, generator=draw, device=at) < 0.5
        rows, columns = (torch.where(turn, step.flip(0), step) for turn in turns[:2])  # (count, side)
        place = (top[:, None] + rows)[:, :, None] * width[:, None, None] + (left[:, None] + columns)[:, None, :]
        place = torch.where(turns[2, :, :, None], place.transpose(1, 2), place)
        plane = torch.arange(3, device=at)[:, None, None] * (height * width)[:, None, None, None]
        return self.pixels[self.firsts[which][:, None, None, None] + plane + place[:, None]].float() / 255


def drawn(side: int, chance: random.Random) -> Tensor:
    """A drawing (3, side, side): areas, lines, grids and letters, which are sharper and more regular than anything in photographs."""

    def colour() -> tuple[int, ...]:
        return tuple(chance.choice([0, 255, chance.randrange(256)]) for _ in range(3))

    page = Image.new("RGB", (side, side), colour())
    draw = ImageDraw.Draw(page)
    for _ in range(chance.randint(side // 16, side // 6)):
        corners = [chance.randrange(side) for _ in range(4)]
        draw.line(corners, colour(), chance.randint(1, 3))
        far = [min(side, near + chance.randrange(2, 96)) for near in corners[:2]]
        draw.rectangle([*corners[:2], *far], chance.choice([None, colour()]), colour())
        draw.text((corners[2] - 20, corners[3] - 5), "".join(chance.choices("abcdefghijkmnoprstuwxyz 0123456789", k=14)), colour())
    if chance.random() < 0.4:
        ink, period = colour(), chance.randint(3, 24)
        for place in range(chance.randrange(period), side, period):
            draw.line([0, place, side, place] if chance.random() < 0.8 else [place, 0, place, side], ink)
    return torch.from_numpy(np.array(page)).movedim(-1, 0).contiguous()


def begun(pictures: image.Pieces, seed: int) -> Model:
    """A network that gives back nearly what came in."""
    facts = image.as_tiles(image.learn(pictures), (96, 96))
    with seeded(seed):
        model = Model.build("image", facts, SETTINGS)
    with torch.no_grad():
        model.decoder.levels[-1][-1].weight.mul_(0.1)
    return model


def error(model: Model, clean: Tensor, noisy: Tensor, narrow: bool) -> Tensor:
    """The mean over a batch of the roots of the mean squared errors."""
    with torch.autocast(clean.device.type, dtype=torch.bfloat16, enabled=narrow):
        code = model.encode(Batch(noisy.contiguous(memory_format=torch.channels_last)))
        output = model.decode(code.z, code.beside)
    return ((output.float() - clean).square().flatten(1).mean(1) + LEAST**2).sqrt().mean()


def rate(most: float, step: int, used: float) -> float:
    """The learning rate at a step, when a part of the budget is used."""
    return most * min(1.0, (step + 1) / WARM) * 0.5 * (1 + math.cos(math.pi * min(used, 1.0))) + 1e-7


def written(model: Model, averaged: list[Tensor], steps: int, pictures: int, path: Path) -> None:
    """The model file, with the averaged weights in float16."""
    made = model.to("cpu", torch.float16).train(False)
    for weight, mean in zip(made.parameters(), averaged, strict=True):
        weight.data.copy_(mean)
    made.record = model.record | {"name": NAME, "steps": model.record.get("steps", 0) + steps, "samples": pictures}
    write_model(made, path)


def trained(model: Model, crops: Crops, given: argparse.Namespace, device: torch.device) -> None:
    """Train, and write the file: now and then, and at the end."""
    weights = list(model.parameters())
    averaged = [weight.detach().clone() for weight in weights]
    optimizer = torch.optim.AdamW(weights, lr=given.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4, fused=True)
    chance, draw = random.Random(given.seed), torch.Generator(device).manual_seed(given.seed)
    narrow = device.type == "cuda" or fast_bfloat16()
    begin = written_at = told_at = time.monotonic()
    losses, step, used = torch.zeros((), device=device), 0, 0.0
    told_step, waiting = 0, deque[torch.cuda.Event]()
    while used < 1:
        with torch.no_grad():
            clean, grey = crops.batch(given.batch, given.side, chance, draw)
            noisy = noises.damaged(clean, grey, chance, draw)
        loss = error(model, clean, noisy, narrow)
        optimizer.zero_grad()
        loss.backward()
        for weight in weights:
            torch.nan_to_num_(weight.grad, 0.0, 0.0, 0.0)
        norm = torch.nn.utils.clip_grad_norm_(weights, given.clip)
        optimizer.param_groups[0]["lr"] = rate(given.learning_rate, step, used)
        optimizer.step()
        torch._foreach_lerp_(averaged, [weight.data for weight in weights], max(1 - MEAN, 1 / (step + 10)))
        losses += loss.detach()
        step, now = step + 1, time.monotonic()
        used = step / given.steps if given.steps else (now - begin) / (60 * given.minutes)
        if now - told_at > TOLD or used >= 1:
            mean = 255 * float(losses) / (step - told_step)  # waits for the device
            print(f"{now - begin:6.0f} s  step {step:7,}  {used:6.1%}  error {mean:.4f}  gradient {float(norm):.3f}", flush=True)
            losses.zero_()
            told_at, told_step = time.monotonic(), step
            if now - written_at > WRITTEN or used >= 1:
                written(model, averaged, step, crops.photos, given.output)
                written_at = time.monotonic()
        if device.type == "cuda":  # else the clock would run far ahead of the device
            waiting.append(torch.cuda.Event())
            waiting[-1].record()
            if len(waiting) > AHEAD:
                waiting.popleft().synchronize()


def main() -> None:
    """Read the pictures and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--init", type=Path)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--steps", type=int, help="instead of minutes")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--clip", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path(f"{NAME}.hourglass"))
    given = parser.parse_args()
    device = torch.device(given.device)
    torch.backends.cudnn.benchmark = True
    pieces = image.read(given.data)
    arrays = [np.broadcast_to(each.pixels, (*each.size, 3)) for number in range(len(pieces.counts)) for each in pieces.load(number)]
    pictures = [torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 0))) for array in arrays]
    chance = random.Random(given.seed)
    crops = Crops(pictures, [drawn(PAGE, chance) for _ in range(DRAWINGS)], device)
    model = read_model(given.init) if given.init else begun(pieces, given.seed)
    print(f"{len(pictures)} pictures on {device}", flush=True)
    trained(model.to(device, torch.float32, memory_format=torch.channels_last).train(), crops, given, device)


if __name__ == "__main__":
    main()
