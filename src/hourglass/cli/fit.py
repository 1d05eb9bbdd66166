"""`hourglass fit`: train an autoencoder and save it, with an honest report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hourglass.cli import _options, _places
from hourglass.cli._voice import answer, say, working
from hourglass.errors import BadOption

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder
    from hourglass.report.made import Report

__all__ = ["command", "model_place"]


class Auto(click.ParamType[Any]):
    """A number, or the word auto, which leaves the choice to the recipe."""

    def __init__(self, number: type) -> None:
        self.number, self.name = number, "whole number" if number is int else "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or auto."""
        try:
            return value if value == "auto" else self.number(value)
        except ValueError:
            self.fail(f"{value!r} is no {self.name}; give one, or auto", param, ctx)


COUNT, NUMBER = Auto(int), Auto(float)
PURPOSE = "What it is for: embed, detect, compress, denoise or generate. Any model can later be used in every way."


@click.command("fit", short_help="Train an autoencoder on your data and save it.")
@_options.data
@_options.output("The model file; .hourglass is added where there is no suffix.", required=True)
@click.option("--purpose", metavar="NAME", help=PURPOSE)
@click.option("--kind", metavar="PART", help="Kind of data: table, series, image, audio, video or text; found out where it is not given.")
@click.option("--network", metavar="PART", help="Such as dense:widths=[64,32], conv, recurrent; the recipe chooses where it is not given.")
@click.option("--bottleneck", metavar="PART", help="What happens to the code: plain, ordered, gaussian:beta=4 ...")
@click.option("--loss", metavar="PART", help="How errors are counted: gaussian, laplace, mixed, categorical ...")
@click.option("--spoil", metavar="PART", help="Damage inputs in training: noise:0.2, mask:0.3, patches ...; or none.")
@click.option("--code-size", type=COUNT, metavar="N", help="Numbers in the code.")
@click.option("--members", type=COUNT, metavar="N", help="Networks trained side by side; results are averaged.")
@click.option("--stacked", is_flag=True, help="Train layer by layer first.")
@click.option("--init", metavar="MODEL", help="A model to start from.")
@click.option("--anomalies", type=float, metavar="SHARE", help="Share of anomalies assumed in the training data, 0 to 0.5.")
@click.option("--false-alarms", type=float, metavar="SHARE", help="Share of normal rows that may be called anomalies; 0.01.")
@click.option("--epochs", type=COUNT, metavar="N", help="Train so many times through the data.")
@click.option("--minutes", type=float, metavar="N", help="Train so long instead.")
@click.option("--batch-size", type=COUNT, metavar="N", help="Rows per step.")
@click.option("--learning-rate", type=NUMBER, metavar="RATE", help="The largest step size.")
@click.option("--device", metavar="NAME", help="auto or cpu; this version computes on the processor.")
@click.option("--seed", "random_state", type=int, metavar="N", default=0, help="The same seed, data and epochs give the same weights; 0.")
@click.option("--label", metavar="COLUMN", help="A column the network never sees; the report uses it.")
@click.option("--ignore", metavar="COLUMN", multiple=True, help="A column to leave out; may be given several times.")
@click.option("--time", metavar="COLUMN", help="The column that tells when: the data are a series.")
@click.option("--group", metavar="COLUMN", help="The column that tells which machine, person ...")
@click.option("--strict", is_flag=True, help="A file that cannot be read is an error, not a warning.")
@click.option("-r", "--report", "page", metavar="PATH", help="Write the report here too: .html or .json.")
@click.option("--fresh", is_flag=True, help="Begin anew, even where a checkpoint of a stopped training lies beside MODEL.")
@_options.force
@_options.everywhere
def command(data: tuple[str, ...], output: str, page: str | None, fresh: bool, force: bool, **settings: Any) -> None:
    """Train an autoencoder on DATA and save it as one file.

    DATA is a table or a series (.csv, .parquet, .npz ...), pictures, sounds, videos, texts; a file, a folder, a glob in quotes, or
    several of these; - is a CSV on standard input. What it is taken for is said aloud; --kind says otherwise.
    Ctrl-C keeps the best weights so far. A training that was killed goes on when the same command is given again.
    """
    target = model_place(output, force)
    wanted = None if page is None else _places.file(page, force, (".html", ".htm", ".json"))
    checkpoint = target.with_name(target.name + ".part")
    source = _places.source(data)
    _look_for(checkpoint, fresh)
    model = _make(settings)
    model.fit(source, checkpoint=checkpoint)
    model.save(target)
    _tell(model, target, _judge(model, target, wanted), wanted)


def model_place(output: str, force: bool) -> Path:
    """Where the model goes, checked before the work."""
    if _places.is_folder(output):
        raise BadOption(f"-o {output} is a folder; name the model's file, such as {Path(output) / 'model.hourglass'}")
    if not Path(output).suffix:
        output += ".hourglass"
        say(f"the model will be called {output}")
    if not output.endswith(".hourglass"):
        raise BadOption(f"-o {output}: a model file ends in .hourglass; write -o {Path(output).with_suffix('.hourglass')}")
    return _places.free(Path(output), force)


def _look_for(checkpoint: Path, fresh: bool) -> None:
    """Say that training goes on, or remove the checkpoint."""
    if fresh:
        checkpoint.unlink(missing_ok=True)
    elif checkpoint.exists():
        say(f"going on from the checkpoint {checkpoint} of a training that was stopped, if it fits (--fresh begins anew)")


def _make(settings: dict[str, Any]) -> Autoencoder:
    """The estimator as the flags describe it; the columns become options of the kind."""
    from hourglass import Autoencoder, Part

    columns = {name: settings.pop(name) for name in ("label", "ignore", "time", "group", "strict")}
    options = {name: list(value) if name == "ignore" else value for name, value in columns.items() if value}
    kind = Part.parse(settings.pop("kind") or "auto")
    given = {name: value for name, value in settings.items() if value is not None}
    quiet = _options.says("quiet") or _options.says("json")
    return Autoencoder(**given, kind=Part(kind.name, *kind.values, **{**kind.options, **options}), verbose=not quiet)


def _judge(model: Autoencoder, target: Path, wanted: Path | None) -> Report | None:
    """The report, kept in the model file; Ctrl-C leaves it out, for the model is already saved."""
    try:
        with working("measuring what it learned"):
            report = model.report()
    except KeyboardInterrupt:
        say("the report was left out")
        return None
    model.save(target)
    if wanted is not None:
        report.write(wanted)
    return report


def _tell(model: Autoencoder, target: Path, report: Report | None, page: Path | None) -> None:
    """What was learned, and where it is."""
    record, settings = model.model_.record, model.model_.settings
    if "interrupted" in record["stopped"]:
        say(record["stopped"])
    if report is not None:
        say(report.text)
        say()
    say(
        f"model:  {target}"
        + (f"\nreport: {page}" if page else f"\nreport: hourglass report {target} -o report.html shows it with pictures")
    )
    told = {name: settings.get(name) for name in ("purpose", "kind", "network", "bottleneck", "loss", "members")}
    verdicts = [] if report is None else [verdict._asdict() for verdict in report.verdicts]
    progress = {name: record.get(name) for name in ("epochs", "steps", "seconds", "samples", "stopped", "troubles")}
    answer(
        {
            "model": str(target),
            "report": None if page is None else str(page),
            **told,
            "code_size": model.model_.code_size,
            **progress,
            "verdicts": verdicts,
        }
    )
