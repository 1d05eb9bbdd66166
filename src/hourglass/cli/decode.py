"""`hourglass decode`: from codes back to data."""

from __future__ import annotations

import click

from hourglass.cli import _options, _places
from hourglass.cli._models import open_model, suffixes
from hourglass.cli._voice import answer, say

__all__ = ["command"]


@click.command("decode", short_help="Bring codes back to rows or pictures.")
@_options.model
@click.argument("codes", type=click.Path(), metavar="CODES")
@_options.output("A file (for pictures: one sheet of all), a folder ending in / for one picture each, - for CSV.", required=True)
@_options.force
@_options.everywhere
def command(model: str, codes: str, output: str, force: bool) -> None:
    """Bring CODES back to what the model was trained on; CODES is what `hourglass encode` wrote, or a table that you changed."""
    folder = _places.is_folder(output)
    target = None if folder else _places.file(output, force)
    source = _places.source([codes])
    found = open_model(model)
    if folder:
        target = _places.numbered(output, found.model_.kind, force)
    else:
        _places.known(output, suffixes(found))
    assert target is not None
    found.inverse_transform(source, to=_places.ready(target, folder))
    _places.finish(target)
    if not _options.says("stdout"):
        say(f"decoded: {target}")
    answer({"output": str(target)})
