"""`hourglass detect --events`: unusual rows of a series that follow one another, as one line each."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hourglass.cli import _found, _options, _places
from hourglass.cli._voice import say
from hourglass.cli._voice import show as table

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder

__all__ = ["flag", "place", "show", "told"]

HELP = "Of series: write a row for every event: start, end, peak, sensors; spike, level shift, drift or silence."
MOST = 20  # events in the terminal

flag = click.option("--events", metavar="FILE", help=HELP)


def place(given: str | None, force: bool) -> Path | None:
    """Where the events go, checked before any work."""
    return None if given is None else _places.file(given, force, _places.TABLES)


def told(found: Autoencoder, source: Any, target: Path | None, paged: bool = False) -> dict[str, Any]:
    """Find the events and write them; what the command tells of them. For a page they are found where there can be any."""
    if target is None and not paged:
        return {}
    import pyarrow.parquet as pq

    from hourglass.uses.events import able

    if target is None and not able(found.model_):
        return {}

    with tempfile.TemporaryDirectory(prefix="hourglass-") as folder:
        made = Path(folder) / "events.parquet"
        found.explain(source, events=True, to=made)
        table = pq.read_table(made)
        if target is not None:
            _found.write(made, target)
    return {"events": table.to_pylist(), **({} if target is None else {"events at": str(target)})}


def show(answer: dict[str, Any]) -> None:
    """The first events as a table, and where all of them are."""
    if "events" not in answer:
        return
    rows = answer["events"]
    names = ("file", "group", "start", "end", "first_row", "last_row", "rows", "score", "p_value", "kind", "sensors")
    columns = [name for name in names if rows and name in rows[0]]
    columns = [name for name in columns if "start" not in columns or name not in ("first_row", "last_row")]
    if rows:
        title = "Events" if len(rows) <= MOST else f"The first {MOST} of {len(rows):,} events"
        table(title, columns, [[_cell(row[name]) for name in columns] for row in rows[:MOST]], right=("rows", "score", "p_value"))
    place = "" if "events at" not in answer or _options.says("stdout") else f": {answer['events at']}"
    say(f"{len(rows):,} event{'' if len(rows) == 1 else 's'}{place}")


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
