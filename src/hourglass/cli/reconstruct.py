"""`hourglass reconstruct`: the data as the network gives them back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hourglass.cli import _options, _places
from hourglass.cli._models import each, open_model, suffixes, takes
from hourglass.cli._voice import answer, say

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder

__all__ = ["command"]


@click.command("reconstruct", short_help="Write the data as the network gives them back.")
@_options.model
@_options.data
@click.option("--fill", is_flag=True, help="Leave what is there as it is, and fill in what is missing.")
@_options.output("A file, a folder for several, - for CSV on standard output; else beside DATA.")
@_options.force
@_options.everywhere
def command(model: str, data: tuple[str, ...], fill: bool, output: str | None, force: bool) -> None:
    """Send DATA through the bottleneck and back: what returns is what the network understood.

    A table comes back with your columns and types, pictures in their own size and format. To fill in missing values well, train for it:
    hourglass fit DATA --purpose denoise --spoil mask -o MODEL.
    """
    several = len(data) > 1 or Path(data[0]).is_dir()
    output = output or _places.beside(data[0], "filled" if fill else "reconstructed", ".csv" if data[0] == "-" else "")
    if output != "-" and _places.is_folder(output, several):
        found = open_model(model)
        written = _each(found, data, output, force, fill)
    else:
        target = _places.file(output, force)
        source = _places.source(data)
        found = open_model(model)
        _places.known(output, suffixes(found))
        found.reconstruct(source, fill=fill, to=target)
        _places.finish(target)
        written = [target]
    if not _options.says("stdout"):
        say(f"{'filled in' if fill else 'reconstructed'}: {written[0] if len(written) == 1 else output}")
    answer({"output": [str(path) for path in written]})


def _each(found: Autoencoder, data: Sequence[str], output: str, force: bool, fill: bool) -> list[Path]:
    """Every file by itself into a folder, under its own name."""
    places = _places.place_each(data, output, lambda path: takes(found, path), beside=lambda path: path, force=force)

    def rebuild(place: _places.Place) -> None:
        found.reconstruct(str(place.source), fill=fill, to=place.target)

    return [place.target for place in each(places, found, "reconstructing", rebuild)]
