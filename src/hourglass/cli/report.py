"""`hourglass report`: did the model learn something?"""

from __future__ import annotations

import click

from hourglass.cli import _labels, _options, _places
from hourglass.cli._models import open_model
from hourglass.cli._voice import answer, say, working

__all__ = ["command"]


@click.command("report", short_help="Say honestly whether a model learned something.")
@_options.model
@click.argument("data", type=click.Path(), nargs=-1, metavar="[DATA...]")
@_options.output("Write the page here: .html, or .json for the numbers.")
@_labels.flags
@_options.force
@_options.everywhere
def command(model: str, data: tuple[str, ...], output: str | None, label: str | None, training: str | None, force: bool) -> None:
    """Say whether MODEL learned something, in plain words with the number behind each.

    With DATA it is measured on them; without, the report tells what was measured right after training. Where labels name anomalies, the
    report says who finds them best: the model, nearest neighbours, an isolation forest or PCA.
    """
    target = None if output is None else _places.file(output, force, (".html", ".htm", ".json"))
    source = _places.source(data) if data else None
    found = open_model(model)
    if source is not None:
        _labels.name_label(found, source, label)
    if training is not None:
        _places.missing(training)
    with working("measuring"):
        report = found.report(source, training=training, to=target)
    say(report.text)
    if target is not None:
        say(f"\nreport: {target}")
    answer(
        {"report": output, "verdicts": [verdict._asdict() for verdict in report.verdicts], "measures": report.measures},
    )
