"""`hourglass predict`: what rows or pictures are, by a classifier that `hourglass label` made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from hourglass.cli import _options, _places
from hourglass.cli._voice import answer, say

if TYPE_CHECKING:
    from hourglass.transfer import TransferClassifier, TransferRegressor

__all__ = ["command"]

SHOWN = 20  # classes that have a column for their probability each


@click.command("predict", short_help="Say what rows or pictures are, by a classifier.")
@click.argument("classifier", type=click.Path(), metavar="CLASSIFIER")
@_options.data
@_options.output("Where the answers go: .csv .parquet .npz .json, - for CSV on standard output; else beside DATA.")
@_options.force
@_options.everywhere
def command(classifier: str, data: tuple[str, ...], output: str | None, force: bool) -> None:
    """Say of every row or picture of DATA what it is, by a CLASSIFIER that hourglass label made.

    Rows come in order: row, file where they are files, the answer in a column of its name, and for classes how probable that is, and of up
    to 20 classes how probable each is. Where DATA have labels, how many answers are right is said.
    """
    target = _places.file(output or _places.beside(data[0], "predicted", ".csv"), force, _places.TABLES)
    source = _places.source(data)
    _places.missing(classifier)
    from hourglass.parts import find
    from hourglass.transfer import open_labeller

    made, marks = open_labeller(classifier), Marks()
    find("kinds", "table").write(_answers(made, source, marks), str(target), made.autoencoder_.model_.facts)
    _places.finish(target)
    right = marks.score(made)
    if not _options.says("stdout"):
        say(f"{marks.rows:,} rows: {target}")
        if right is not None:
            say(f"{made.goal_.measure} on the {len(marks.labels):,} rows that have labels: {right:.3f}")
    answer({"output": str(target), "rows": marks.rows, "measure": made.goal_.measure, "score": right})


class Marks:
    """What was said, and what labels say of it."""

    def __init__(self) -> None:
        self.rows = 0
        self.said: list[Any] = []
        self.labels: list[Any] = []

    def score(self, made: TransferClassifier | TransferRegressor) -> float | None:
        """How well the answers meet the labels that are known; None where there are none."""
        import numpy as np

        if not self.labels:
            return None
        labels = np.empty(len(self.labels), dtype=object)
        labels[:] = self.labels
        found = made.goal_.score(np.stack(self.said), made.goal_.targets(labels))
        return found if found == found else None


def _answers(made: TransferClassifier | TransferRegressor, source: Any, marks: Marks) -> Iterator[Any]:
    """A table for each chunk."""
    import numpy as np
    import pyarrow as pa

    from hourglass import labelled

    goal, name = made.goal_, made.column_ if made.column_ != "y" else "label"
    for known in labelled.batches(made.autoencoder_, source, made.column_ if made.column_ != "y" else "", asked=False):
        said = made.answers(known.batch)
        columns: dict[str, Any] = {"row": np.arange(marks.rows, marks.rows + len(said)), **known.where}
        if goal.classes is None:
            columns[name] = said[:, 0].astype(np.float64) * goal.spread + goal.center
        else:
            chances = goal.chances(said)
            columns[name] = pa.array([goal.classes[best] for best in chances.argmax(1)])
            columns["probability"] = chances.max(1)
            if len(goal.classes) <= SHOWN:
                columns |= {f"p({each})": chances[:, number] for number, each in enumerate(goal.classes)}
        marks.rows += len(said)
        _mark(marks, goal, said, known.labels)
        yield pa.table(columns)


def _mark(marks: Marks, goal: Any, said: Any, labels: Any) -> None:
    """Note the labels that are known, of classes that were taught."""
    from hourglass import labelled

    for row, label in zip(said, [] if labels is None else labelled.plain(labels).tolist(), strict=False):
        there = label is not None and label == label
        if there and (isinstance(label, int | float) if goal.classes is None else label in goal.classes):
            marks.said.append(row)
            marks.labels.append(label)
