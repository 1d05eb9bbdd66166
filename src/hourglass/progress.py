"""Progress bars with time left, on standard error, for anything that takes more than a second."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from hourglass.budget import Record

__all__ = ["counting", "following", "told", "training", "watched"]


@contextmanager
def _bar(shown: bool, what: str, column: str) -> Iterator[Any]:
    """A bar that appears after a second; nothing where it is not wanted."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn(column))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=1.0, told="")
        yield lambda share, told="", what=what: progress.update(task, completed=share, told=told, description=what)


def told(text: str, shown: bool, verb: str = "reading") -> None:
    """Say on standard error what is being read, or done."""
    if shown:
        print(f"{verb} {text}", file=sys.stderr)


_followers: list[Callable[[Record], object]] = []


@contextmanager
def following(reader: Callable[[Record], object]) -> Iterator[None]:
    """Let `reader` hear every record of the trainings within the block; what it raises ends them."""
    _followers.append(reader)
    try:
        yield
    finally:
        _followers.remove(reader)


def training(records: Iterable[Record], shown: bool, what: str = "training") -> None:
    """Run a training to its end, drawing its progress where `shown`."""
    with _bar(shown, what, "{task.fields[told]}") as draw:
        for record in records:
            for reader in _followers:
                reader(record)
            if draw is not None:
                held_out = "" if record.held_out is None else f"held out {record.held_out:.4g}"
                draw(record.fraction, held_out or f"epoch {record.epoch}, loss {record.training:.4g}", record.doing or what)


def watched(pieces: Iterable[Any], count: int, shown: bool, what: str) -> Iterator[Any]:
    """The pieces, with a bar beside them where there is more than one."""
    with _bar(shown and count > 1, what, "{task.fields[told]}") as draw:
        for number, piece in enumerate(pieces):
            yield piece
            if draw is not None:
                draw((number + 1) / count)


@contextmanager
def counting(shown: bool, what: str) -> Iterator[Callable[[int, int], object]]:
    """A function to call with how much of how much is done; a bar beside it where `shown`."""
    with _bar(shown, what, "{task.fields[told]}") as draw:
        yield lambda done, count: None if draw is None else draw(done / count)
