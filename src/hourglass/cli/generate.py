"""`hourglass generate`: new data like the training data."""

from __future__ import annotations

from typing import Any

import click

from hourglass.cli import _options, _places
from hourglass.cli._models import open_model, suffixes
from hourglass.cli._voice import answer, say

__all__ = ["command"]

TEMPERATURE = "How various: 0 the most usual ones, 1 as various as the data."


@click.command("generate", short_help="Invent new data like the training data.")
@_options.model
@click.option("-n", "--number", type=click.IntRange(1), default=16, show_default=True, metavar="N", help="How many.")
@_options.output("A file (for pictures: one sheet of all), a folder ending in / for one picture each, - for CSV.", required=True)
@click.option("--temperature", type=float, default=1.0, show_default=True, metavar="T", help=TEMPERATURE)
@click.option("--like", metavar="DATA", help="Make variations of what is in DATA.")
@click.option("--between", nargs=2, metavar="A B", help="Go from the one sample in A to the one in B, in N steps.")
@click.option("--seed", type=int, metavar="N", help="The same seed gives the same data.")
@_options.force
@_options.everywhere
def command(model: str, number: int, output: str, seed: int | None, force: bool, **asked: Any) -> None:
    """Invent N rows or pictures like those that MODEL was trained on. Models for the purpose generate do it best."""
    folder = _places.is_folder(output)
    target = None if folder else _places.file(output, force)
    for item in [asked["like"], *(asked["between"] or ())]:
        if item is not None:
            _places.missing(item)
    found = open_model(model, random_state=seed)
    if folder:
        target = _places.numbered(output, found.model_.kind, force)
    else:
        _places.known(output, suffixes(found))
    assert target is not None
    found.sample(number, **asked, to=_places.ready(target, folder))
    _places.finish(target)
    if not _options.says("stdout"):
        say(f"{number:,} new: {target}")
    answer({"output": str(target), "number": number})
