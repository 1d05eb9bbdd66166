"""`hourglass compress`: files through the bottleneck, to as few bytes as the model needs."""

from __future__ import annotations

from pathlib import Path

import click

from hourglass.cli import _compare, _options, _places
from hourglass.cli._models import each, open_model, takes
from hourglass.cli._voice import answer, say, working

__all__ = ["command"]

BOUND = "Of tables and series: no number comes back further off than so many standard deviations of its column, such as 0.01."


@click.command("compress", short_help="Make files small.")
@click.argument("files", type=click.Path(), nargs=-1, required=True, metavar="FILE...")
@click.option("-m", "--model", metavar="MODEL", help="The model to compress with; without one, pictures by the shipped codec.")
@click.option("-q", "--quality", type=click.FloatRange(0, 100), default=50, show_default=True, metavar="0..100", help="More is closer.")
@click.option("--bytes", "most", type=click.IntRange(1), metavar="N", help="The best picture that fits into so many bytes.")
@click.option("--psnr", type=click.FloatRange(0, min_open=True), metavar="DB", help="The smallest file that reaches so many decibels.")
@click.option("--max-error", type=float, metavar="E", help=BOUND)
@click.option("--compare", is_flag=True, help="Write no .hgz; tell bytes, PSNR and SSIM beside JPEG, WebP and AVIF at the same size.")
@_options.output("A file, or a folder for several; else photo.jpg.hgz beside photo.jpg. With --compare a PNG to look at.")
@_options.force
@_options.everywhere
def command(
    files: tuple[str, ...],
    model: str | None,
    quality: float,
    most: int | None,
    psnr: float | None,
    max_error: float | None,
    compare: bool,
    output: str | None,
    force: bool,
) -> None:
    """Compress every FILE (of a folder, every file the model takes) to one .hgz file. Lossy: it keeps what the model understands."""
    from hourglass import compress

    found = None if model is None else open_model(model)
    if compare:
        _compare.told(files, found, {"quality": quality, "bytes": most, "psnr": psnr}, output, force)
        return
    places = _places.place_each(files, output, lambda path: takes(found, path), beside=_packed, inside=_packed, force=force)
    aim = {name: value for name, value in (("bytes", most), ("psnr", psnr), ("max_error", max_error)) if value is not None}
    results = []

    def pack(place: _places.Place) -> None:
        with working(f"compressing {place.source.name}"):
            data = compress(str(place.source), quality=quality, model=found, **aim)
        _places.write_bytes(place.target, data)
        before = place.source.stat().st_size
        results.append({"file": str(place.source), "output": str(place.target), "before": before, "after": len(data)})
        larger = "; larger than the original: keep that one, or lower --quality" if len(data) >= before else ""
        say(f"{place.target}: {before:,} -> {len(data):,} bytes ({len(data) / max(before, 1):.1%}){larger}")

    each(places, found, "compressing", pack)
    answer({"files": results, "quality": quality, **aim})


def _packed(path: Path) -> Path:
    return path.with_name(f"{path.name}.hgz")
