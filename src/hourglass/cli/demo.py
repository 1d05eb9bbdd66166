"""`hourglass demo`: three stories on bundled data, told in a page with pictures."""

from __future__ import annotations

import os
import time

import click

from hourglass.cli import _options, _places
from hourglass.cli._voice import answer, say, working

__all__ = ["command"]

WRITTEN = (
    "index.html",
    *(f"{name}.{suffix}" for name in ("machine", "digits", "photo") for suffix in ("html", "hourglass")),
    *("machine-training.csv", "machine-rest.csv", "digits-detect.png", "digits-rebuilt.png", "digits-invented.png", "photo-cleaned.png"),
)


@click.command("demo", short_help="Show on bundled data what hourglass does.")
@_options.output("The folder for the results; hourglass-demo where it is not given.")
@_options.force
@_options.everywhere
def command(output: str | None, force: bool) -> None:
    """Train three autoencoders on bundled data: find a machine's failures, read digits, clean a photograph.

    Takes about a minute; writes pictures, a report on each model, and a page that tells what was found.
    """
    folder = _places.folder(output or "hourglass-demo", WRITTEN, force)
    _places.make(folder)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # M: networks this small gain nothing from threads, and lose much on a busy machine
    from hourglass.cli import _demo_digits, _demo_machine, _demo_photo
    from hourglass.cli._demo_page import index

    begun, chapters = time.monotonic(), []
    stories = {
        "1. A machine's temperature: learn eight ordinary hours, find the failures": _demo_machine.story,
        "2. Handwritten digits: learn 0 to 8, meet the 9": _demo_digits.story,
        "3. A photograph: learn from its left part, clean its right part": _demo_photo.story,
    }
    for title, story in stories.items():
        say(title)
        with working("training"):
            chapters.append(story(folder))
        say()
    _places.write_bytes(folder / "index.html", index(chapters).encode())
    say(f"Done in {time.monotonic() - begun:.0f} seconds. Open this page in a browser: {(folder / 'index.html').resolve()}")
    answer({"folder": str(folder), "index": str(folder / "index.html"), "found": {each.title: each.found for each in chapters}})
