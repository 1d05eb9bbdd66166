"""The demo's first story: a machine's temperature, and the failures that are known to lie in it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hourglass.cli._demo_page import Chapter, keep
from hourglass.cli._voice import say, show

if TYPE_CHECKING:
    import numpy as np

__all__ = ["story"]

SAMPLES = Path(__file__).parent / "samples"
POINTS, VALUES, HOP = 96, 48, 3  # a window: 8 hours of 5-minute points, as 48 means of 10 minutes; a new one every 15 minutes
TRAINING = 0.15  # the share that Numenta's benchmark trains on
FALSE_ALARMS = 0.002  # chosen, like the window, with this series in view; other choices found the same failures and more else


class Span(NamedTuple):
    """A stretch of alarms, its highest score, and whether a known failure lies in it."""

    begin: Any
    end: Any
    score: float
    known: bool


class Series(NamedTuple):
    """Times (n,) and values (n,), known failures, and the time at which training ends."""

    times: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]
    failures: list[tuple[Any, Any]]
    cut: Any


def story(folder: Path) -> Chapter:
    """Train on the first 15 % of the series, then look for what is out of the ordinary in the rest."""
    from hourglass import Autoencoder, Part

    chapter = Chapter("A machine's temperature", "machine.html")
    series = _read()
    ends = _write_windows(series, folder)
    say(f"  windows of 8 hours, as tables: {folder / 'machine-training.csv'} and machine-rest.csv")
    model = Autoencoder(kind=Part("table", ignore=["end"]), false_alarms=FALSE_ALARMS, random_state=0)
    model.fit(str(folder / "machine-training.csv"))
    found = model.explain(str(folder / "machine-rest.csv"), to=None)
    spans = list(_spans(ends, found, series))
    _tell(chapter, spans, series)
    chapter.figures.append(_chart(series, spans))
    keep(model, folder, chapter)
    return chapter


def _read() -> Series:
    """The bundled series."""
    import numpy as np

    with gzip.open(SAMPLES / "machine-temperature.csv.gz", "rt") as file:
        rows = [line.rstrip().split(",") for line in file][1:]
    times = np.array([row[0] for row in rows], "datetime64[s]")
    values = np.array([float(row[1]) for row in rows])
    failures = json.loads((SAMPLES / "machine-temperature-windows.json").read_text())
    known = [(np.datetime64(begin), np.datetime64(end)) for begin, end in failures]
    return Series(times, values, known, times[int(TRAINING * len(times))])


def _write_windows(series: Series, folder: Path) -> Any:
    """Overlapping windows as rows, their time of end beside them, in two files; returns the times of the second."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv as pacsv

    starts = np.arange(0, len(series.values) - POINTS + 1, HOP)
    rows = np.stack([series.values[i : i + POINTS].reshape(VALUES, -1).mean(1) for i in starts]).round(3)
    ends = series.times[starts + POINTS - 1]
    hours = [f"{10 * i // 60}h{10 * i % 60:02d}" for i in range(VALUES)]
    table = pa.table([pa.array(ends.astype(str)), *rows.T], names=["end", *hours])
    split = int((ends < series.cut).sum())
    pacsv.write_csv(table.slice(0, split), folder / "machine-training.csv")
    pacsv.write_csv(table.slice(split), folder / "machine-rest.csv")
    return ends[split:]


def _spans(ends: Any, found: Any, series: Series) -> Iterator[Span]:
    """Alarms less than 12 hours apart, as one."""
    import numpy as np

    alarms, scores = np.flatnonzero(found["anomaly"]), np.asarray(found["score"])
    breaks = np.flatnonzero(np.diff(ends[alarms]) > np.timedelta64(12, "h")) + 1
    for part in np.split(alarms, breaks):
        if len(part):
            begin, end = ends[part[0]] - np.timedelta64(8, "h"), ends[part[-1]]
            hit = any(ends[part[0]] <= until and end >= since for since, until in series.failures)
            yield Span(begin, end, float(scores[part].max()), hit)


def _tell(chapter: Chapter, spans: list[Span], series: Series) -> None:
    later = [failure for failure in series.failures if failure[1] > series.cut]
    hits = sum(any(span.begin <= end and span.end >= begin and span.known for span in spans) for begin, end in later)
    others = sum(not span.known for span in spans)
    chapter.told += [
        "The temperature of a large machine, every five minutes from December to February (Numenta Anomaly Benchmark). "
        "Its operators know of four failures; the network was not told.",
        f"It learned what eight ordinary hours look like from the first {TRAINING:.0%} of the series (one known failure lies in there) and "
        f"judged the rest. It found {hits} of the {len(later)} known failures there, and {others} other stretches unlike December: "
        "with so little training, any new way of running the machine looks odd. Window and alarm level were chosen with it in view: "
        "an illustration, not a benchmark.",
    ]
    chapter.found |= {"failures": len(later), "found": hits, "other_stretches": others}
    worst = sorted(spans, key=lambda span: -span.score)[:10]
    rows = [(str(s.begin)[:16], str(s.end)[:16], f"{s.score:.1f}", "yes" if s.known else "") for s in worst]
    say(f"  {hits} of {len(later)} known failures found, {others} other stretches")
    show("  The most unusual stretches", ("from", "until", "score", "known failure"), rows, right=("score",))


def _chart(series: Series, spans: list[Span]) -> str:
    """The series as SVG: training in grey, known failures shaded, alarms below."""
    first, last = series.times[0], series.times[-1]
    low, high = float(series.values.min()), float(series.values.max())

    def across(time: Any) -> float:
        return 1000 * float((time - first) / (last - first))

    def box(begin: Any, end: Any, top: int, height: int, colour: str, strength: float = 1) -> str:
        width = max(3.0, across(end) - across(begin))
        return (
            f'<rect x="{across(begin):.1f}" y="{top}" width="{width:.1f}" height="{height}" fill="var(--{colour})" opacity="{strength}"/>'
        )

    line = " ".join(
        f"{across(time):.1f},{200 - 190 * (value - low) / (high - low):.1f}"
        for time, value in zip(series.times[::12], series.values[::12], strict=True)
    )
    parts = [box(first, series.cut, 0, 205, "soft", 0.15)]
    parts += [box(begin, end, 0, 205, "c1", 0.25) for begin, end in series.failures]
    parts += [f'<polyline points="{line}" fill="none" stroke="var(--c0)" stroke-width="1.2"/>']
    parts += [box(span.begin, span.end, 210, 12, "bad" if span.known else "warn") for span in spans]
    parts += [_label(across(time), str(time)[:10]) for time in series.times[:: len(series.times) // 6]]
    words = "Temperature by day. Grey: training. Shaded: known failures. Below: alarms, red where a failure is known, orange elsewhere."
    drawing = f'<svg viewBox="0 0 1000 245" role="img" aria-label="temperature and alarms">{"".join(parts)}</svg>'
    return f"<figure>{drawing}<figcaption>{words}</figcaption></figure>"


def _label(place: float, text: str) -> str:
    return f'<text class="tick" x="{min(place, 925):.0f}" y="240">{text}</text>'
