"""Why a sample is unusual: the columns, or the place in the picture, whose residuals stand out, and what was expected instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.kinds._spoken import spoken
from hourglass.model import Model
from hourglass.parts import Batch, find
from hourglass.uses import detect, maps
from hourglass.uses.embed import rebuilt
from hourglass.uses.empty import TOLD
from hourglass.uses.repair import repaired
from hourglass.uses.rowwise import rated

__all__ = ["findings", "numbered"]

NAMED = 3  # columns named at most
WORTH = 0.1  # a column with less than this share of a row's score is not named
HELPED = 0.1  # of the usual score: columns are judged by what putting them right gains, where that is more
GAIN = 0.4  # a column that gains less than this share of what the best one does is not named


def findings(model: Model, batch: Batch, chunk: Any, threshold: float, layout: Any = None, shown: maps.Shown | None = None) -> Any:
    """A pyarrow Table, a line per row of the user's data: row (from 0 on), score, p_value, anomaly, because (of anomalies).

    Kinds may add columns that tell where a row is: the file, the time. `layout` is that of samples that are parts of something larger.
    `shown` is called with each picture and its map, where the model gives maps; else `BadOption` is raised.
    """
    if maps.able(model):
        return maps.findings(model, batch, chunk, threshold, layout, shown)
    if shown is not None:
        raise BadOption(maps.UNABLE)
    import pyarrow as pa

    rows = rated(model, batch, layout)
    scores = torch.from_numpy(rows.scores)
    reasons = np.full(len(scores), "", dtype=object)
    reasons[rows.empty & (rows.scores > threshold)] = TOLD
    odd = torch.nonzero((scores > threshold) & ~torch.from_numpy(rows.empty)).flatten()
    if len(odd):
        reasons[odd.numpy()] = _reasons(model, batch, chunk, odd, layout)
    places = getattr(_kind(model), "places", None)
    return pa.table(
        {
            "row": np.arange(len(scores)),
            **({} if places is None else places(chunk, model.facts)),
            "score": scores.double().numpy(),
            "p_value": detect.p_values(model, scores).double().numpy(),
            "anomaly": (scores > threshold).numpy(),
            "because": pa.array(reasons.tolist(), pa.string()),
        }
    )


def numbered(model: Model, tables: Iterable[Any], counts: Sequence[int], threshold: float) -> Iterator[Any]:
    """The findings of pieces, their rows counted through.

    A piece that counts no row goes on with the last row of the one before: that row's score is the mean over its pieces, as in
    `score_samples`, and tells p_value and anomaly; why is told by the piece that stands out most.
    """
    held: list[Any] = []
    row = 0
    for at, table in enumerate(tables):
        held.append(table)
        if counts[at + 1 : at + 2] == [0]:
            continue
        whole = held[0] if len(held) == 1 else _together(model, held, threshold)
        yield whole.set_column(whole.column_names.index("row"), "row", [np.arange(row, row + whole.num_rows)])
        held, row = [], row + whole.num_rows


def _together(model: Model, tables: list[Any], threshold: float) -> Any:
    """The first of several tables, its last row and all rows of the others being one."""
    import pyarrow as pa

    before = tables[0].num_rows - 1
    several = pa.concat_tables([tables[0].slice(max(0, before)), *tables[1:]])
    scores = several["score"].to_numpy()
    mean = torch.tensor([scores.mean()])
    odd = bool(mean[0] > threshold)
    changed = {
        "score": mean.numpy(),
        "p_value": detect.p_values(model, mean).double().numpy(),
        "anomaly": [odd],
        "because": pa.array([several["because"][int(scores.argmax())].as_py() if odd else ""], pa.string()),
    }
    one = pa.table({name: changed.get(name, several[name].slice(0, 1)) for name in several.column_names})
    return pa.concat_tables([tables[0].slice(0, max(0, before)), one])


def _kind(model: Model) -> Any:
    return find("kinds", model.kind)


def _reasons(model: Model, batch: Batch, chunk: Any, odd: Tensor, layout: Any) -> list[str]:
    """Why each of the rows `odd` is unusual, in words."""
    if layout is None:
        explain = _places if len(model.shape) == 3 else _columns
        return explain(model, batch[odd], detect.shares(model, batch[odd]), chunk, odd)
    because = getattr(_kind(model), "because", None)
    if because is None:
        return [""] * len(odd)
    expected = _kind(model).join(rebuilt(model, batch), model.facts, layout, like=chunk)
    told: list[str] = because(detect.residuals(model, batch), expected, chunk, model.facts, layout, odd.tolist())
    return told


def _columns(model: Model, batch: Batch, residuals: Tensor, chunk: Any, rows: Tensor) -> list[str]:
    """The columns with most of each row's residual, their values, and the values the network expected."""
    module = find("kinds", model.kind)
    names = module.element_names(model.facts)
    columns = list(dict.fromkeys(names))
    places = {name: number for number, name in enumerate(columns)}
    place = torch.tensor([places[name] for name in names])
    worth = torch.zeros(len(residuals), len(columns), dtype=residuals.dtype).index_add_(1, place, residuals)
    values, order, named = _guilty(model, batch, place, worth)
    wanted = {columns[number]: number for number in order.unique().tolist()}
    given = _cells(module.from_tensor(batch.x, model.facts), wanted)
    expected = _cells(module.from_tensor(values, model.facts), wanted)
    real = None if isinstance(chunk, np.ndarray) else _cells(chunk.take(rows.numpy()), wanted)
    texts = []
    for row, best in enumerate(order.tolist()):
        shown = [
            (columns[c], _text((real or given)[columns[c]][row]), _text(expected[columns[c]][row]))
            for c, here in zip(best, named[row].tolist(), strict=True)
            if here
        ]
        telling = [each for each in shown if each[1] != each[2]] or shown  # a category may be guessed right, but without conviction
        texts.append("; ".join(_reason(*each) for each in telling))
    return texts


def _guilty(model: Model, batch: Batch, place: Tensor, worth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values expected (B, F), the columns (B, NAMED) that add most to the score or whose repair helps most, and which to name."""
    values = rebuilt(model, batch)
    least = torch.full_like(worth[:, :1], WORTH)
    if detect.neighbours(model):
        gains, values = repaired(model, batch, place, worth)
        helped = gains.amax(1, keepdim=True) > HELPED  # else no single column is at fault
        worth = torch.where(helped, gains, worth)
        least = torch.where(helped, GAIN * gains.amax(1, keepdim=True) / gains.sum(1, keepdim=True), least)
    parts = worth / worth.sum(1, keepdim=True).clamp_min(1e-30)
    order = parts.argsort(1, descending=True)[:, :NAMED]
    named = (parts >= least).gather(1, order)
    named[:, 0] = True
    return values, order, named


def _reason(name: str, value: str, usual: str) -> str:
    return f"{name} {value} does not fit the rest" if value == usual else f"{name} {value}, expected {usual}"


def _cells(chunk: Any, columns: dict[str, int]) -> dict[str, list[Any]]:
    """Cells by column, of an array, where `columns` are their numbers, or of a pyarrow Table."""
    if isinstance(chunk, np.ndarray):
        return {name: chunk[:, number].tolist() for name, number in columns.items()}
    here = set(chunk.column_names)
    return {name: chunk[name].to_pylist() for name in columns if name in here}


def _text(value: Any) -> str:
    return "missing" if value is None or value != value else spoken(value) if isinstance(value, float) else str(value)


def _places(model: Model, batch: Batch, residuals: Tensor, chunk: Any, rows: Tensor) -> list[str]:
    """Where in the picture the residual is largest, in percent of width and height."""
    heat = torch.nn.functional.avg_pool2d(residuals.float().sum(1, keepdim=True), 3, stride=1, padding=1).squeeze(1)
    peaks = heat.flatten(1).argmax(1)
    height, width = heat.shape[-2:]
    return [
        f"unlike expected most at {100 * (peak % width + 0.5) / width:.0f} % from the left, "
        f"{100 * (peak // width + 0.5) / height:.0f} % from the top"
        for peak in peaks.tolist()
    ]
