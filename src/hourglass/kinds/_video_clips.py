"""Videos as clips of one length and size, and back: where clips begin, how frames shrink and grow, how clips are put together."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from hourglass.errors import BadData
from hourglass.kinds._pixels import recolour
from hourglass.kinds._video import Video

__all__ = ["Place", "begins", "check_count", "clips", "fitted", "laid", "mended", "peak", "seen_at", "shrunk", "stretch"]

STEP = 4  # sides are multiples of it: two levels of a network halve them evenly
MOST_SIDE, MOST_PIXELS = 16384, 2**27


class Place(NamedTuple):
    """How the clips of one video, or of a part of it, lie: all that is needed to put them together."""

    number: int
    start: int
    frames: int
    total: int
    height: int
    width: int
    rate: Fraction

    @classmethod
    def of(cls, video: Video) -> Place:
        """Of a video."""
        return cls(video.number, video.start, video.count, video.total, *video.size, video.rate)

    def numbers(self) -> list[int]:
        """As whole numbers, for JSON."""
        return [*self[:6], self.rate.numerator, self.rate.denominator]


def laid(numbers: Sequence[int]) -> Place:
    """Undo `Place.numbers`; numbers that cannot be meant raise `BadData`."""
    if len(numbers) != 8 or any(type(number) is not int or number < 0 for number in numbers):
        raise BadData(f"a video in a layout is eight whole numbers; this is {numbers!r}")
    number, start, frames, total, height, width, above, below = numbers
    place = Place(number, start, frames, total, height, width, Fraction(above, below or 1))
    if not (
        0 < place.height <= MOST_SIDE and 0 < place.width <= MOST_SIDE and place.height * place.width <= MOST_PIXELS and above and below
    ):
        raise BadData(f"a video of {place.width} x {place.height} pixels at {above}/{below} frames per second cannot be meant")
    return place


def seen_at(sizes: Sequence[tuple[int, int]], longer: int) -> tuple[int, int]:
    """The one size (H, W) that frames are brought to: the median aspect, the longer side at most `longer`, both multiples of 4.

    >>> seen_at([(288, 352)], 64), seen_at([(30, 20)], 64)
    ((52, 64), (32, 20))
    """
    height, width = np.median(np.array(sizes, dtype=np.float64), axis=0)
    scale = min(1.0, longer / max(height, width))
    tall, wide = (max(STEP, round(side * scale / STEP) * STEP) for side in (float(height), float(width)))
    return tall, wide


def begins(count: int, clip: int, hop: int | None = None) -> list[int]:
    """Where clips of a video of `count` frames begin: every `hop` frames (by default one behind another), the last at the end.

    >>> begins(20, 8), begins(20, 8, 4), begins(3, 8), begins(0, 8)
    ([0, 8, 12], [0, 4, 8, 12], [0], [])
    """
    if count <= clip:
        return [0] if count else []
    found = list(range(0, count - clip + 1, hop or clip))
    return found if found[-1] == count - clip else [*found, count - clip]


def shrunk(video: Video, size: Sequence[int], channels: int) -> Tensor:
    """The frames at the network's size, (C, T, h, w) from 0 to 1, antialiased; resampled in bytes, so that steps stay 1/255."""
    height, width = size
    tall, wide = video.size
    frames = video.frames
    if (tall, wide) != (height, width):
        frames = np.stack([_resampled(frame, width, height) for frame in frames]) if len(frames) else frames[:, :1, :1]
        frames = np.broadcast_to(frames, (len(frames), height, width, frames.shape[-1]))
    x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(frames, -1, 1))).float() / 255  # (T, C', h, w)
    return recolour(x, channels).transpose(0, 1)


def _resampled(frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    image = Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame)
    made = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0))
    return made[..., None] if made.ndim == 2 else made


def clips(x: Tensor, clip: int, starts: Sequence[int]) -> tuple[Tensor, Tensor | None]:
    """Clips (n, C, clip, h, w) of frames (C, T, h, w), and a mask where the video is shorter than a clip: what is missing is 0."""
    if not starts:
        return x.new_zeros(0, x.shape[0], clip, *x.shape[2:]), None
    found = torch.stack([x[:, start : start + clip] for start in starts])
    lacking = clip - found.shape[2]
    if not lacking:
        return found, None
    blank = found.new_zeros(*found.shape[:2], lacking, *found.shape[3:])
    mask = torch.cat([torch.ones_like(found, dtype=torch.bool), torch.zeros_like(blank, dtype=torch.bool)], dim=2)
    return torch.cat([found, blank], dim=2), mask


def mended(parts: Tensor, count: int) -> Tensor:
    """Undo `clips`: (n, C, clip, h, w) to (T, C, h, w); where clips overlap, one fades into the other."""
    length = parts.shape[2]
    if count <= length:
        return parts[0].transpose(0, 1)[:count] if len(parts) else parts.new_zeros(0, *parts.shape[1:2], *parts.shape[3:])
    ramp = torch.arange(1, length + 1, dtype=parts.dtype)
    fade = torch.minimum(ramp, ramp.flip(0))[:, None, None, None]  # (clip, 1, 1, 1)
    total, weight = parts.new_zeros(count, parts.shape[1], *parts.shape[3:]), parts.new_zeros(count, 1, 1, 1)
    for start, part in zip(begins(count, length), parts, strict=True):
        total[start : start + length] += part.transpose(0, 1) * fade
        weight[start : start + length] += fade
    return total / weight


def fitted(values: Tensor, size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """Frames (T, C, h, w) from 0 to 1 at a size (H, W), in bytes: (T, H, W, channels); one frame at a time, for full ones are large.

    Bicubic, as two products of matrices: a third of the time that interpolating takes; never beyond the values a frame had.
    """
    frames = np.zeros((len(values), *size, channels), np.uint8)
    down, across = (_weights(have, want) for have, want in zip(values.shape[-2:], size, strict=True))
    for frame, x in zip(frames, recolour(values.float(), channels), strict=True):
        grown = x if x.shape[1:] == size else (down @ x @ across.T).clamp_(x.min(), x.max())
        frame[:] = grown.mul(255).round_().clamp_(0, 255).byte().movedim(0, -1).numpy()
    return frames


def _weights(have: int, want: int) -> Tensor:
    """How much of each of `have` pixels is in each of `want`: (want, have)."""
    return interpolate(torch.eye(have)[None, None], size=(want, have), mode="bicubic", align_corners=False, antialias=True)[0, 0]


def peak(residuals: Tensor, starts: Sequence[int]) -> tuple[int, float, float]:
    """Where residuals (n, C, T, h, w) of clips that begin at `starts` are largest: the frame, and the shares of width and height."""
    heat = residuals.float().sum(1)  # (n, T, h, w)
    clip, frame = divmod(int(heat.flatten(2).mean(2).flatten().argmax()), heat.shape[1])
    spot = avg_pool2d(heat[clip, frame][None], 3, stride=1, padding=1)[0]
    row, column = divmod(int(spot.argmax()), spot.shape[1])
    return starts[clip] + frame, (column + 0.5) / spot.shape[1], (row + 0.5) / spot.shape[0]


def check_count(have: int, want: int) -> None:
    """Refuse clips that are not as many as the layout has."""
    if have != want:
        raise BadData(f"{have} clips for videos that have {want}; give the layout, or `like`, that they came with")


def stretch(facts: dict[str, Any]) -> tuple[int, int]:
    """Frames in a clip, and from one clip to the next in training."""
    clip = int(facts["shape"][1])
    return clip, max(1, clip // 2)
