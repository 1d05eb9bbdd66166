"""How commands speak: words and tables for people, one JSON object for machines, results apart from both."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from hourglass.cli._options import says

__all__ = ["answer", "counted", "finished", "plain", "say", "show", "working"]

WIDTH = 110  # of tables where no terminal tells its own


def say(text: str = "") -> None:
    """A line for people; on standard error where standard output carries data."""
    if not (says("json") or says("quiet")):
        click.echo(text, err=says("stdout"))


def answer(values: dict[str, Any]) -> None:
    """The one JSON object of `--json`."""
    if says("json"):
        click.echo(json.dumps(values, default=str), err=says("stdout"))


def plain(value: Any) -> str:
    """A user's text on one line, without characters that steer a terminal.

    >>> plain("a" + chr(27) + "[2J")
    'a?[2J'
    """
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(str(value).split(" ")))


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()) -> None:
    """A table for people; `right` names the columns of numbers."""
    if says("json") or says("quiet"):
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    headed = any(columns)
    look = box.SIMPLE_HEAD if headed else None
    table = Table(title=Text(title, "bold") if title else None, title_justify="left", show_header=headed, box=look, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    stream = sys.stderr if says("stdout") else sys.stdout
    Console(file=stream, width=None if stream.isatty() else WIDTH).print(table)


@contextmanager
def working(text: str) -> Iterator[None]:
    """A sign of life on a terminal while something takes its time."""
    if says("json") or says("quiet") or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    with Progress(SpinnerColumn("line"), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True) as bar:
        bar.add_task(plain(text).replace("[", r"\["), total=None)
        yield


def counted(items: Sequence[Any], text: str) -> Iterator[Any]:
    """The items one after the other, with a progress bar and the time left where that takes more than a second."""
    if says("json") or says("quiet") or not sys.stderr.isatty() or len(items) < 2:
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=False) as bar:
        started, task = time.monotonic(), bar.add_task(text, total=len(items), visible=False)
        for item in items:
            yield item
            bar.update(task, advance=1, visible=time.monotonic() - started > 1)


@contextmanager
def finished(text: str) -> Iterator[Callable[[int, int], None]]:
    """A function to call with how much of how much is done: a progress bar with the time left, from the second on that it takes."""
    if says("json") or says("quiet") or not sys.stderr.isatty():
        yield lambda done, count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        started, task = time.monotonic(), bar.add_task(plain(text).replace("[", r"\["), total=None, visible=False)
        yield lambda done, count: bar.update(task, completed=done, total=count, visible=time.monotonic() - started > 1)
