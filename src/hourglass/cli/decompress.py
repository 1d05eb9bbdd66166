"""`hourglass decompress`: compressed files back to what they were."""

from __future__ import annotations

from pathlib import Path

import click

from hourglass.cli import _options, _places
from hourglass.cli._models import open_model, suffixes
from hourglass.cli._voice import answer, counted, say

__all__ = ["command"]

NATURAL = {"table": ".csv", "series": ".csv", "image": ".png", "audio": ".wav", "video": ".mp4", "text": ".txt"}


@click.command("decompress", short_help="Bring compressed files back.")
@click.argument("files", type=click.Path(), nargs=-1, required=True, metavar="FILE...")
@click.option("-m", "--model", metavar="MODEL", help="The model they were compressed with, if it was not the shipped codec.")
@_options.output("A file (its suffix chooses the format), or a folder for several; else photo.jpg.png beside photo.jpg.hgz.")
@click.option("--salvage", is_flag=True, help="Of a damaged file, write what can be read.")
@_options.force
@_options.everywhere
def command(files: tuple[str, ...], model: str | None, output: str | None, salvage: bool, force: bool) -> None:
    """Bring every FILE (of a folder, every .hgz file) back. Decoding is exact everywhere: the same bytes give the same data."""
    from hourglass import decompress

    found = None if model is None else open_model(model)
    ending = ".png" if found is None else NATURAL.get(found.model_.kind, "")

    def unpacked(path: Path) -> Path:
        return path.with_name(path.name.removesuffix(".hgz") + ending)

    places = _places.place_each(files, output, lambda path: path.suffix == ".hgz", beside=unpacked, inside=unpacked, force=force)
    for place in places:
        _places.known(str(place.target), suffixes(found))
    for place in counted(places, "decompressing"):
        _places.make(place.target.parent)
        decompress(place.source, found, to=place.target, salvage=salvage)
        say(str(place.target))
    answer({"files": [{"file": str(place.source), "output": str(place.target)} for place in places]})
