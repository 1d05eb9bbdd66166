"""Maps of pictures at their own size: how unlike good ones each place is, what that says of the whole picture, and where it is.

A network whose loss tells damage (`defect`) gives each pixel the logit that it is damaged. Beside it stands what needs no network: how much
darker or brighter a place is than what is around it (a difference of Gaussians of the logarithm), for what is faint but plain; of a few
sizes, and of darker and brighter, the view whose peaks vary least from one good picture to the next. Good pictures differ in all of this as
well, most of all at their sides, where pieces end and light falls off; so the network is taken against good pictures at the same distance
from the sides, the other view leaves the sides to it, and each counts as far as it goes beyond the peaks of good pictures; a place is as
unusual as it is in the view that it stands out in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv1d, pad

from hourglass.layers.light import light
from hourglass.model import Model
from hourglass.parts import Batch, Cut, Pieces, find
from hourglass.tiles import tiled
from hourglass.uses import detect

__all__ = ["UNABLE", "Shown", "able", "because", "calibrated", "findings", "learned", "maps", "peak", "prepare", "scores"]

Shown = Callable[[Any, NDArray[Any]], object]  # called with a picture and its map (H, W)

TILE, OVERLAP = 512, 64  # pixels seen at a time, and beyond what is kept
SMOOTH = 5  # pixels over which logits are averaged: a single one may be chance
BORDERS = (2, 4, 8, 16, 32)  # distances from a side, in pixels, that divide it into bands
BANDS = 2 * len(BORDERS) + 1
SURE = 1000  # pixels of a band that count as much as what all bands say
PEAK, SHARE = 30, 1000  # pixels, the highest, that tell of the whole; not more than one in so many
LIGHTS = [(sign, size) for size in (1.0, 2.0, 3.0) for sign in (-1.0, 1.0)]  # darker and brighter, and of how many pixels
WIDER, SOFT = 1.6, 2.0  # times the size, of the Gaussian around; pixels, of what smooths the difference
FRAME, PART = 16, 8  # pixels beside the sides where differences in light tell of nothing; not more than one in so many
LEAST = 1e-4  # that is told apart
EVEN = 1e-2  # the least spread of the logarithms of peaks
GAIN = 0.3  # of scores, for a peak that is one spread of good ones' peaks beyond their mean
NAMED = 3  # places named at most
FEW, MANY = 5, 50  # good pictures that are too few to judge others by, and enough
LIT, ENOUGH = 200, 30_000_000  # trained pictures, and pixels, at most, of which it is asked how much light differs
UNABLE = "this model gives no maps: they are for pictures and models that were trained to find defects in them (purpose='detect')"


def able(model: Model) -> bool:
    """Whether the model can say of each pixel of a picture, at any size, that it is damaged."""
    return model.kind == "image" and hasattr(model.loss, "damage") and len(model.code_shape) == 3


def maps(model: Model, batch: Batch, layout: Any = None) -> Iterator[Tensor]:
    """A map (H, W) for each picture: 0 where it is as good ones are there on average, more where it is less so, in the units of scores.

    Samples are pictures, or tiles of them (`layout`: the pictures' sizes).
    """
    usual, peaks, unit, lights = (model.arrays[f"maps.{name}"] for name in ("usual", "peaks", "unit", "lights"))
    for picture in batch.x if layout is None else find("kinds", model.kind).whole(batch.x, layout):
        yield _seen([_against(_logits(model, picture), usual), *_lights(picture, lights.tolist())], peaks) / unit


def scores(model: Model, batch: Batch, layout: Any = None) -> Tensor:
    """How unusual each picture is by its map, (n,): the mean of its highest pixels. 1 is usual, more is more unusual.

    Where the model gives no maps, what `detect` says of the samples.
    """
    if not able(model):
        return detect.scores(model, batch)
    return torch.stack([peak(found) for found in maps(model, batch, layout)])


def prepare(model: Model, training: Batch, held_out: Batch) -> dict[str, Tensor]:
    """As `calibrated`, by held-out samples taken for whole pictures (by training ones where these are few)."""
    return calibrated(model, (held_out if held_out.count >= FEW else training).x)


def calibrated(model: Model, pictures: Iterable[Tensor], trained: Iterable[Tensor] = ()) -> dict[str, Tensor]:
    """What good pictures, which training has not seen, have of it: by distance from the sides, and scores, each judged by the others.

    Which light varies least is asked of those that it was `trained` on as well: nothing in it is learned, and a score of pictures may err.
    """
    good = list(pictures)
    logits = [_logits(model, picture) for picture in good]
    sums = torch.stack([_sums(each) for each in logits])  # (n, 3, cells)
    total = sums.sum(0)
    others = [_usual(total - own if len(good) > 1 else total) for own in sums]
    views = [[_against(each, usual), *_lights(picture, LIGHTS)] for each, usual, picture in zip(logits, others, good, strict=True)]
    tops = torch.stack([_tops(own) for own in views])
    peaks = _mean_and_spread(tops)
    if more := [_tops(_lights(picture, LIGHTS)) for picture in _few(trained)]:
        peaks[:, 1:] = _mean_and_spread(torch.cat([tops[:, 1:], torch.stack(more)]))
    best = [0, *([1 + int(peaks[1, 1:].argmin())] if LIGHTS else [])]  # the network, and the light that varies least
    rated = torch.stack([peak(_seen([own[number] for number in best], peaks[:, best])) for own in views])
    unit = rated.median().clamp_min(1e-6)
    known = (rated / unit).sort().values
    return {
        "maps.usual": _usual(total),
        "maps.lights": torch.tensor([LIGHTS[number - 1] for number in best[1:]]).reshape(-1, 2),
        "maps.peaks": peaks[:, best],
        "maps.unit": unit,
        "detect.scores": known,
        "detect.highest": known[-1:],
        "detect.count": torch.tensor(len(known)),
    }


def learned(model: Model, pieces: Pieces, cut: Cut | None, apart: Tensor) -> dict[str, Tensor]:
    """What whole pictures tell of a model of tiles that gives maps: those with tiles `apart`, or, where they are few, all of them."""
    if cut is None or not able(model):
        return {}
    numbers = set(cut.source[apart].tolist())
    if len(numbers) < FEW:
        return calibrated(model, _chosen(model, pieces, set(range(min(pieces.count, MANY)))))
    trained = [number for number in range(pieces.count) if number not in numbers]
    return calibrated(model, _chosen(model, pieces, numbers), _chosen(model, pieces, set(trained[:: -(-len(trained) // LIT) or 1])))


def _chosen(model: Model, pieces: Pieces, numbers: set[int]) -> Iterator[Tensor]:
    """The pictures (C, H, W) of these numbers, those of one piece at a time in memory."""
    module, seen = find("kinds", model.kind), 0
    for at, count in enumerate(pieces.counts):
        here = sorted(number - seen for number in numbers if seen <= number < seen + count)
        seen += count
        chunk: Any = pieces.load(at) if here else None
        for number in here:
            batch, layout = module.cut(chunk[number : number + 1], model.facts)
            yield from module.whole(batch.x, layout)


def _few(pictures: Iterable[Tensor]) -> Iterator[Tensor]:
    """The first pictures, until they have enough pixels."""
    seen = 0
    for picture in pictures:
        yield picture
        seen += picture[0].numel()
        if seen > ENOUGH:
            return


def findings(
    model: Model,
    batch: Batch,
    chunk: Any,
    threshold: float,
    layout: Any = None,
    shown: Shown | None = None,
) -> Any:
    """A pyarrow Table as in `explain`, a line per picture; `shown` is called with each picture and its map."""
    import pyarrow as pa

    told, peaks = [], []
    for picture, found in zip(chunk, maps(model, batch, layout), strict=True):
        peaks.append(peak(found))
        told.append(because(found) if peaks[-1] > threshold else "")
        if shown is not None:
            shown(picture, found.numpy())
    rated = torch.stack(peaks)
    columns = {
        "score": rated.double().numpy(),
        "p_value": detect.p_values(model, rated).double().numpy(),
        "anomaly": (rated > threshold).numpy(),
    }
    places = find("kinds", model.kind).places(chunk, model.facts)
    return pa.table({"row": np.arange(len(told)), **places, **columns, "because": pa.array(told, pa.string())})


def because(found: Tensor) -> str:
    """Where a map (H, W) is highest, in words: the middle and the size of up to three places, the worst first."""
    height, width = found.shape
    marks, _ = label((found > 0.5 * found.max()).numpy())
    places = [(float(found[place].max()), place) for place in find_objects(marks)]
    told = []
    for _, (down, across) in sorted(places, key=lambda place: -place[0])[:NAMED]:
        x, y = (100 * (side.start + side.stop) / 2 / length for side, length in ((across, width), (down, height)))
        told.append(f"{x:.0f} % from the left, {y:.0f} % from the top ({across.stop - across.start} x {down.stop - down.start} pixels)")
    return f"unlike expected most at {'; '.join(told)}"


def _tops(views: Iterable[Tensor]) -> Tensor:
    """The logarithms of the peaks of views, (views,)."""
    return torch.stack([peak(view) for view in views]).clamp_min(LEAST).log()


def _mean_and_spread(tops: Tensor) -> Tensor:
    """Of peaks (n, views), (2, views)."""
    return torch.stack([tops.mean(0), tops.std(0, correction=0).clamp_min(EVEN)])


def _seen(views: list[Tensor], peaks: Tensor) -> Tensor:
    """The map (H, W) of a picture, 1 where its best view is as high as the peaks of good pictures are on average."""
    beyond = [(view.clamp_min(LEAST).log() - top) / wide for view, (top, wide) in zip(views, peaks.T, strict=True)]
    return (GAIN * torch.stack(beyond).amax(0)).exp()


def _lights(picture: Tensor, lights: Sequence[Sequence[float]]) -> Iterator[Tensor]:
    """How much darker (sign -1) or brighter places are than around them, (H, W) for each sign and size in pixels; 0 at the sides."""
    seen = light(picture.mean(0, keepdim=True).to(torch.float32))
    down, across = (min(FRAME, length // PART) for length in seen.shape[1:])
    for sign, size in lights:
        differing = _blurred(seen, size) - _blurred(seen, WIDER * size)
        found = torch.zeros_like(seen[0])
        inner = slice(down, len(found) - down), slice(across, found.shape[1] - across)
        found[inner] = _blurred((sign * differing).clamp_min(0), SOFT)[0][inner]
        yield found


def _blurred(picture: Tensor, size: float) -> Tensor:
    """A picture (1, H, W) under a Gaussian of `size` pixels, its sides repeated."""
    reach = round(3 * size)
    bell = torch.exp(-torch.arange(-reach, reach + 1.0).square() / (2 * size * size))
    bell = (bell / bell.sum())[None, None]
    for _ in range(2):  # along one side, then, turned, along the other
        picture = conv1d(pad(picture.transpose(0, 1), (reach, reach), mode="replicate"), bell).permute(1, 2, 0)
    return picture


def _logits(model: Model, picture: Tensor) -> Tensor:
    """The logit (H, W) that each pixel is damaged, smoothed a little; members and channels averaged."""

    def seen(tile: Tensor) -> Tensor:
        with torch.inference_mode():
            output = model.forward(Batch(tile[None])).output
            return model.mean(model.loss.damage(output)).mean(1).clone()  # type: ignore[operator]

    found = tiled(seen, picture.to(next(model.parameters()).dtype), TILE, OVERLAP)
    return avg_pool2d(found, SMOOTH, 1, SMOOTH // 2, count_include_pad=False)[0]


def _bands(sides: Sequence[int]) -> Tensor:
    """The number of the cell, by distance from the sides, that each pixel (H, W) lies in."""

    def along(length: int) -> Tensor:
        at = torch.arange(length)
        band = torch.bucketize(torch.minimum(at, length - 1 - at), torch.tensor(BORDERS), right=True)
        return torch.where(2 * at < length, band, BANDS - 1 - band)

    return along(sides[0])[:, None] * BANDS + along(sides[1])


def _sums(logits: Tensor) -> Tensor:
    """Count, sum and sum of squares of the logits in each cell, (3, cells)."""
    cells, flat = _bands(logits.shape).flatten(), logits.flatten().double()
    return torch.stack([torch.zeros(BANDS * BANDS, dtype=flat.dtype).index_add(0, cells, part) for part in (flat**0, flat, flat**2)])


def _usual(sums: Tensor) -> Tensor:
    """Mean and spread in each cell, from (..., 3, cells) to (..., 2, cells), drawn towards those of all where a cell has few pixels."""
    overall = sums.sum(-1, keepdim=True)
    count, total, squares = (sums + overall * (SURE / overall[..., :1, :].clamp_min(1))).unbind(-2)
    mean = total / count
    return torch.stack([mean, (squares / count - mean**2).clamp_min(1e-12).sqrt()], -2).float()


def _against(logits: Tensor, usual: Tensor) -> Tensor:
    """Logits in spreads of those of good pictures, above their mean."""
    cells = _bands(logits.shape)
    mean, spread = usual.to(logits.dtype).unbind()
    return (logits - mean[cells]) / spread[cells]


def peak(found: Tensor) -> Tensor:
    """The mean of the highest pixels of a map."""
    return found.flatten().topk(max(1, min(PEAK, found.numel() // SHARE))).values.mean()
