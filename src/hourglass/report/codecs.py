"""A picture codec of the user's own in a report: measured against the shipped one, judged, and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from numpy.typing import NDArray

from hourglass.model import Model
from hourglass.report.cards import card
from hourglass.report.charts import lines
from hourglass.report.measures import plain, settled
from hourglass.report.rates import compared
from hourglass.report.words import Measures, Verdict

__all__ = ["JUDGES", "card_of", "measure", "table"]

SHARED = 10_000  # pictures that the model's own bytes are shared by in the table
WORTH = 0.03  # of the bytes saved: less is hardly anything
LONGER = "Train longer (--minutes 10), or give more pictures; of very different ones nothing is to be learned that is not known already."


def measure(model: Model, training: Sequence[NDArray[Any]], held_out: Sequence[NDArray[Any]]) -> dict[str, Any]:
    """Every number that the verdicts and the page stand on, as JSON values."""
    found = compared(model, held_out)
    rows = {"training": len(training) or model.record.get("samples", 0), "held_out": len(held_out), "measured": found["pictures"]}
    measures: dict[str, Any] = plain({"rows": rows, "codec": found | {"kept": model.record.get("kept")}, **settled(model)})
    return measures


def smaller(measures: Measures) -> Verdict | None:
    """Whether files are smaller than the shipped codec's."""
    found = measures.get("codec")
    if not found:
        return None
    if not found["levels"]:
        words = "The codecs have no PSNR in common on these pictures (they may be of one colour): there is nothing to compare."
        return Verdict("nothing to compare", "note", words)
    given, over = found["given"], f"at equal PSNR ({found['levels'][0]:.1f} to {found['levels'][-1]:.1f} dB)"
    others = [f"{share:.1%} than {name}'s" for name, share in found["saved"].items() if name != given]
    share = found["saved"].get(given)
    if share is None:
        if not found["kept"]:
            return Verdict("shipped codec", "note", "This is the codec that comes with hourglass.")
        return Verdict("no better than the shipped codec", "bad", f"{found['kept'].capitalize()}.", LONGER)
    words = f"Its files are {share:.1%} smaller than those of the shipped codec, {given}, {over}" + "".join(f", {each}" for each in others)
    return Verdict("own codec", "good", f"{words}.") if share >= WORTH else Verdict("hardly smaller", "warn", f"{words}.", LONGER)


def paying(measures: Measures) -> Verdict | None:
    """From how many pictures on the model's own bytes are made up for."""
    found = measures.get("codec")
    if not found or not found["levels"] or found["given"] not in found["saved"]:
        return None
    from_on = [f"{count:,} pictures on against {name}" for name, count in found["pays"].items() if count is not None]
    words = f"The model takes {found['model']:,} bytes itself"
    words += f": with them it pays from {', from '.join(from_on)}." if from_on else ", which it never makes up for."
    return Verdict("the model's own bytes", "note", words)


JUDGES = (smaller, paying)


def table(measures: Measures) -> list[str]:
    """For a terminal: mean bytes of a picture at three PSNRs."""
    found = measures.get("codec")
    if not found or not found["levels"]:
        return []
    head = "".join(f"{level:>12.1f} dB" for level in found["levels"])
    rows = [_row(name, took) for name, took in found["bytes"].items()]
    if found["given"] in found["saved"]:
        shared = [count + found["model"] / SHARED for count in found["bytes"][found["name"]]]
        rows.insert(1, _row("with its model*", shared))
        rows.append(f"  * the model's {found['model']:,} bytes shared by {SHARED:,} pictures")
    return [f"  mean bytes of a picture (of {found['pixels']:,} pixels) at equal PSNR", f"  {'':<16}{head}", *rows]


def _row(name: str, numbers: Sequence[float]) -> str:
    return f"  {name:<16}" + "".join(f"{count:>15,.0f}" for count in numbers)


def card_of(measures: Measures) -> str:
    """Bytes against PSNR of each codec; nothing where there are none."""
    found = measures.get("codec")
    if not found:
        return ""
    series = {escape(name): [(decibels, count) for count, decibels in points] for name, points in found["curves"].items()}
    note = f"Mean bytes of real files of {found['pictures']:,} held-out pictures, the model's own not counted; lower is better."
    return card("Bytes against PSNR", lines(series, "PSNR, dB", "bytes of a picture, logarithmic", marked=True), note)
