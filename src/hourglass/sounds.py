"""Sound without its noise, by the denoiser that comes with hourglass or by a gate of the user's: any length, rate and channels."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from hourglass.files import read_model
from hourglass.kinds._sound import Sound, as_sounds
from hourglass.layers.hush import Floors
from hourglass.model import Model
from hourglass.parts import Part, Pieces
from hourglass.uses.denoise import checked_strength
from hourglass.uses.hush import Quiet, hushed

__all__ = ["Cleaning", "gated", "shipped"]

SHIPPED = Path(__file__).parent / "pretrained" / "sound-denoiser-1.hourglass"
Progress = Callable[[int, int], object]


@functools.cache
def shipped() -> Model:
    """The denoiser of sound that comes with hourglass."""
    return read_model(SHIPPED).to(torch.float32).train(False)


def gated(model: Model) -> bool:
    """Whether a model is a gate of sound, which takes recordings as they are."""
    return model.kind == "audio" and Part.parse(model.settings["network"]).name == "gate"


class Cleaning:
    """Recordings, a piece at a time, without their noise; `strength` 0 leaves them as they are. Iterate over it: it gives lists of sounds.

    Of a recording that comes in several pieces, the floor of the noise is measured in all of them first. `progress(done, all)` is called
    after each piece. `removed` is, once all is done, the root mean square of what was removed, as a share of that of the sounds.
    """

    def __init__(self, pieces: Pieces, strength: float = 1.0, model: Model | None = None, progress: Progress | None = None) -> None:
        checked_strength(strength)
        self.pieces, self.strength, self.progress = pieces, strength, progress
        self.gate = (shipped() if model is None else model).to(torch.float32).train(False)
        self.noise = self.whole = 0.0

    @property
    def removed(self) -> float:
        """See above."""
        return math.sqrt(self.noise / self.whole) if self.whole else 0.0

    def __iter__(self) -> Iterator[list[Sound]]:
        """The pieces in order."""
        quiet: Floors | None = None
        for number in range(len(self.pieces.counts)):
            done = []
            for sound in as_sounds(self.pieces.load(number)):
                if sound.begin == 0 or quiet is None:
                    quiet = _quiet(self.pieces, number, sound)
                done.append(self._cleaned(sound, quiet))
            if self.progress is not None:
                self.progress(number + 1, len(self.pieces.counts))
            yield done

    def _cleaned(self, sound: Sound, quiet: Floors) -> Sound:
        """A sound, or a piece of one, without what is around it."""
        if self.strength == 0:
            return replace(sound, samples=sound.own, ahead=0, behind=0)
        place, before = (sound.begin - sound.ahead, sound.begin, sound.end), _rows(sound.own)
        made = torch.cat(list(hushed(self.gate, _rows(sound.samples), quiet, sound.rate, place)), dim=1)
        made = torch.lerp(before, made, self.strength)
        self.noise += float((made - before).square().sum(dtype=torch.float64))
        self.whole += float(before.square().sum(dtype=torch.float64))
        return replace(sound, samples=made.T.numpy().astype(sound.samples.dtype, copy=False), ahead=0, behind=0)


def _quiet(pieces: Pieces, number: int, sound: Sound) -> Floors:
    """The floor of the noise at each pitch of the recording that begins with `sound`."""
    quiet = Quiet(sound.channels, sound.rate)
    quiet.take(_rows(sound.own))
    while number + 1 < len(pieces.counts) and sound.end < sound.total:
        number += 1
        (sound,) = as_sounds(pieces.load(number))  # a part of a long one comes alone
        quiet.take(_rows(sound.own))
    return quiet.floors()


def _rows(samples: object) -> Tensor:
    """Samples (n, C) as (C, n) in single precision."""
    return torch.as_tensor(samples).T.to(torch.float32).contiguous()
