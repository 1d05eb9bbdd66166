"""`hourglass compress`: files through the bottleneck, to as few bytes as the model needs."""

from __future__ import annotations

from pathlib import Path

import click

from hourglass.cli import _options, _places
from hourglass.cli._models import each, open_model, takes
from hourglass.cli._voice import answer, say

__all__ = ["command"]


@click.command("compress", short_help="Make files small.")
@click.argument("files", type=click.Path(), nargs=-1, required=True, metavar="FILE...")
@click.option("-m", "--model", metavar="MODEL", help="The model to compress with.")
@click.option("-q", "--quality", type=click.FloatRange(0, 100), default=50, show_default=True, metavar="0..100", help="More is closer.")
@_options.output("A file, or a folder for several; else photo.jpg.hgz beside photo.jpg.")
@_options.force
@_options.everywhere
def command(files: tuple[str, ...], model: str | None, quality: float, output: str | None, force: bool) -> None:
    """Compress every FILE (of a folder, every file the model takes) to one .hgz file. Lossy: it keeps what the model understands."""
    from hourglass import compress

    found = None if model is None else open_model(model)
    places = _places.place_each(files, output, lambda path: takes(found, path), beside=_packed, inside=_packed, force=force)
    results = []

    def pack(place: _places.Place) -> None:
        data = compress(str(place.source), quality=quality, model=found)
        _places.write_bytes(place.target, data)
        before = place.source.stat().st_size
        results.append({"file": str(place.source), "output": str(place.target), "before": before, "after": len(data)})
        say(f"{place.target}: {before:,} -> {len(data):,} bytes ({len(data) / max(before, 1):.1%})")

    each(places, found, "compressing", pack)
    answer({"files": results, "quality": quality})


def _packed(path: Path) -> Path:
    return path.with_name(f"{path.name}.hgz")
