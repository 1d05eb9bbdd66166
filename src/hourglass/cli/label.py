"""`hourglass label`: teach a model what few labelled rows or pictures are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hourglass.cli import _options, _places
from hourglass.cli._models import open_model
from hourglass.cli._voice import answer, say, show
from hourglass.errors import BadOption

if TYPE_CHECKING:
    from hourglass.transfer import TransferClassifier, TransferRegressor

__all__ = ["command"]

COLUMN = "The column that holds the labels; pictures may do without: each lies in the folder of its class."


@click.command("label", short_help="Teach a model what few labelled rows or pictures are.")
@_options.model
@_options.data
@_options.output("The classifier's file; .hourglass is added where there is no suffix.", required=True)
@click.option("--column", metavar="COLUMN", default="", help=COLUMN)
@click.option("--numbers", is_flag=True, help="The labels are amounts, not classes; found out where they have fractions.")
@click.option("--way", metavar="NAME", default="auto", help="probe, fine-tune, scratch, or auto: the better of the first two.")
@click.option("--augment", metavar="PART", default="none", help="Change pictures as they are trained on: moves, noise:0.1 ...")
@click.option("--no-compare", is_flag=True, help="Leave out the comparison with networks and trees that did not learn beforehand.")
@click.option("--seed", type=int, metavar="N", default=0, help="The same seed and data give the same classifier; 0.")
@_options.force
@_options.everywhere
def command(model: str, data: tuple[str, ...], output: str, column: str, numbers: bool, force: bool, **asked: Any) -> None:
    """Teach MODEL, which was fitted without labels, what the labelled DATA are.

    Probes of its code and networks trained further are judged by cross-validation; the best becomes the classifier, which
    `hourglass predict` uses. Whether learning beforehand helped is said, and how the same network from scratch, regression and
    boosted trees on the raw data do. Rows without a label are left out.
    """
    if output == "-" or _places.is_folder(output):
        raise BadOption(f"-o {output}: name the classifier's file, such as classifier.hourglass")
    target = _places.file(output if Path(output).suffix else f"{output}.hourglass", force, (".hourglass",))
    source = _places.source(data)
    found = open_model(model)
    if not column and found.model_.kind == "table":
        raise BadOption("say which column holds the labels: --column NAME")
    from hourglass import labelled
    from hourglass.transfer import TransferClassifier, TransferRegressor

    numbers = numbers or labelled.fractions(found, source, column)
    sort = TransferRegressor if numbers else TransferClassifier
    quiet = _options.says("quiet") or _options.says("json")
    settings = {"way": asked["way"], "augment": asked["augment"], "compare": not asked["no_compare"], "random_state": asked["seed"]}
    made = sort(found, **settings, verbose=not quiet).fit(source, column=column)
    made.save(target, force=force)
    _tell(made, target)


def _tell(made: TransferClassifier | TransferRegressor, target: Path) -> None:
    """How every way did, and what that means."""
    rows = [(("* " if name == made.best_ else "  ") + name, f"{score:.3f}") for name, score in made.comparison_.items()]
    show("", ("way", made.goal_.measure), rows, right=(made.goal_.measure,))
    say(made.verdict_)
    say(f"{'numbers' if made.goal_.classes is None else f'{len(made.goal_.classes)} classes'}, by the {made.best_}: {target}")
    told = {"output": str(target), "best": made.best_, "measure": made.goal_.measure, "comparison": made.comparison_}
    answer(told | {"verdict": made.verdict_, "classes": made.goal_.classes})
