"""`hourglass detect`: which rows or pictures are out of the ordinary."""

from __future__ import annotations

import heapq
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from hourglass.cli import _options, _places
from hourglass.cli._models import open_model
from hourglass.cli._voice import answer, say, show

__all__ = ["command"]

COLUMNS = ("row", "file", "score", "p_value", "anomaly", "because")


class Found(NamedTuple):
    """All rows counted, the anomalies among them, and the most unusual rows, the worst first."""

    rows: int
    anomalies: int
    top: list[dict[str, Any]]


@click.command("detect", short_help="Find the rows or pictures that are out of the ordinary.")
@_options.model
@_options.data
@_options.output("Write a row for every row of DATA, in order: .csv .csv.gz .parquet .json; - for standard output.")
@click.option("--false-alarms", type=float, metavar="SHARE", help="Share of normal rows that may be called anomalies; needs no new fit.")
@click.option("--top", type=click.IntRange(0), default=20, show_default=True, metavar="N", help="Show so many of the most unusual rows.")
@_options.force
@_options.everywhere
def command(model: str, data: tuple[str, ...], output: str | None, false_alarms: float | None, top: int, force: bool) -> None:
    """Find what is out of the ordinary in DATA.

    Every row gets a score (1 is usual, more is more unusual), a p_value (the share of normal rows at least as unusual), anomaly (true or
    false) and because (the columns that made it unusual).
    """
    target = None if output is None else _places.file(output, force, _places.TABLES)
    source = _places.source(data)
    found = open_model(model, false_alarms=false_alarms)
    with tempfile.TemporaryDirectory(prefix="hourglass-") as folder:
        made = Path(folder) / "scores.parquet"
        found.explain(source, to=made)
        ranked = _rank(_tables(made), top)
        if target is not None:
            _write(made, target)
    _tell(ranked, found.false_alarms, target)


def _tables(made: Path) -> Iterator[Any]:
    """The scores, some thousand rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(made) as file:
        for batch in file.iter_batches():
            yield pa.Table.from_batches([batch])


def _write(made: Path, target: Path) -> None:
    from hourglass.parts import find

    find("kinds", "table").write(_tables(made), target, {})
    _places.finish(target)


def _rank(tables: Iterator[Any], most: int) -> Found:
    """Count, and keep the highest scores, in one pass."""
    rows = anomalies = 0
    top: list[tuple[float, int, dict[str, Any]]] = []
    for table in tables:
        flags = table["anomaly"].to_numpy()
        anomalies += int(flags.sum())
        order = table["score"].to_numpy().argsort()[::-1][:most]
        kept = table.take(order).to_pylist()
        entries = ((row["score"], -rows - int(at), row) for at, row in zip(order, kept, strict=True))
        top = heapq.nlargest(most, itertools.chain(top, entries), key=lambda entry: entry[:2])
        rows += table.num_rows
    return Found(rows, anomalies, [row for _, _, row in top])


def _tell(found: Found, false_alarms: float, target: Path | None) -> None:
    counts = f"{found.anomalies:,} of {found.rows:,} are anomalies (false alarms: {false_alarms:.3g} of normal ones, see --false-alarms)"
    if found.top:
        named = "file" in found.top[0]
        shown = [
            (
                row["row"],
                *([row["file"]] if named else []),
                f"{row['score']:.4g}",
                f"{row['p_value']:.2g}",
                _yes(row["anomaly"]),
                row["because"],
            )
            for row in found.top
        ]
        columns = [name for name in COLUMNS if named or name != "file"]
        show(f"The {len(shown)} most unusual", columns, shown, right=("row", "score", "p_value"))
    say(counts)
    output = None if target is None else str(target)
    if target is not None and not _options.says("stdout"):
        say(f"scores: {target}")
    answer({"rows": found.rows, "anomalies": found.anomalies, "false_alarms": false_alarms, "output": output, "top": found.top})


def _yes(value: bool) -> str:
    return "yes" if value else ""
