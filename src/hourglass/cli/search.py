"""`hourglass search`: let the machine look for better settings than the recipe's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hourglass.cli import _options, _places
from hourglass.cli._voice import answer, say, show

if TYPE_CHECKING:
    from hourglass.tuning import Finding

__all__ = ["command"]

SHOWN = 5
JOURNAL = "A file that keeps the trials: a search that was killed goes on there, several processes share it."
PURPOSE = "What it is for: embed, detect, compress, denoise or generate."
PAGES = (".html", ".htm")


@click.command("search", short_help="Look for better settings than the recipe's.")
@_options.data
@_options.output("The model file of the best that was found; .hourglass is added where there is no suffix.", required=True)
@click.option("--purpose", metavar="NAME", default="embed", show_default=True, help=PURPOSE)
@click.option("--trials", type=click.IntRange(1), default=30, show_default=True, metavar="N", help="Try so many settings.")
@click.option("--minutes", type=float, default=10.0, show_default=True, metavar="N", help="Take at most about so long.")
@click.option("--journal", metavar="FILE", help=JOURNAL)
@click.option("--page", metavar="PATH", help="A page (.html) with the history, which settings mattered, and the comparison.")
@click.option("--label", metavar="COLUMN", help="A column of labels: anomalies (detect) or classes (embed), by which trials are judged.")
@click.option("--ignore", metavar="COLUMN", multiple=True, help="A column to leave out; may be given several times.")
@click.option("--kind", metavar="PART", help="Kind of data; found out where it is not given.")
@click.option("--network", metavar="PART", help="Keep to this network; likewise the next two.")
@click.option("--bottleneck", metavar="PART", help="Keep to this bottleneck.")
@click.option("--code-size", type=int, metavar="N", help="Keep to this code size.")
@click.option("--seed", "random_state", type=int, metavar="N", default=0, help="The same seed, data and time give the same search; 0.")
@_options.force
@_options.everywhere
def command(data: tuple[str, ...], output: str, page: str | None, force: bool, **asked: Any) -> None:
    """Try networks, widths, activations, codes, spoils and step sizes on DATA, beginning at the recipe, and save the best.

    Trials are judged by what the purpose wants: labels where there are some, else held-out rows. The best is compared with the recipe on
    three seeds that no trial saw; where it is not better beyond noise, the recipe's model is saved, and it is said. Needs Optuna.
    """
    from hourglass.cli.fit import model_place

    target = model_place(output, force)
    wanted = None if page is None else _places.file(page, force, PAGES)
    source = _places.source(data)
    from hourglass import Part, search

    columns = {name: list(value) if name == "ignore" else value for name in ("label", "ignore") if (value := asked.pop(name))}
    kind = Part.parse(asked.pop("kind") or "auto")
    given = {name: value for name, value in asked.items() if value is not None}
    quiet = _options.says("quiet") or _options.says("json")
    found = search(source, kind=Part(kind.name, *kind.values, **{**kind.options, **columns}), verbose=not quiet, **given)
    found.model.save(target, force=force)
    if wanted is not None:
        from hourglass.report.searched import page as written

        _places.write_bytes(wanted, written(found).encode())
    _tell(found, str(target), None if wanted is None else str(wanted))


def _tell(found: Finding, target: str, page: str | None) -> None:
    """The best trials, the finding, and where it is."""
    done = sorted((each for each in found.trials if each.value is not None), key=lambda each: -(each.value or 0))
    rows = [(f"{each.value:.4g}", f"{each.seconds:.1f}", _words(each.changed)) for each in done[:SHOWN]]
    show(
        f"The best of {len(found.trials)} trial{'' if len(found.trials) == 1 else 's'}",
        (found.measure, "seconds", "changed"),
        rows,
        right=(found.measure, "seconds"),
    )
    if found.importance:
        say("what mattered: " + ", ".join(f"{name} {100 * share:.0f} %" for name, share in list(found.importance.items())[:3]))
    say(found.verdict)
    say(f"model: {target}" + (f"\npage:  {page}" if page else ""))
    told = {"model": target, "page": page, "measure": found.measure, "verdict": found.verdict, "taken": found.taken, "best": found.best}
    values = {"of_best": found.of_best, "of_recipe": found.of_recipe, "importance": found.importance, "minutes": found.minutes}
    answer({**told, **values, "trials": [vars(each) for each in found.trials]})


def _words(changed: dict[str, Any]) -> str:
    return ", ".join(f"{name.removeprefix('network.')} {value}" for name, value in changed.items()) or "nothing: the recipe"
