"""`hourglass detect`: which rows or pictures are out of the ordinary."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hourglass.cli import _found, _labels, _options, _places
from hourglass.cli._models import open_model
from hourglass.cli._voice import answer, say, working
from hourglass.errors import BadOption

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder

__all__ = ["command"]

DISCOVERIES = "Instead: share of false ones among the anomalies found, over all rows together."
LABELS = ("detection", "loses to peers")


@click.command("detect", short_help="Find the rows or pictures that are out of the ordinary.")
@_options.model
@_options.data
@_options.output("Write a row for every row of DATA, in order: .csv .csv.gz .parquet .json .jsonl; - for standard output.")
@click.option("--false-alarms", type=float, metavar="SHARE", help="Share of normal rows that may be called anomalies; needs no new fit.")
@click.option("--false-discoveries", type=float, metavar="SHARE", help=DISCOVERIES)
@click.option("--top", type=click.IntRange(0), default=20, show_default=True, metavar="N", help="Show so many of the most unusual rows.")
@_labels.flags
@_options.force
@_options.everywhere
def command(model: str, data: tuple[str, ...], output: str | None, top: int, force: bool, **asked: Any) -> None:
    """Find what is out of the ordinary in DATA.

    Every row gets a score (1 is usual, more is more unusual), a p_value (the share of normal rows at least as unusual), anomaly (true or
    false) and because (the columns that made it unusual). Where DATA have labels, nearest neighbours, an isolation forest and PCA are
    tried beside the model, and who finds the anomalies best is said.
    """
    if None not in (asked["false_alarms"], share := asked["false_discoveries"]):
        raise BadOption("--false-alarms and --false-discoveries are two ways to choose the threshold; give one of them")
    target = None if output is None else _places.file(output, force, _places.TABLES)
    source = _places.source(data)
    found = open_model(model, false_alarms=asked["false_alarms"])
    _labels.name_label(found, source, asked["label"])
    with tempfile.TemporaryDirectory(prefix="hourglass-") as folder:
        made = Path(folder) / "scores.parquet"
        found.explain(source, false_discoveries=share, to=made)
        ranked = _found.rank(_found.tables(made), top)
        if target is not None:
            _found.write(made, target)
    _found.show_top(ranked)
    notes, words = _notes(found, share), _rate(found, share)
    say(f"{ranked.anomalies:,} of {ranked.rows:,} are anomalies ({words})")
    labelled = _beside(found, source, asked)
    for text in [*notes, *labelled["verdicts"]]:
        say(text)
    if target is not None and not _options.says("stdout"):
        say(f"scores: {target}")
    rates = {"false_alarms": found.false_alarms} if share is None else {"false_discoveries": share}
    told = {"rows": ranked.rows, "anomalies": ranked.anomalies, **rates, "output": None if target is None else str(target)}
    answer({**told, "top": ranked.top, "notes": notes, **labelled})


def _rate(found: Autoencoder, share: float | None) -> str:
    """How the threshold was chosen."""
    if share is None:
        return f"false alarms: {found.false_alarms:.3g} of normal ones, see --false-alarms"
    return f"of those found at most {share:.3g} false, on average"


def _notes(found: Autoencoder, share: float | None) -> list[str]:
    """What one must know to read the numbers."""
    from hourglass.uses.rates import note

    caution = note(found.model_, found.false_alarms) if share is None else ""
    return [f"note: {caution}"] if caution else []


def _beside(found: Autoencoder, source: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """What labels say, as sentences and as numbers."""
    from hourglass.report.detection import against_peers

    with working("comparing"):
        measured = _labels.compared(found, source, asked["label"], asked["training"])
    verdict = against_peers({"detection": measured})
    told = [] if verdict is None else [verdict.sentence] + ([f"  -> {verdict.advice}"] if verdict.advice else [])
    return {"verdicts": told, "detection": measured}
