"""A gate that lets each pitch of each moment through as far as it is sound, not noise: for denoising sound, and for nothing else.

Sound becomes spectra; of each place of these the encoder sees how far it is above the floor of the noise, which it measures in the
sample itself, and never how loud it is. So hiss of any strength and colour looks alike, and a gate that has learned some works on
others. The code is a short series, what goes on at all pitches together; the places themselves travel beside it, as the skips of
`unet` do. The decoder gives a share between 0 and 1 for each place of the spectrum, so that nothing is invented and, at worst,
something is missing. Boll 1979 (the classical gate, which compares with the floor alone); Valin 2018 (a network gives the shares).

Train it under the spoil `hiss`. Because the spectra go around the code, a good reconstruction says nothing about the code: not for
anomalies, features or compressing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from hourglass.errors import BadOption
from hourglass.layers.hush import LOOKS, OVERLAP, Floors, bins, floors, frames, heard, looks, spectra, waves
from hourglass.layers.members import Members
from hourglass.layers.options import checked_whole

FOLD = 2  # places along pitch and time that become channels: a quarter of the work
REACHES = (1, 2, 4, 8)  # how far apart the places lie that the blocks look at, one after another
OPEN = 1.0  # before training shares are about 0.73
MOST = 2**16  # samples in a frame


class Mixed(nn.Module):
    """A residual block over places (B, channels, bins, frames) that lie `reach` apart."""

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.wide = nn.Conv2d(width, width, 3, padding=reach, dilation=reach)
        self.own = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x + self.own(torch.relu(self.wide(x)))  # type: ignore[no-any-return]


class GateEncoder(nn.Module):
    """Sounds (B, C, T) to h (B, code_size, moments), their spectra, and features of each place."""

    masked = True

    def __init__(self, width: int, blocks: int, code_size: int, frame: int) -> None:
        super().__init__()
        self.frame = frame
        self.first = nn.Conv2d(LOOKS * FOLD**2, width, 3, padding=1)
        self.blocks = nn.Sequential(*(Mixed(width, REACHES[number % len(REACHES)]) for number in range(blocks)))
        self.last = nn.Conv1d(width, code_size, 3, padding=1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """(B, C, T) to (h, spectra (B, C, bins, frames), features). What `mask` leaves out counts as silence, and for no floor."""
        x = x if mask is None else x * mask
        spectrum = spectra(x.flatten(0, 1), self.frame)
        power, real = heard(spectrum), None if mask is None else _real(mask, self.frame, spectrum.shape[-1])
        h, features = self.heard(power, floors(power, real), x.shape[1])
        return h, spectrum.unflatten(0, x.shape[:2]), features

    def heard(self, power: Tensor, quiet: Floors, channels: int) -> tuple[Tensor, Tensor]:
        """Of logarithms of power (B * C, bins, frames) and their floors: h, and features (B, C, width, bins / 2, frames / 2)."""
        seen = _folded(looks(power, quiet))
        features = self.blocks(self.first(seen)).unflatten(0, (-1, channels))
        return self.last(features.mean((1, 3))), features


class GateDecoder(nn.Module):
    """Codes, spectra and features to sounds (B, C, T)."""

    def __init__(self, width: int, blocks: int, code_size: int, frame: int, shape: Sequence[int]) -> None:
        super().__init__()
        self.frame, self.shape = frame, tuple(shape)
        self.first = nn.Conv1d(code_size, width, 3, padding=1)
        self.blocks = nn.Sequential(*(Mixed(width, REACHES[number % len(REACHES)]) for number in range(blocks)))
        self.last = nn.Conv2d(width, FOLD**2, 3, padding=1)
        if not self.last.weight.is_meta:
            with torch.no_grad():
                self.last.weight.mul_(0.1)
                nn.init.constant_(self.last.bias, OPEN)  # type: ignore[arg-type]

    def forward(self, given: Tensor | tuple[Tensor, ...]) -> Tensor:
        """(z, spectra, features) to (B, C, T); from z alone, what the gate would make of a click."""
        z, *beside = given if isinstance(given, tuple) else (given,)
        channels, length = self.shape
        if beside:
            spectrum, features = beside
        else:
            places = (len(z), channels, bins(self.frame), frames(length, self.frame))
            spectrum = torch.complex(z.new_ones(places), z.new_zeros(places))
            features = z.new_zeros(*places[:2], self.first.out_channels, -(-places[2] // FOLD), -(-places[3] // FOLD))
        shares = self.shares(z, features)[..., : spectrum.shape[-2], : spectrum.shape[-1]]
        made = waves((spectrum * shares).flatten(0, 1), self.frame, self._length(spectrum.shape[-1]))
        return made.unflatten(0, spectrum.shape[:2])  # type: ignore[no-any-return]

    def shares(self, z: Tensor, features: Tensor) -> Tensor:
        """How much of each place (B, C, bins, frames) is let through, from 0 to 1; a little more than was given, where it was odd."""
        both = (features + self.first(z)[:, None, :, None]).flatten(0, 1)
        shares = torch.sigmoid(nn.functional.pixel_shuffle(self.last(self.blocks(both)), FOLD)[:, 0])
        return shares.unflatten(0, features.shape[:2])  # type: ignore[no-any-return]

    def _length(self, count: int) -> int:
        """Samples of a sound of so many frames: those of a sample, where it has as many."""
        length = self.shape[1]
        return length if frames(length, self.frame) == count else (count - 1) * (self.frame // OVERLAP)


def encoder(
    shape: Sequence[int], *, code_size: int, members: int = 1, frame: int | None = None, width: int = 32, blocks: int = 4
) -> tuple[nn.Module, tuple[int, ...]]:
    """`frame`: samples in a spectrum, a power of two; `width` channels in each of `blocks` blocks before the code, half as many behind."""
    frame, width, blocks = _plan(shape, frame, width, blocks)

    def make() -> nn.Module:
        return GateEncoder(width, blocks, code_size, frame)

    return make() if members == 1 else Members(make, members), (code_size, -(-frames(shape[1], frame) // FOLD))


def decoder(
    code_shape: Sequence[int],
    shape: Sequence[int],
    outputs: int,
    *,
    members: int = 1,
    frame: int | None = None,
    width: int = 32,
    blocks: int = 4,
) -> nn.Module:
    """The shares of all places, and from these sound."""
    frame, width, blocks = _plan(shape, frame, width, blocks)
    if outputs != 1:
        raise BadOption("gate gives one number for each sample of sound: take loss='ratio', 'gaussian', 'laplace' or 'spectral'")

    def make() -> nn.Module:
        return GateDecoder(width, blocks // 2, code_shape[0], frame, shape)

    return make() if members == 1 else Members(make, members)


def _plan(shape: Sequence[int], frame: int | None, width: int, blocks: int) -> tuple[int, int, int]:
    """The options, checked; samples that are no sound raise `BadOption`."""
    if len(shape) != 2:
        raise BadOption(f"gate works on sound and series (channels, time); these samples have shape {tuple(shape)}; use network='unet'")
    if frame is None:
        frame = next((size for size in (512, 256, 128, 64, 32, 16) if size * 8 <= shape[1]), 8)
    if type(frame) is not int or not 8 <= frame <= MOST or frame & (frame - 1):
        raise BadOption(f"gate:frame={frame!r}: give a power of two from 8 to {MOST}, such as 512")
    return frame, checked_whole("gate", "width", width, 1, 4096), checked_whole("gate", "blocks", blocks, 0, 64)


def _folded(seen: Tensor) -> Tensor:
    """(B, LOOKS, bins, frames) with blocks of places as channels, odd ends repeated."""
    return nn.functional.pixel_unshuffle(pad(seen, (0, seen.shape[3] % FOLD, 0, seen.shape[2] % FOLD), mode="replicate"), FOLD)


def _real(mask: Tensor, frame: int, count: int) -> Tensor:
    """Which frames (B * C, count) are made of real samples alone; where there are none, of any."""
    hop = frame // OVERLAP
    rows = pad(mask.flatten(0, 1).to(torch.float32), (frame // 2, frame // 2 + -mask.shape[-1] % hop))
    share = rows.unfold(1, frame, hop).mean(2)[:, :count]
    return share >= share.max(1, keepdim=True).values.clamp_min(1e-6)
