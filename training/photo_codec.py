"""Remake the picture codec photo-2 (training/photo-2.hourglass, see its card); photo-1, which is shipped, is what it went on from.

    python training/photo_codec.py --data BSDS500 [--init MODEL] [--minutes 8 | --steps N] [--device cuda] [-o photo-2.hourglass]

BSDS500 is a folder of pictures with any folders inside. Training begins at the cosine transform, or with `--init` at a codec that this
script made, now or in an earlier release: what that one lacks begins silent. Pictures lie on the device, crops are made there, and every
minute the average of the weights is written. With `--steps 0` tables are counted, on a fifth of the pictures: the file is ready to be used.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from hourglass.crops import SIDE, lambdas
from hourglass.files import read_model, write_model
from hourglass.kinds import image
from hourglass.layers.processor import fast_bfloat16
from hourglass.model import Model, seeded
from hourglass.parts import Pieces

NAME = "photo-2"
QUALITIES = 10  # sets of steps, from quality 0 to quality 100
SHRUNK = 0.4  # share of crops from shrunken pictures, where traces of JPEG are gone
LOUD = 255 / 20  # the transform's waves are brought near 1
JUDGED = 40  # every such picture is not trained on, but tells how far training is
WARM, MEAN, AHEAD = 500, 0.999, 4  # steps: of rising rates, of which weights are averaged (share kept), that a device may lag behind
WRITTEN, TOLD = 60.0, 10.0  # seconds between two results and two lines
SETTINGS = {
    "purpose": "compress",
    "network": "patch:blocks=4,width=[192,384],activation=leaky",
    "bottleneck": f"entropy:qualities={QUALITIES},hyper=96,context=160",
    "loss": "gaussian",
    "code_size": 192,
    "members": 1,
    "batch_size": 8,
}


class Crops:
    """Pictures (3, H, W) of uint8 as one tensor on a device, from which batches of crops are cut."""

    def __init__(self, pictures: list[Tensor], device: torch.device, seed: int) -> None:
        sizes = torch.tensor([[*picture.shape[1:]] for picture in pictures])
        counts = 3 * sizes.prod(1)
        self.pixels = torch.cat([picture.flatten() for picture in pictures]).to(device)
        self.first, self.sizes = (counts.cumsum(0) - counts).to(device), sizes.to(device)
        self.least, self.count, self.device = int(sizes.min()), len(pictures), device
        self.draw = torch.Generator(device).manual_seed(seed)
        self.chance = torch.Generator().manual_seed(seed)

    def batch(self, count: int, side: int) -> Tensor:
        """Crops (count, 3, side, side) in [0, 1], some of them shrunk, half of them mirrored, a quarter turned over."""
        times = 1 + float(torch.rand((), generator=self.chance)) * (min(2.0, self.least / side) - 1)
        shrunk = round(SHRUNK * count)
        wide = interpolate(self._cut(shrunk, int(side * times)), (side, side), mode="bilinear", antialias=True)
        return torch.cat([wide.clamp(0, 1), self._cut(count - shrunk, side)])

    def _cut(self, count: int, side: int) -> Tensor:
        def uniform(*shape: int) -> Tensor:
            return torch.rand(shape, generator=self.draw, device=self.device)

        which = (uniform(count) * self.count).long().clamp_(max=self.count - 1)
        height, width = self.sizes[which].unbind(1)
        top, left = ((uniform(count) * (whole - side + 1)).long().minimum(whole - side) for whole in (height, width))
        step = torch.arange(side, device=self.device)
        columns = torch.where(uniform(count, 1) < 0.5, step.flip(0), step) + left[:, None]
        place = (top[:, None] + step)[:, :, None] * width[:, None, None] + columns[:, None, :]
        place = torch.where(uniform(count, 1, 1) < 0.25, place.transpose(1, 2), place)
        plane = torch.arange(3, device=self.device)[:, None, None] * (height * width)[:, None, None, None]
        return self.pixels[self.first[which][:, None, None, None] + plane + place[:, None]].float() / 255


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


def carried_on(model: Model, path: Path) -> Model:
    """The model with the weights of an earlier one, as far as that has them: new blocks and turns begin silent."""
    earlier = read_model(path).to(torch.float32)
    strange = model.modules().load_state_dict(earlier.modules().state_dict(), strict=False).unexpected_keys
    assert not strange, f"{path} is no earlier photo codec: {strange}"
    model.record = dict(earlier.record)
    return model


def through(blocks: Any, x: Tensor, narrow: bool) -> Tensor:
    """Residual blocks whose branches are narrow, but whose sum is not."""
    for block in blocks:
        for branch in ((block.enter, block.first, block.around, block.leave), (block.widen, block.second, block.narrow)):
            with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=narrow):
                made = x
                for layer in branch:
                    made = layer(made)
            x = x + made.float()
    return x


def passed(model: Model, x: Tensor, narrow: bool) -> tuple[Tensor, Tensor]:
    """Squared error, in grey levels, and bits per pixel of crops (B, 3, H, W), (B,) each."""
    encoder, decoder, bottleneck = (part for part in (model.encoder, model.decoder, model.bottleneck))  # type: Any, Any, Any
    code = bottleneck(encoder.last(through(encoder.body, encoder.front(x), narrow)))
    output = decoder.back(through(decoder.body, decoder.first(code.z), narrow))
    return (output - x).square().flatten(1).mean(1) * 255**2, code.cost / math.log(2) / x[0, 0].numel()


class Flat:
    """All weights and gradients that are trained as one tensor each, with their optimizer and their average."""

    def __init__(self, modules: list[nn.Module], fastest: float) -> None:
        each = [weight for module in modules for weight in module.parameters()]
        self.weights = torch.cat([weight.detach().flatten() for weight in each])
        self.gradient, self.mean = torch.zeros_like(self.weights), self.weights.clone()
        for weight, *parts in zip(each, *(whole.split([w.numel() for w in each]) for whole in (self.weights, self.gradient)), strict=True):
            weight.data, weight.grad = (part.view(weight.shape) for part in parts)
        self.weights.grad = self.gradient
        self.optimizer = torch.optim.Adam([self.weights], lr=fastest, betas=(0.9, 0.99), fused=True)
        self.fastest, self.steps = fastest, 0

    def step(self, used: float) -> Tensor:
        """One step, where a part of the budget is used; the gradient's length."""
        torch.nan_to_num_(self.gradient, 0.0, 0.0, 0.0)
        length = torch.linalg.vector_norm(self.gradient)
        self.gradient.mul_((1 / length.clamp_min(1e-12)).clamp(max=1.0))
        slow = min(1.0, (self.steps + 1) / WARM) * 0.5 * (1 + math.cos(math.pi * min(used, 1.0)))
        self.optimizer.param_groups[0]["lr"] = self.fastest * slow + 1e-7
        self.optimizer.step()
        self.gradient.zero_()
        self.mean.lerp_(self.weights, max(1 - MEAN, 1 / (self.steps + 10)))
        self.steps += 1
        return length

    def swap(self) -> None:
        """Weights and average change places, for the time that something is done with the average."""
        between = self.weights.clone()
        self.weights.copy_(self.mean)
        self.mean.copy_(between)


def judged(model: Model, pictures: Tensor, narrow: bool) -> str:
    """Bits per pixel and PSNR of pictures that are not trained on, at some qualities."""
    bottleneck: Any = model.bottleneck
    model.train(False)
    told = []
    for quality in range(0, QUALITIES, 2):
        bottleneck.quality = float(quality)
        with torch.no_grad():
            error, bits = passed(model, pictures, narrow)
        told.append(f"{float(bits.mean()):.3f}/{float(10 * torch.log10(255**2 / error).mean()):.2f}")
    bottleneck.quality = None
    model.train(True)
    return " ".join(told)


def written(model: Model, shape: Model, record: dict[str, Any], path: Path) -> None:
    """The model file with float16 weights; `shape` is a model like it that lies in memory."""
    shape.modules().load_state_dict(model.modules().state_dict())
    made = shape.to(torch.float16).train(False)
    made.arrays, made.record = {}, record
    write_model(made, path)


def trained(model: Model, crops: Crops, held_out: Tensor, given: argparse.Namespace) -> None:
    """Train, and write the file: now and then, and at the end."""
    shape, device = model.to("cpu"), crops.device
    model.modules().to(device).train()
    bottleneck: Any = model.bottleneck
    bottleneck.generator = crops.draw
    flat = Flat([model.encoder, model.bottleneck, model.decoder], given.learning_rate)
    narrow = device.type == "cuda" or fast_bfloat16()
    begin = told_at = written_at = time.monotonic()
    sums, told_step, used, waiting = torch.zeros(3, device=device), 0, 0.0, deque[Any]()
    while used < 1:
        with torch.no_grad():
            x = crops.batch(given.batch, given.side)
        error, bits = passed(model, x, narrow)
        weight = lambdas(bottleneck.drawn).sqrt()
        loss = (error * weight + bits / weight).mean()
        loss.backward()
        length = flat.step(used)
        sums += torch.stack([loss.detach(), bits.detach().mean(), length])
        now = time.monotonic()
        used = flat.steps / given.steps if given.steps else (now - begin) / (60 * given.minutes)
        if now - told_at > TOLD or used >= 1:
            lowered, rate, steep = (sums / (flat.steps - told_step)).tolist()  # waits for the device
            print(f"{now - begin:5.0f} s  step {flat.steps:7,}  sum {lowered:.4f}  bits {rate:.4f}  gradient {steep:.3f}", flush=True)
            sums.zero_()
            told_at, told_step = now, flat.steps
            if now - written_at > WRITTEN or used >= 1:
                flat.swap()
                print("        bits per pixel / PSNR of pictures not seen:", judged(model, held_out, narrow), flush=True)
                steps = shape.record.get("steps", 0) + flat.steps
                written(model, shape, {"name": NAME, "steps": steps, "samples": crops.count}, given.output)
                flat.swap()
                written_at = time.monotonic()
        if device.type == "cuda":  # else the clock would run far ahead of the device
            waiting.append(torch.cuda.Event())
            waiting[-1].record()
            if len(waiting) > AHEAD:
                waiting.popleft().synchronize()


def main() -> None:
    """Train and write the file, or count its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--init", type=Path)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path(f"{NAME}.hourglass"))
    given = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    pieces = image.read(given.data)
    arrays = [np.broadcast_to(each.pixels, (*each.size, 3)) for number in range(len(pieces.counts)) for each in pieces.load(number)]
    model = begun(pieces, given.seed)
    model = carried_on(model, given.init) if given.init else model
    if given.steps == 0:
        from hourglass.uses.tables import learned

        narrow = model.to(torch.float16).train(False)
        narrow.arrays = learned(narrow, arrays[::5])
        write_model(narrow, given.output)
        return
    pictures = [torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 0))) for array in arrays]
    device = torch.device(given.device)
    crops = Crops([each for number, each in enumerate(pictures) if number % JUDGED], device, given.seed)
    held_out = torch.stack([each[:, :256, :256] for each in pictures[::JUDGED]]).to(device).float() / 255
    print(f"{len(pictures)} pictures on {device}, {sum(w.numel() for w in model.parameters()):,} weights", flush=True)
    trained(model, crops, held_out, given)


if __name__ == "__main__":
    main()
