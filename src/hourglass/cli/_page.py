"""The page of `detect`: scores, worst rows and pictures gathered for the report's room to draw."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hourglass.cli import _found

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder

__all__ = ["write"]

SHOWN = 12  # pictures


def write(target: Path, found: Autoencoder, source: Any, made: Path, told: dict[str, Any]) -> None:
    """Write the page; `made` are the scores, `told` is what the command tells: `ranked`, `answer`, `threshold`, `notes`, `detection`."""
    from hourglass.report.found import Findings, page
    from hourglass.uses import lasting
    from hourglass.writing import atomic

    model, ranked = found.model_, told["ranked"]
    scores, steps = _columns(made)
    known = model.arrays["detect.scores"].double().numpy()
    apart = lasting.independent(model)
    facts = {
        "Model": Path(str(told["model"])).name,
        "Data": Path(str(told["data"])).name,
        "Rows": f"{ranked.rows:,}",
        "Threshold": f"{told['threshold']:.4g}" if math.isfinite(told["threshold"]) else "none",
        "Chosen by": told["rate"],
        "Known normal scores": f"{len(known):,}" + (f", worth {apart:,}: windows overlap" if apart < len(known) else ""),
    }
    cards = [_pictures(found, source, ranked.top[:SHOWN], told["threshold"])] if len(model.shape) == 3 else []
    series = len(model.shape) == 2 and "names" in model.facts
    text = page(
        Findings(
            title=f"Anomalies in {Path(str(told['data'])).name}",
            answer=told["answer"],
            facts=facts,
            known=known,
            scores=scores,
            threshold=told["threshold"],
            top=ranked.top,
            notes=told["notes"],
            steps=steps if series else None,
            events=told.get("events"),
            cards=cards,
            cells=_cells(found, source, ranked.top),
            measures={"detection": told["detection"]},
        )
    )
    with atomic(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _columns(made: Path) -> tuple[Any, Sequence[str]]:
    """All scores, and the times of the rows where they are told."""
    import numpy as np

    scores, times = [], []
    for table in _found.tables(made):
        scores.append(table["score"].to_numpy().astype(float))
        if "time" in table.column_names:
            times += [str(value) for value in table["time"].to_pylist()]
    return np.concatenate(scores), times


def _worst(found: Autoencoder, source: Any, top: Sequence[dict[str, Any]]) -> Iterator[tuple[list[int], Any]]:
    """The pieces that hold the worst rows: the numbers of these, and the piece with the places in it."""
    pieces = found._reader().pieces(source)
    start = 0
    for number, count in enumerate(pieces.counts):
        here = [row["row"] for row in top if start <= row["row"] < start + count]
        if here:
            yield here, (pieces.load(number), [row - start for row in here])
        start += count


def _cells(found: Autoencoder, source: Any, top: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The worst rows of a table as they were given."""
    if found.model_.kind != "table":
        return {}
    cells: dict[int, dict[str, Any]] = {}
    for rows, (chunk, places) in _worst(found, source, top):
        if hasattr(chunk, "column_names"):
            cells |= dict(zip(rows, chunk.take(places).to_pylist(), strict=True))
    return cells


def _pictures(found: Autoencoder, source: Any, top: Sequence[dict[str, Any]], threshold: float) -> str:
    """The worst pictures, marked where they are unlike expected: by their maps at their own size, or by the residuals of samples."""
    import torch

    from hourglass import results
    from hourglass.parts import concatenate
    from hourglass.report.heat import card_of, card_of_maps, on_maps
    from hourglass.uses import detect, maps

    model, module = found.model_, found._kind()
    mapped = maps.able(model)
    if model.facts.get("cut") and not mapped:
        return ""
    made: dict[int, Any] = {}
    for rows, (chunk, places) in _worst(found, source, top):
        if mapped:
            made |= {row: on_maps(model, chunk[at : at + 1], threshold) for row, at in zip(rows, places, strict=True)}
        else:
            batch = results.samples(module, chunk, model.facts)[0]
            made |= {row: batch[torch.tensor([at])] for row, at in zip(rows, places, strict=True)}
    shown = [row for row in top if row["row"] in made]
    if mapped or not shown:
        return card_of_maps([made[row["row"]] for row in shown], shown)
    samples = concatenate([made[row["row"]] for row in shown])
    return card_of(samples.x.float(), detect.residuals(model, samples).float().sum(1), shown)
