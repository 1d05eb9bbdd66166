"""`hourglass encode`: the code of every row or picture."""

from __future__ import annotations

import click

from hourglass.cli import _options, _places
from hourglass.cli._models import open_model
from hourglass.cli._voice import answer, say

__all__ = ["command"]


@click.command("encode", short_help="Write the code of every row or picture.")
@_options.model
@_options.data
@_options.output("Where the codes go: .parquet .csv .npz .npy .json, - for CSV on standard output; else beside DATA.")
@_options.force
@_options.everywhere
def command(model: str, data: tuple[str, ...], output: str | None, force: bool) -> None:
    """Write the code of every row or picture of DATA: a table with one column for each number of the code, rows in order."""
    target = _places.file(output or _places.beside(data[0], "codes", ".parquet"), force, _places.TABLES)
    source = _places.source(data)
    found = open_model(model)
    found.transform(source, to=target)
    _places.finish(target)
    if not _options.says("stdout"):
        say(f"codes of {found.model_.code_size} numbers: {target}")
    answer({"output": str(target), "code_size": found.model_.code_size})
