"""`hourglass detect`: which rows or pictures are out of the ordinary."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from hourglass.cli import _events, _found, _labels, _marked, _options, _page, _places, _stream
from hourglass.cli._models import open_model
from hourglass.cli._voice import answer, say, working
from hourglass.errors import BadOption

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder

__all__ = ["command"]

WRITES = "Write a row for every row of DATA, in order: .csv .csv.gz .parquet .json .jsonl; - for standard output; or .html: the page."
DISCOVERIES = "Instead: share of false ones among the anomalies found, over all rows together."
PAGE = "Write a page here: histogram, threshold, the worst rows and why."
PAGES = (".html", ".htm")


class Places(NamedTuple):
    """Where the scores go, and the page; None for nowhere."""

    scores: Path | None
    page: Path | None


@click.command("detect", short_help="Find the rows or pictures that are out of the ordinary.")
@_options.model
@_options.data
@_options.output(WRITES)
@click.option("--page", metavar="PATH", help=PAGE)
@click.option("--false-alarms", type=float, metavar="SHARE", help="Share of normal rows that may be called anomalies; needs no new fit.")
@click.option("--false-discoveries", type=float, metavar="SHARE", help=DISCOVERIES)
@click.option("--top", type=click.IntRange(0), default=20, show_default=True, metavar="N", help="Show so many of the most unusual rows.")
@_labels.flags
@_stream.flags
@_events.flag
@_marked.flags
@_options.force
@_options.everywhere
def command(model: str, data: tuple[str, ...], output: str | None, top: int, force: bool, **asked: Any) -> None:
    """Find what is out of the ordinary in DATA.

    Every row gets a score (1 is usual, more is more unusual), a p_value (the share of normal rows at least as unusual), anomaly (true or
    false) and because (the columns that made it unusual). Where DATA have labels, nearest neighbours, an isolation forest and PCA are
    tried beside the model, and who finds the anomalies best is said. With - as DATA and neither -o nor --page, every line of standard
    input is answered as it comes.
    """
    if None not in (asked["false_alarms"], asked["false_discoveries"]):
        raise BadOption("--false-alarms and --false-discoveries are two ways to choose the threshold; give one of them")
    places = _wanted(output, asked["page"], force)
    happened = _events.place(asked["events"], force)
    found = open_model(model, false_alarms=asked["false_alarms"])
    if _stream.answered(found, data, (*places, happened) == (None, None, None), asked):
        return
    source = _places.source(data)
    _labels.name_label(found, source, asked["label"])
    shown, truth = _marked.marking(found, source, asked["maps"], asked["masks"], force)
    with tempfile.TemporaryDirectory(prefix="hourglass-") as folder:
        made = Path(folder) / "scores.parquet"
        found.explain(source, false_discoveries=asked["false_discoveries"], to=made, maps=shown)
        ranked = _found.rank(_found.tables(made), top)
        told = _told(found, source, ranked, asked) | _events.told(found, source, happened, places.page is not None)
        told["masks"] = None if truth is None else truth.figures()
        if places.scores is not None:
            _found.write(made, places.scores)
        if places.page is not None:
            _page.write(places.page, found, source, made, {**told, "ranked": ranked, "model": model, "data": data[0]})
    _speak(ranked, told, places, asked["false_discoveries"], found.false_alarms)


def _wanted(output: str | None, page: str | None, force: bool) -> Places:
    """Where things go, checked before the work; `-o page.html` means the page."""
    if output is not None and output.lower().endswith(PAGES):
        if page is not None:
            raise BadOption(f"-o {output} and --page {page} are both pages; give -o a table, such as scores.csv, or leave one out")
        output, page = None, output
    scores = None if output is None else _places.file(output, force, _places.TABLES)
    return Places(scores, None if page is None else _places.file(page, force, PAGES))


def _told(found: Autoencoder, source: Any, ranked: _found.Found, asked: dict[str, Any]) -> dict[str, Any]:
    """The answer, how the threshold was chosen, what one must know to read it, and what labels say."""
    share = asked["false_discoveries"]
    if share is None:
        threshold, rate = -found.offset_, f"false alarms: {found.false_alarms:.3g} of normal rows"
    else:
        threshold, rate = ranked.least, f"of those found at most {share:.3g} false, on average"
    said = f"{ranked.anomalies:,} of {ranked.rows:,} are anomalies"
    return {
        "answer": said,
        "rate": rate,
        "threshold": threshold,
        "notes": _notes(found, source, ranked, share),
        **_beside(found, source, asked),
    }


def _notes(found: Autoencoder, source: Any, ranked: _found.Found, share: float | None) -> list[str]:
    """What one must know to read the numbers: rates that cannot be kept, data that look shifted."""
    from hourglass import results
    from hourglass.uses import rates, shift

    notes = [rates.note(found.model_, found.false_alarms)] if share is None else []
    shifted = shift.told(ranked.anomalies, ranked.tenths)
    if shifted:
        reader = found._reader()
        chunk = reader.pieces(source).load(0)
        causes = shift.by_what(found.model_, results.samples(reader.module, chunk, found.model_.facts)[0], chunk)
        notes.append(f"{shifted}{': ' if causes else ''}{'; '.join(causes)}")
    return [f"note: {text}" for text in notes if text]


def _beside(found: Autoencoder, source: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """What labels say, as sentences and as numbers."""
    from hourglass.report.detection import against_peers

    with working("comparing"):
        measured = _labels.compared(found, source, asked["label"], asked["training"])
    verdict = against_peers({"detection": measured})
    told = [] if verdict is None else [verdict.sentence] + ([f"  -> {verdict.advice}"] if verdict.advice else [])
    return {"verdicts": told, "detection": measured}


def _speak(ranked: _found.Found, told: dict[str, Any], places: Places, share: float | None, false_alarms: float) -> None:
    """The table, the counts, the notes, and where everything is."""
    _found.show_top(ranked)
    _events.show(told)
    hint = "" if share is not None else ", see --false-alarms"
    say(f"{told['answer']} ({told['rate']}{hint})")
    for text in [*told["notes"], *told["verdicts"], *_marked.told(told["masks"])]:
        say(text)
    for name, place in (("scores", places.scores), ("page", places.page)):
        if place is not None and not (name == "scores" and _options.says("stdout")):
            say(f"{name}: {place}")
    rates = {"false_alarms": false_alarms} if share is None else {"false_discoveries": share}
    paths = {"output": places.scores and str(places.scores), "page": places.page and str(places.page)}
    limit = told["threshold"] if math.isfinite(told["threshold"]) else None
    counts = {"rows": ranked.rows, "anomalies": ranked.anomalies, **rates, "threshold": limit}
    answer(
        {
            **counts,
            **paths,
            "top": ranked.top,
            **{name: told[name] for name in ("notes", "verdicts", "detection", "masks", "events") if name in told},
        }
    )
