"""`hourglass report`: did the model learn something?"""

from __future__ import annotations

from typing import Any

import click

from hourglass.cli import _labels, _marked, _options, _places
from hourglass.cli._models import open_model
from hourglass.cli._voice import answer, say, working
from hourglass.errors import BadOption

__all__ = ["command"]


@click.command("report", short_help="Say honestly whether a model learned something.")
@_options.model
@click.argument("data", type=click.Path(), nargs=-1, metavar="[DATA...]")
@_options.output("Write the page here: .html, or .json for the numbers.")
@_labels.flags
@click.option("--masks", metavar="SUFFIX|DIR", help=_marked.MASKS)
@_options.force
@_options.everywhere
def command(model: str, data: tuple[str, ...], output: str | None, training: str | None, masks: str | None, **asked: Any) -> None:
    """Say whether MODEL learned something, in plain words with the number behind each.

    With DATA it is measured on them; without, the report tells what was measured right after training. Where labels name anomalies, the
    report says who finds them best: the model, nearest neighbours, an isolation forest or PCA.
    """
    target = None if output is None else _places.file(output, asked["force"], (".html", ".htm", ".json"))
    source = _places.source(data) if data else None
    if masks is not None and source is None:
        raise BadOption("--masks compares DATA with masks; give the pictures too")
    found = open_model(model)
    if source is not None:
        _labels.name_label(found, source, asked["label"])
    if training is not None:
        _places.missing(training)
    with working("measuring"):
        report = found.report(source, training=training, masks=masks, to=target)
    say(report.text)
    if target is not None:
        say(f"\nreport: {target}")
    answer(
        {"report": output, "verdicts": [verdict._asdict() for verdict in report.verdicts], "measures": report.measures},
    )
