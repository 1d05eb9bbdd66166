"""`hourglass detect`: which rows or pictures are out of the ordinary."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hourglass.cli import _found, _options, _places
from hourglass.cli._models import open_model
from hourglass.cli._voice import answer, say
from hourglass.errors import BadOption

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder

__all__ = ["command"]

DISCOVERIES = "Instead: share of false ones among the anomalies found, over all rows together."


@click.command("detect", short_help="Find the rows or pictures that are out of the ordinary.")
@_options.model
@_options.data
@_options.output("Write a row for every row of DATA, in order: .csv .csv.gz .parquet .json .jsonl; - for standard output.")
@click.option("--false-alarms", type=float, metavar="SHARE", help="Share of normal rows that may be called anomalies; needs no new fit.")
@click.option("--false-discoveries", type=float, metavar="SHARE", help=DISCOVERIES)
@click.option("--top", type=click.IntRange(0), default=20, show_default=True, metavar="N", help="Show so many of the most unusual rows.")
@_options.force
@_options.everywhere
def command(model: str, data: tuple[str, ...], output: str | None, top: int, force: bool, **rates: float | None) -> None:
    """Find what is out of the ordinary in DATA.

    Every row gets a score (1 is usual, more is more unusual), a p_value (the share of normal rows at least as unusual), anomaly (true or
    false) and because (the columns that made it unusual).
    """
    if None not in rates.values():
        raise BadOption("--false-alarms and --false-discoveries are two ways to choose the threshold; give one of them")
    target = None if output is None else _places.file(output, force, _places.TABLES)
    source = _places.source(data)
    found = open_model(model, false_alarms=rates["false_alarms"])
    with tempfile.TemporaryDirectory(prefix="hourglass-") as folder:
        made = Path(folder) / "scores.parquet"
        found.explain(source, false_discoveries=rates["false_discoveries"], to=made)
        ranked = _found.rank(_found.tables(made), top)
        if target is not None:
            _found.write(made, target)
    _tell(ranked, found, rates["false_discoveries"], target)


def _tell(ranked: _found.Found, found: Autoencoder, share: float | None, target: Path | None) -> None:
    """The table, the counts, and where the scores are."""
    from hourglass.uses.rates import note

    _found.show_top(ranked)
    rate = f"false alarms: {found.false_alarms:.3g} of normal ones, see --false-alarms"
    if share is not None:
        rate = f"of those found at most {share:.3g} false, on average"
    say(f"{ranked.anomalies:,} of {ranked.rows:,} are anomalies ({rate})")
    caution = note(found.model_, found.false_alarms) if share is None else ""
    if caution:
        say(f"note: {caution}")
    output = None if target is None else str(target)
    if target is not None and not _options.says("stdout"):
        say(f"scores: {target}")
    rates: dict[str, Any] = {"false_alarms": found.false_alarms} if share is None else {"false_discoveries": share}
    notes = {"notes": [caution]} if caution else {}
    answer({"rows": ranked.rows, "anomalies": ranked.anomalies, **rates, "output": output, "top": ranked.top, **notes})
