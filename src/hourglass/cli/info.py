"""`hourglass info`: what a file is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hourglass.cli import _options, _places
from hourglass.cli._voice import answer, say, show
from hourglass.errors import BadFile

__all__ = ["command"]


@click.command("info", short_help="Tell what a model or a compressed file is.")
@click.argument("file", type=click.Path(), metavar="FILE")
@_options.everywhere
def command(file: str) -> None:
    """Tell what FILE is: a model (.hourglass) - trained on what, which network, how it went - or a compressed file (.hgz)."""
    _places.missing(file)
    if Path(file).is_dir():
        raise BadFile(f"{file} is a folder; give a model (.hourglass) or a compressed file (.hgz)")
    with open(file, "rb") as handle:
        head = handle.read(8)
    from hourglass.containers import SIGN

    (_compressed if head.startswith(SIGN) else _model)(file)


def _compressed(file: str) -> None:
    """A .hgz file; damaged chunks are counted, not refused."""
    from hourglass.bits import read_container

    data = Path(file).read_bytes()
    header, chunks = read_container(data, salvage=True)
    damaged = [number for number, chunk in enumerate(chunks, 1) if chunk is None]
    rows = [("file", f"{file}, compressed by hourglass, {len(data):,} bytes")]
    rows += [(name.replace("_", " "), _short(value)) for name, value in header.items()]
    rows.append(("chunks", f"{len(chunks)}, " + (f"damaged: {_short(damaged)}" if damaged else "all sound")))
    show("", ("", ""), rows)
    answer({"file": file, "sort": "compressed", "bytes": len(data), "header": header, "chunks": len(chunks), "damaged": damaged})


def _model(file: str) -> None:
    from hourglass.files import inspect, read_model
    from hourglass.parts import find
    from hourglass.report.verdicts import summary, verdicts

    told = inspect(file)
    model = read_model(file)
    schema = find("kinds", model.kind).describe(model.facts)
    measures = model.record.get("report")
    found = [] if measures is None else verdicts(measures)
    show("", ("", ""), _summary(file, told, model))
    say()
    show("Trained on", ("", ""), schema)
    say()
    say("No report was made yet; hourglass report MODEL DATA makes one." if measures is None else summary(measures, found))
    record = {name: value for name, value in model.record.items() if name not in ("history", "report")}
    weights = {name: told[name] for name in ("bytes", "format", "written_by", "kind", "weights", "checksum")}
    settings = {name: value for name, value in told["settings"].items() if name != "constructor"}
    verdict = {"verdicts": [each._asdict() for each in found]}
    answer({"file": file, "sort": "model", **weights, "settings": settings, "schema": schema, "record": record, **verdict})


def _summary(file: str, told: dict[str, Any], model: Any) -> list[tuple[str, str]]:
    """A model in words."""
    from hourglass.photos import of_model

    settings, record = told["settings"], model.record
    several = f"{model.members} side by side: " if model.members > 1 else ""
    code = f"{model.code_size:,} numbers, of {model.input_size:,} in a sample"
    spatial = f" ({' x '.join(map(str, model.code_shape))})" if len(model.code_shape) > 1 else ""
    trained = f"{record.get('epochs', 0):,} epochs, {record.get('steps', 0):,} steps, {record.get('seconds', 0):,.1f} seconds"
    codec = of_model(model)
    rows = [
        ("file", f"{file}, a model of hourglass {told['written_by']}, {told['bytes']:,} bytes"),
        ("purpose", f"{settings.get('purpose')}; it can be used in every way"),
        ("kind of data", model.kind),
        ("network", f"{several}{settings['network']}, {told['weights']:,} weights"),
        ("code", code + spatial),
        ("bottleneck", settings["bottleneck"]),
        ("loss", settings["loss"]),
        ("spoil", settings.get("spoil")),
        ("batches", f"of {settings.get('batch_size')}, learning rate {settings.get('learning_rate')}"),
        ("training", f"{record.get('samples', 0):,} samples; {trained}; {record.get('stopped', '')}"),
    ]
    rows += [] if codec is None else [("picture codec", f"{codec.name} ({codec.fingerprint}): hourglass compress -m {file} PICTURE")]
    if taught := record.get("transfer"):
        classes = (taught.get("goal") or {}).get("classes")
        what = "amounts" if classes is None else f"{len(classes)} classes"
        rows.append(("labels", f"{what} of {taught.get('column')}, by the {taught.get('best')}: hourglass predict {file} DATA"))
    rows += [("began at", f"{start}, which comes with hourglass")] if (start := settings.get("start")) else []
    return rows + [("trouble", text) for text in record.get("troubles", [])]


def _short(value: Any) -> str:
    """A value of a header on one line."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 90 else f"{text[:87]}..."
