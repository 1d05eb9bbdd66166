"""Videos: files, folders and arrays to clips (B, C, T, H, W) in [0, 1], and back to videos.

    read -> pieces of runs of frames -> cut into clips -> network -> join -> write

A chunk is a list of `Video`, each a whole video or some frames that follow one another in a longer one, or an array (n, T, H, W, C).
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hourglass.errors import BadData, BadOption
from hourglass.kinds import _video_clips as laying
from hourglass.kinds import _video_source as sources
from hourglass.kinds._picture_source import ARRAYS, array_file, is_path
from hourglass.kinds._video import Video, merged, videos
from hourglass.kinds._video_save import WRITTEN, write
from hourglass.kinds._video_source import SUFFIXES, Reel, claims
from hourglass.parts import Batch, Cut, Pieces, concatenate

__all__ = [
    "CONTINUES",
    "SUFFIXES",
    "WRITTEN",
    "Video",
    "because",
    "claims",
    "cut",
    "describe",
    "from_tensor",
    "join",
    "labels",
    "learn",
    "places",
    "read",
    "restore",
    "spans",
    "spread",
    "to_tensor",
    "training",
    "write",
]

CONTINUES = True  # a video may go on in the next piece; videos are numbered over all pieces
LOOKED_AT = 24  # pieces decoded to learn from: enough to tell grey from colour
GREY = 3  # of 255: channels further apart are a colour

Facts = dict[str, Any]
Chunk = Any  # list[Video] | NDArray


def read(source: Any, *, frames: int = 8, rate: float | None = None, strict: bool = False, label: str | None = None) -> Pieces:
    """Videos from a file, a folder (recursively), a glob, a list, an array, .npy or .npz, as pieces of at most about 64 frames.

    A row is a video: the piece with its beginning counts it, those that go on count none. Files are decoded when loaded, onwards from
    the piece before or from the nearest keyframe. `frames` is the length of a clip, `rate` the frames per second to read (none are made
    up), `label="folder"` labels a video by its folder. What is broken is left out with a warning, or raises with `strict`.

    >>> read(np.zeros((3, 20, 8, 8, 3), np.uint8)).counts
    [3]
    """
    sources.checked(rate, frames)
    if is_path(source) and (Path(source).suffix.lower() in ARRAYS or ".npz:" in str(source)):
        array, beside = array_file(Path(source), label)
        return sources.of_arrays(array, str(source), clip=frames, labels=None if beside is None else beside.tolist())
    if isinstance(source, Video) or hasattr(source, "__array__") or _in_memory(source):
        return sources.of_arrays(source, "the videos", clip=frames)
    if label not in (None, "folder"):
        raise BadOption(f"label={label!r}: video files have no columns; label='folder' takes the name of a video's folder")
    good, films = sources.sharp(sources.gather(source), strict=strict)
    return sources.of_files(good, films, clip=frames, rate=rate, strict=strict, label=label is not None)


def _in_memory(source: Any) -> bool:
    return isinstance(source, list | tuple) and bool(source) and all(isinstance(i, Video) or hasattr(i, "__array__") for i in source)


def learn(pieces: Pieces, *, frames: int = 8, size: int = 64) -> Facts:
    """What clips are: `frames` long, their longer side `size` pixels (never more than the video's own), grey or colour.

    Sizes and rates come from the files' headers; a few pieces are decoded to see whether there are colours.
    """
    sources.checked(None, frames)
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or not 4 <= size <= 1024:
        raise BadOption(f"size={size!r}: the longer side of a clip is a whole number of pixels from 4 to 1024, such as 64")
    if not isinstance(pieces, Reel) or not pieces.heads:
        raise BadData(f"{pieces.name}: no videos")
    looked = np.unique(np.linspace(0, len(pieces.counts) - 1, LOOKED_AT).astype(int))
    colour = labelled = False
    for place in looked:
        chunk = pieces.load(int(place))
        colour = colour or any(_coloured(video.frames) for video in chunk)
        labelled = labelled or any(video.label is not None for video in chunk)
    channels, (height, width) = 3 if colour else 1, laying.seen_at([head.size for head in pieces.heads], size)
    rate = Counter(head.rate for head in pieces.heads).most_common(1)[0][0]
    facts: Facts = {"shape": [channels, int(frames), height, width], "cut": True, "channels": channels, "size": [height, width]}
    facts |= {"fields": [["number", 0, channels]], "resolution": torch.full((1, 1, 1, 1), 1 / 255), "dtype": "uint8"}
    facts |= {"rate": [rate.numerator, rate.denominator], "source": "files" if pieces.file else "array"}
    facts |= {"label": ("folder" if pieces.file else "y") if labelled else None, "notes": list(pieces.notes)}
    return facts | {"reading": _told(pieces, facts)}


def _coloured(frames: NDArray[np.uint8]) -> bool:
    """Are there colours in some of these frames?"""
    if frames.shape[-1] == 1 or not len(frames):
        return False
    some = frames[:: max(1, len(frames) // 4)].astype(np.int16)
    return bool((some.max(-1) - some.min(-1)).max() > GREY)


def _told(reel: Reel, facts: Facts) -> str:
    """What is read, in one phrase."""
    count = len(reel.heads)
    sizes, rates = {head.size for head in reel.heads}, sorted({head.rate for head in reel.heads})
    size = "{1} x {0}".format(*next(iter(sizes))) if len(sizes) == 1 else f"{len(sizes)} sizes"
    speed = f" at {' to '.join(f'{float(rate):.4g}' for rate in {rates[0]: 0, rates[-1]: 0})} fps" if reel.file else ""
    height, width = facts["size"]
    total = sum(head.frames for head in reel.heads)
    words = f"{count:,} video{'s' * (count != 1)}, {total:,} frame{'s' * (total != 1)}, {size}{speed}"
    return f"{words}; clips of {facts['shape'][1]} frames at {width} x {height}"


def cut(chunk: Chunk, facts: Facts) -> tuple[Batch, list[list[int]]]:
    """Clips (B, C, T, h, w) one behind another that cover the chunk, the last ending with its video; and how they lie.

    A video shorter than a clip is filled up with zeros and masked. The layout has eight whole numbers for each Video: its number, first
    frame, frames here, frames in all, height, width, and the frame rate as a fraction.
    """
    found = videos(chunk)
    batches = [_clips(video, facts, None) for video in found]
    return _together(batches, facts), [laying.Place.of(video).numbers() for video in found]


def _clips(video: Video, facts: Facts, hop: int | None) -> Batch:
    channels, clip = facts["shape"][:2]
    if channels == 1 and _coloured(video.frames):
        warnings.warn("the model was trained on grey videos; colours are turned to grey", UserWarning, stacklevel=4)
    x = laying.shrunk(video, facts["size"], channels)
    return Batch(*laying.clips(x, clip, laying.begins(video.count, clip, hop)))


def _together(batches: list[Batch], facts: Facts) -> Batch:
    return concatenate(batches) if batches else Batch(torch.zeros(0, *facts["shape"]))


def to_tensor(chunk: Chunk, facts: Facts) -> Batch:
    """The clips of `cut`, (B, C, T, h, w) float32 in [0, 1]."""
    return cut(chunk, facts)[0]


def training(chunk: Chunk, facts: Facts, generator: Any) -> Cut:
    """Clips to learn from, every half clip, with the number of the video that each is from and its place in it. Nothing is drawn."""
    found = videos(chunk)
    clip, hop = laying.stretch(facts)
    batches = [_clips(video, facts, hop) for video in found]
    places = [(video.number, video.start + at, max(video.total, 1)) for video in found for at in laying.begins(video.count, clip, hop)]
    number, begin, total = torch.tensor(places, dtype=torch.int64).reshape(-1, 3).unbind(1)
    return Cut(_together(batches, facts), number, begin / total, ((begin + clip) / total).clamp_max(1))


def join(values: Tensor, facts: Facts, layout: Sequence[Sequence[int]], like: Chunk | None = None) -> Chunk:
    """Undo `cut`: Videos at their own size, overlaps faded into each other. `like` gives names, times, sound and colours back."""
    values = values.detach().cpu()
    places, clip = [laying.laid(numbers) for numbers in layout], laying.stretch(facts)[0]
    counts = [len(laying.begins(place.frames, clip)) for place in places]
    laying.check_count(len(values), sum(counts))
    before = [None] * len(places) if like is None else list(videos(like))
    parts = values.split(counts)
    return [_joined(part, place, facts, video) for part, place, video in zip(parts, places, before, strict=True)]


def _joined(parts: Tensor, place: laying.Place, facts: Facts, like: Video | None) -> Video:
    channels = facts["channels"] if like is None else like.frames.shape[-1]
    frames = laying.fitted(laying.mended(parts, place.frames), (place.height, place.width), channels)
    if like is None:
        return Video(frames, place.rate, number=place.number, start=place.start, total=place.total)
    return Video(frames, like.rate, like.name, like.number, like.start, like.total, like.times, like.sound, like.label)


def from_tensor(values: Tensor, facts: Facts, like: Chunk | None = None) -> Chunk:
    """Clips back to videos: those of `like` if given, else each clip a video of its own at the network's size (an array for arrays)."""
    if like is not None:
        return join(values, facts, [laying.Place.of(video).numbers() for video in videos(like)], like)
    height, width = facts["size"]
    above, below = facts["rate"]
    clip = laying.stretch(facts)[0]
    made = join(values, facts, [[number, 0, clip, clip, height, width, above, below] for number in range(len(values))])
    return made if facts["source"] == "files" or not made else np.stack([video.frames for video in made])


def spread(values: Any, facts: Facts, layout: Sequence[Sequence[int]]) -> NDArray[Any]:
    """One value per clip (B,) to one per video of the layout: the mean over its clips. Of a video in several pieces take the mean again."""
    places = [laying.laid(numbers) for numbers in layout]
    counts = [len(laying.begins(place.frames, laying.stretch(facts)[0])) for place in places]
    array = np.asarray(values)
    laying.check_count(len(array), sum(counts))
    owner = np.repeat([place.number for place in places], counts)
    numbers = dict.fromkeys(place.number for place in places)
    return np.array([array[owner == number].mean() if (owner == number).any() else np.nan for number in numbers], dtype=array.dtype)


def places(chunk: Chunk, facts: Facts) -> dict[str, list[Any]]:
    """Columns that tell which video, or part of a long one, a row is: the file, where there are files, and the second it begins at."""
    found = videos(chunk)
    named = {"file": [video.name for video in found]} if facts["source"] == "files" else {}
    return {**named, "begin": [_second(video, 0) for video in found]}


def spans(chunk: Chunk, facts: Facts, layout: Sequence[Sequence[int]], count: int) -> dict[str, list[Any]]:
    """Columns that tell which part of which video each clip is: its file, where there are files, its begin and last frame in seconds."""
    clip, found = laying.stretch(facts)[0], dict[str, list[Any]](file=[], begin=[], end=[])
    for video in videos(chunk):
        for begin in laying.begins(video.count, clip):
            found["file"].append(video.name)
            found["begin"].append(_second(video, int(begin)))
            found["end"].append(_second(video, min(int(begin) + clip, video.count) - 1))
    return found if facts["source"] == "files" else {name: each for name, each in found.items() if name != "file"}


def _second(video: Video, frame: int) -> float:
    """When a frame is shown."""
    if video.times is not None and len(video.times):
        return float(video.times[min(frame, len(video.times) - 1)])
    return (video.start + frame) / float(video.rate)


def because(residuals: Tensor, expected: Chunk, chunk: Chunk, facts: Facts, layout: Sequence[Sequence[int]], odd: list[int]) -> list[str]:
    """Where and when the videos `odd` are least as expected; `residuals` are those of the clips, (B, C, T, h, w)."""
    found, told = videos(chunk), []
    starts = [laying.begins(video.count, laying.stretch(facts)[0]) for video in found]
    parts = residuals.split([len(each) for each in starts])
    for row in odd:
        frame, across, down = laying.peak(parts[row], starts[row])
        where = f"{100 * across:.0f} % from the left, {100 * down:.0f} % from the top"
        told.append(f"unlike expected most at {_second(found[row], frame):.4g} s (frame {found[row].start + frame}), {where}")
    return told


def restore(chunk: Chunk, source: Any) -> Any:
    """The chunk as the same sort of thing as `source`: an array of its type, a list of arrays, a Video, or whole Videos for paths."""
    if isinstance(chunk, np.ndarray) and not isinstance(source, list | tuple):
        return _typed(chunk, source) if hasattr(source, "dtype") else chunk
    whole = merged(videos(chunk))
    if isinstance(source, Video):
        return whole[0]
    if isinstance(source, list | tuple) and _in_memory(source):
        pairs = zip(whole, source, strict=True)
        return [video if isinstance(item, Video) else _typed(video.frames, np.asarray(item)) for video, item in pairs]
    return _typed(np.stack([video.frames for video in whole]), np.asarray(source)) if hasattr(source, "__array__") else whole


def _typed(frames: NDArray[np.uint8], source: NDArray[Any]) -> NDArray[Any]:
    """Bytes in the shape and type of the array that they came from; an alpha channel is not made up."""
    scale = 1 if source.dtype == np.uint8 else 255
    made = frames if scale == 1 else (frames / scale).astype(source.dtype)
    return made.reshape(source.shape) if made.size == source.size else made


def labels(chunk: Chunk, facts: Facts) -> NDArray[Any] | None:
    """The labels of the videos that begin in the chunk: the names of their folders, or the `y` of an .npz; None if there are none."""
    found = videos(chunk)
    if any(video.label is None for video in found):
        return None
    begun = [video.label for video in found if video.start == 0]
    return np.array(begun, dtype=str if facts.get("label") == "folder" else None)


def describe(facts: Facts) -> list[tuple[str, str]]:
    """What was learned, in words."""
    (channels, clip, height, width), rate = facts["shape"], Fraction(*facts["rate"])
    rows = [
        ("videos", f"clips of {clip} frames of {width} x {height} pixels (width x height), {'grey' if channels == 1 else 'colour (RGB)'}")
    ]
    if facts["source"] == "files":
        rows.append(("frame rate", f"{float(rate):.4g} a second"))
    rows.append(("read from", "video files" if facts["source"] == "files" else "an array"))
    if facts.get("label"):
        rows.append(("label", "the name of the folder" if facts["label"] == "folder" else str(facts["label"])))
    return rows + [("note", note) for note in facts["notes"]]
