"""Maps of pictures at their own size: how unlike good ones each place is, what that says of the whole picture, and where it is.

A network whose loss tells damage (`defect`) gives each pixel the logit that it is damaged. Good pictures differ in this as well, most of
all at their borders; so logits are taken against those of good pictures at the same distance from the sides, in units of their spread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label
from torch import Tensor
from torch.nn.functional import avg_pool2d

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
NAMED = 3  # places named at most
FEW, MANY = 5, 50  # good pictures that are too few to judge others by, and enough
UNABLE = "this model gives no maps: they are for pictures and models that were trained to find defects in them (purpose='detect')"


def able(model: Model) -> bool:
    """Whether the model can say of each pixel of a picture, at any size, that it is damaged."""
    return model.kind == "image" and hasattr(model.loss, "damage") and len(model.code_shape) == 3


def maps(model: Model, batch: Batch, layout: Any = None) -> Iterator[Tensor]:
    """A map (H, W) for each picture: 0 where it is as good ones are there on average, more where it is less so, in the units of scores.

    Samples are pictures, or tiles of them (`layout`: the pictures' sizes).
    """
    mean, spread = model.arrays["maps.usual"]
    for picture in batch.x if layout is None else find("kinds", model.kind).whole(batch.x, layout):
        yield _against(_logits(model, picture), mean, spread) / model.arrays["maps.unit"]


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


def calibrated(model: Model, pictures: Iterable[Tensor]) -> dict[str, Tensor]:
    """What good pictures, which training has not seen, have of it: by distance from the sides, and scores, each judged by the others."""
    logits = [_logits(model, picture) for picture in pictures]
    sums = torch.stack([_sums(each) for each in logits])  # (n, 3, BANDS, BANDS)
    total = sums.sum(0)
    peaks = torch.stack(
        [peak(_against(each, *_usual(total - own if len(sums) > 1 else total))) for each, own in zip(logits, sums, strict=True)]
    )
    unit = peaks.median().clamp_min(1e-6)
    known = (peaks.clamp_min(0) / unit).sort().values
    return {
        "maps.usual": _usual(total),
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
    return calibrated(model, _chosen(model, pieces, numbers if len(numbers) >= FEW else set(range(min(pieces.count, MANY)))))


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
    """Mean and spread in each cell (2, cells), drawn towards those of all where a cell has few pixels."""
    overall = sums.sum(1, keepdim=True)
    count, total, squares = sums + overall * (SURE / overall[0].clamp_min(1))
    mean = total / count
    return torch.stack([mean, (squares / count - mean**2).clamp_min(1e-6).sqrt()]).float()


def _against(logits: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Logits in spreads of those of good pictures, above their mean."""
    cells = _bands(logits.shape)
    return (logits - mean.to(logits.dtype)[cells]) / spread.to(logits.dtype)[cells]


def peak(found: Tensor) -> Tensor:
    """The mean of the highest pixels of a map."""
    return found.flatten().topk(max(1, min(PEAK, found.numel() // SHARE))).values.mean()
