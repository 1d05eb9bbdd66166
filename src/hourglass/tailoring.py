"""A picture codec for the user's own pictures: the one that comes with hourglass, trained further on them.

What is lowered is what that codec was trained by (`crops`). Some pictures are held out; training begins at the shipped weights, which are
kept where nothing better on held-out pictures is found. At the end the integer tables are counted anew, and real files decide.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import hourglass
from hourglass import photos, reading, recipes
from hourglass.batches import shuffler
from hourglass.budget import Record, Schedule
from hourglass.checkpoint import Checkpoint
from hourglass.crops import SIDE, Crops, lambdas, lowered, weighed
from hourglass.kinds import image
from hourglass.model import Model
from hourglass.parts import Batch, Pieces
from hourglass.stopping import Patience, interruptible
from hourglass.train import Loop
from hourglass.uses import detect
from hourglass.uses.photo import WHITES
from hourglass.uses.tables import learned

__all__ = ["Begun", "Tailoring", "begin", "seen"]

Pixels = NDArray[Any]
LEAST = 64  # pixels along the shorter side: of smaller pictures the codec knows too little
SMALLEST = 32  # pixels, below which a picture among larger ones is left out
MOST = 1 << 28  # numbers in the pictures that are kept in memory
FEW, MOST_HELD_OUT = 5, 64  # pictures: of fewer a part of each is held out; and no more than so many are
JUDGED = (1.0, 3.0, 5.0, 7.0)  # sets of steps at which held-out crops are looked at
LOOKS = 2  # batches of them
COUNTED, WINDOW = 1 << 20, 256  # pixels of pictures that tables are counted on; of each at most a window
TILES = 64  # tiles from which later uses learn what is usual
FREE = ("network", "bottleneck", "loss", "spoil", "code_size", "members")
ASKED = (30, 50, 70)  # qualities at which the result must be better than what it began with
AGAIN = "on held-out pictures it came out no better than the codec that {}, whose weights were kept"


class Tailoring:
    """One training. Iterate over it: it yields the loop's records, and `model` is ready when it ends.

    `held_out` are pictures that training never sees.
    """

    def __init__(self, model: Model, pictures: Sequence[Pixels], seed: int, checkpoint: str | os.PathLike[str] | None = None) -> None:
        self.model, self.start, self.seed = model, model, seed
        self.pictures, self.held_out = _divided(pictures, seed)
        self.history: list[dict[str, Any]] = []
        self.troubles: list[str] = []
        count = model.settings["batch_size"]
        tensors = [_tensor(each) for each in self.pictures]
        self.data = Crops(tensors, seed, max(1, _tiles(self.pictures) // count), count)
        self.looks = list(Crops([_tensor(each) for each in self.held_out], seed, LOOKS).batches(0))
        shown, start = {str(number): each for number, each in enumerate(tensors)}, dict(model.modules().state_dict())
        self.checkpoint = checkpoint and Checkpoint(Path(checkpoint), {**model.settings, "seed": seed}, shown, start)

    def __iter__(self) -> Iterator[Record]:
        """Train. Stops early, keeps the best weights, survives Ctrl-C, writes and resumes a checkpoint."""
        self.model = self.start.to(torch.float32).train()
        bottleneck: Any = self.model.bottleneck
        bottleneck.generator = generator = shuffler(self.seed, 3)
        loop = Loop([lowered(self.model)], self.data, Schedule.of(self.model.settings), generator, self._judge)
        patience = Patience()
        if self.checkpoint:
            self.history, self.troubles = self.checkpoint.resume(loop)
            for row in self.history:
                patience.hear(row.get("held_out"), row["fraction"])
        with interruptible(lambda: setattr(loop, "stopping", True)):
            for record in () if patience.over else loop:
                self.history.append({name: value for name, value in vars(record).items() if value is not None})
                self.troubles += [record.trouble] if record.trouble else []
                if self.checkpoint and not loop.stopping:
                    self.checkpoint.save(loop, self.history, self.troubles)
                yield record
                if patience.hear(record.held_out, record.fraction):
                    break
        loop.finish()
        stopped = "the budget was used"
        if loop.stopping:
            stopped = "interrupted; the best weights so far were kept"
        elif patience.over:
            stopped = f"no better on held-out pictures since {patience.reached:.0%} of the budget"
        self._finish(loop, stopped)

    def _judge(self) -> tuple[float, float]:
        """Squared error and bits of held-out crops, in use, weighed as in training and averaged over qualities."""
        bottleneck: Any = self.model.bottleneck
        self.model.train(False)
        sums = [0.0, 0.0]
        with torch.no_grad():
            for quality in JUDGED:
                bottleneck.quality = quality
                for batch in self.looks:
                    found = weighed(self.model, batch, torch.tensor(quality))
                    sums = [held + float(each.mean()) for held, each in zip(sums, found, strict=True)]
        bottleneck.quality = None
        self.model.train()
        return sums[0] / (len(JUDGED) * len(self.looks)), sums[1] / (len(JUDGED) * len(self.looks))

    def _finish(self, loop: Loop, stopped: str) -> None:
        """Round the weights as the file has them, count the tables, and let real files of held-out pictures decide."""
        trained = self.model.to(torch.float16).to(torch.float32).train(False)
        trained.arrays = dict(self.start.arrays)
        shown = (np.broadcast_to(each, (*each.shape[:2], 3)) for each in _windows(self.pictures))
        trained.arrays |= learned(trained, shown, [self.start.arrays[name] for name in ("photo.tables", "photo.hyper")])
        trained.record = {"name": "own"}
        judged = list(_windows(self.held_out))[:16]
        better = _cost(trained, judged) < _cost(self.start, judged)
        self.model = trained if better else self.start
        self.model.record |= {
            "kept": None if better else AGAIN.format("comes with hourglass" if photos.is_shipped(self.start) else "it began with"),
            "history": self.history[:: max(1, len(self.history) // 400)],
            "troubles": self.troubles,
            "stopped": stopped,
            "steps": loop.progress.step,
            "epochs": loop.progress.epoch,
            "seconds": round(loop.progress.seconds, 3),
            "samples": len(self.pictures) + len(self.held_out),
            "seed": self.seed,
            "versions": {"hourglass": hourglass.__version__, "torch": torch.__version__},
        }
        seen, apart = (_sample(pictures) for pictures in (self.pictures, self.held_out))
        self.model.arrays |= detect.prepare(self.model, seen, apart)
        if self.checkpoint:
            self.checkpoint.remove()


class Begun(NamedTuple):
    """What a training begins with."""

    model: Model
    pictures: Sequence[Pixels]
    seed: int


def begin(params: dict[str, Any], reader: reading.Reader, pieces: Pieces, facts: dict[str, Any], seed: int) -> Begun | None:
    """The training that is meant, or None where it is not: other data, small pictures, parts that the user named.

    `params` are the estimator's; with `init`, the model of a codec of the user's own, training begins at that one.
    """
    automatic = all(params[name] in (None, "auto") for name in FREE) and not params["stacked"]
    if (
        params["purpose"] != "compress"
        or reader.name != "image"
        or reader.options_learn.get("size")
        or not automatic
        or not facts.get("cut")
    ):
        return None
    start = _start(params["init"])
    pictures = None if start is None else _gathered(pieces, facts)
    if start is None or pictures is None:
        return None
    model = start.to(torch.float32).train(False)
    resolved = recipes.resolve(params, "image", {**facts, "codec": start.settings}, _tiles(pictures))
    resolved.pop("sized")
    model.settings = {**start.settings, **resolved}
    model.facts = {**facts, "shape": [3, SIDE, SIDE], "size": [SIDE, SIDE], "channels": 3, "fields": [["number", 0, 3]]}
    return Begun(model, pictures, seed)


def seen(run: Tailoring) -> tuple[Any, Any, Any]:
    """What a report right after the training looks at: pictures that it learned from (which no report needs), others, and no labels."""
    return [], run.held_out, None


def _start(init: Any) -> Model | None:
    """The codec to begin with: the shipped one, or the user's; None where `init` is another model."""
    if init is None:
        return photos.shipped_model()
    return init if isinstance(init, Model) and photos.is_codec(init) else None


def _gathered(pieces: Pieces, facts: dict[str, Any]) -> list[Pixels] | None:
    """The pictures (H, W, 1 or 3) in memory, of large ones a window; None where they are small, or no values that the codec takes."""
    low, high = facts["range"]
    if facts["dtype"] not in WHITES and (facts["dtype"] not in ("float32", "float64") or (low, high) != (0.0, 1.0)):
        return None
    room = max(SIDE * SIDE * 3, min(MOST, reading.room()) // pieces.count)
    found: list[Pixels] = []
    for chunk in reading.chunks(pieces):
        found += [_window(each.pixels, math.isqrt(room // each.pixels.shape[2])) for each in image.pictures(chunk)]
    shorter = [min(pixels.shape[:2]) for pixels in found]
    if float(np.median(shorter)) < LEAST:
        return None
    return [pixels for pixels, side in zip(found, shorter, strict=True) if side >= SMALLEST]


def _divided(pictures: Sequence[Pixels], seed: int) -> tuple[list[Pixels], list[Pixels]]:
    """Pictures to learn from and others to judge by; of fewer than five the last fifth of each is held out."""
    count = len(pictures)
    if count >= FEW:
        order = torch.randperm(count, generator=shuffler(seed, 1)).tolist()
        held = min(max(count // 8, 2), MOST_HELD_OUT)
        return [pictures[i] for i in order[held:]], [pictures[i] for i in order[:held]]
    first: list[Pixels] = []
    last: list[Pixels] = []
    for pixels in pictures:
        axis = 0 if pixels.shape[0] >= pixels.shape[1] else 1
        whole, rest = np.array_split(pixels, [pixels.shape[axis] * 4 // 5], axis)
        first, last = [*first, whole], [*last, rest]
    return first, last


def _window(pixels: Pixels, side: int) -> Pixels:
    """The middle of a picture, at most so many pixels along each side."""
    top, left = (max(0, (whole - side) // 2) for whole in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def _windows(pictures: Sequence[Pixels]) -> Iterator[Pixels]:
    """Windows of pictures, until they are enough to count."""
    pixels = 0
    for picture in pictures:
        if pixels < COUNTED:
            shown = _window(picture, WINDOW)
            pixels += shown.shape[0] * shown.shape[1]
            yield shown


def _cost(model: Model, pictures: Sequence[Pixels]) -> float:
    """What is lowered in training, of real files."""
    by = photos.of_model(model)
    assert by is not None
    total = 0.0
    for quality in ASKED:
        weight = float(lambdas(torch.tensor(quality / 100 * (len(model.bottleneck.gains) - 1)))) ** 0.5  # type: ignore[arg-type]
        for pixels in pictures:
            data = photos.compress(by, image.Picture(pixels), photos.Aim(quality))
            error = np.square(_unit(photos.decompress(by, data).pixels) - _unit(pixels)).mean() * 255**2
            total += float(error) * weight + 8 * len(data) / (pixels.shape[0] * pixels.shape[1]) / weight
    return total


def _unit(pixels: Pixels) -> NDArray[np.float64]:
    """Values from 0 to 1."""
    return pixels.astype(np.float64) / WHITES.get(str(pixels.dtype), 1.0)


def _tiles(pictures: Sequence[Pixels]) -> int:
    """How many crops the pictures are worth."""
    return sum(max(1, round(pixels.shape[0] * pixels.shape[1] / SIDE**2)) for pixels in pictures)


def _tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, 0)))


def _sample(pictures: Sequence[Pixels]) -> Batch:
    """Some crops of one size, for what is learned of usual errors."""
    tiles = [image.inside(_tensor(_unit(pixels)).float(), SIDE, SIDE)[0] for pixels in pictures[:TILES]]
    return Batch(torch.stack([each.expand(3, -1, -1) for each in tiles]))
