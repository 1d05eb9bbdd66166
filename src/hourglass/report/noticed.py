"""What a report shows of the user's own rows, of models that detect: what happened in a series, the most unusual pictures, their masks."""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hourglass import reading, results
from hourglass.errors import BadOption
from hourglass.kinds._picture_source import gather
from hourglass.model import Model
from hourglass.report import events, heat
from hourglass.report.masked import Masked
from hourglass.uses import detect, maps
from hourglass.uses import events as happening
from hourglass.uses.explain import findings
from hourglass.uses.overlay import marked
from hourglass.uses.rowwise import rated

__all__ = ["Noticed", "noticed"]

SHOWN = 12  # pictures


class Noticed(NamedTuple):
    """Cards of HTML, and what masks say of pictures; None where none were asked for."""

    cards: list[str]
    masks: dict[str, Any] | None = None


def noticed(model: Model, reader: reading.Reader, source: Any, masks: str | None) -> Noticed:
    """Look at all rows; nothing of models that are for something else."""
    if maps.able(model):
        return _pictures(model, reader, source, masks)
    if masks is not None:
        raise BadOption(f"masks={masks!r}: {maps.UNABLE}")
    if model.settings.get("purpose") == "detect" and happening.able(model):
        return _series(model, reader, source)
    return Noticed([])


def _alarms(model: Model) -> float:
    return float(model.settings.get("false_alarms", 0.01))


def _series(model: Model, reader: reading.Reader, source: Any) -> Noticed:
    """The scores of all steps, and the events."""
    pieces, levels = reader.pieces(source), happening.levels(model, _alarms(model))
    scores, times, tables = [], [], []
    for chunk in reading.chunks(pieces):
        batch, layout = results.samples(reader.module, chunk, model.facts)
        batch = reading.single(batch)
        scores.append(rated(model, batch, layout).scores)
        tables.append(happening.happened(levels, model, batch, chunk, layout))
        where = reader.module.places(chunk, model.facts)
        times += [str(time) for time in where["time"].to_pylist()] if "time" in where else []
    found = pa.concat_tables(list(happening.numbered(tables, pieces.counts))).to_pylist()
    drawn = events.over_time(np.concatenate(scores).astype(float), detect.threshold(model, _alarms(model)), times, found)
    return Noticed([drawn, events.card_of(found)])


def _pictures(model: Model, reader: reading.Reader, source: Any, masks: str | None) -> Noticed:
    """The pictures with the highest scores, marked; and the comparison with masks, where these are asked for."""
    truth = None if masks is None else Masked({file.name: file.path for file in gather(source)}, masks)
    threshold, top = detect.threshold(model, _alarms(model)), list[tuple[float, int, Any]]()
    row = 0
    for chunk in reading.chunks(reader.pieces(source)):
        seen = list[tuple[Any, NDArray[Any]]]()

        def shown(picture: Any, found: NDArray[Any], seen: list[Any] = seen) -> None:
            seen.append((picture, found))
            if truth is not None:
                truth(picture, found)

        batch, layout = results.samples(reader.module, chunk, model.facts)
        for told, (picture, found) in zip(findings(model, batch, chunk, threshold, layout, shown).to_pylist(), seen, strict=True):
            entry = (told["score"], -row, ({**told, "row": row}, picture, found))
            top = heapq.nlargest(SHOWN, [*top, entry], key=lambda each: each[:2])
            row += 1
    pairs = [(marked(picture, np.zeros_like(found), threshold), marked(picture, found, threshold)) for _, _, (_, picture, found) in top]
    card = heat.card_of_maps(pairs, [told for _, _, (told, _, _) in top])
    return Noticed([card], None if truth is None else truth.figures())
