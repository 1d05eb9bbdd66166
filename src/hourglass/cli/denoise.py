"""`hourglass denoise`: take the noise out."""

from __future__ import annotations

from pathlib import Path

import click

from hourglass.cli import _options, _places
from hourglass.cli._models import each, open_model, suffixes, takes, write
from hourglass.cli._voice import answer, say

__all__ = ["command"]


@click.command("denoise", short_help="Take the noise out of pictures or tables.")
@click.argument("files", type=click.Path(), nargs=-1, required=True, metavar="FILE...")
@click.option("-m", "--model", metavar="MODEL", help="The model to denoise with, best one fitted for the purpose denoise.")
@click.option("--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True, metavar="0..1", help="0 leaves all as it is.")
@_options.output("A file, or a folder for several; else photo.denoised.jpg beside photo.jpg.")
@_options.force
@_options.everywhere
def command(files: tuple[str, ...], model: str | None, strength: float, output: str | None, force: bool) -> None:
    """Take the noise out of every FILE (of a folder, every file the model takes); size and format stay as they are."""
    from hourglass import denoise

    found = None if model is None else open_model(model)
    places = _places.place_each(files, output, lambda path: takes(found, path), beside=_clean, force=force)
    for place in places:
        _places.known(str(place.target), suffixes(found))

    def clean(place: _places.Place) -> None:
        write(denoise(str(place.source), strength, model=found), found, place.target)
        say(str(place.target))

    done = each(places, found, "denoising", clean)
    answer({"files": [{"file": str(place.source), "output": str(place.target)} for place in done], "strength": strength})


def _clean(path: Path) -> Path:
    return Path(_places.beside(str(path), "denoised"))
