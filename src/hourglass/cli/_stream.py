"""`hourglass detect MODEL -`: lines from standard input, each answered on standard output as soon as it is there."""

from __future__ import annotations

import csv
import io
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from hourglass.cli import _options
from hourglass.errors import BadData, BadFile, BadOption, SchemaMismatch

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder

__all__ = ["answered", "flags"]

Line = tuple[int, str, bool]

KINDS = ("table", "series")
MAGIC = (b"PAR1", b"\x1f\x8b", b"PK\x03\x04")
COLUMNS = "Names of the columns of a stream whose first line is no header, such as a,b,c."
ADAPT = "Let scale and threshold follow the data slowly; weights, and the model's file, stay as they are."
TOLD = 10  # of lines left out are told one by one


def flags(command: Any) -> Any:
    """The flags that only streams have."""
    command = click.option("--columns", metavar="NAMES", help=COLUMNS)(command)
    return click.option("--adapt", is_flag=True, help=ADAPT)(command)


def answered(found: Autoencoder, data: tuple[str, ...], free: bool, asked: dict[str, Any]) -> bool:
    """Answer standard input line by line, where that is what was asked for: `-` alone, with standard output `free`, and a model of rows.

    Lines that cannot be read are told on standard error, and the next ones are answered.
    """
    columns, adapt = asked["columns"], asked["adapt"]
    if data != ("-",) or not free or found.model_.kind not in KINDS:
        if adapt or columns is not None:
            raise BadOption(
                "--adapt and --columns are for streams: DATA is -, there is neither -o nor --events, and the model is one of rows"
            )
        return False
    from hourglass.uses.adapt import Adapting
    from hourglass.uses.stream import Stream

    lines = _lines()
    reader, before = _reader(found, lines, columns)
    slow, told = Adapting(found.model_) if adapt else None, Answers()
    stream = Stream(found.model_, _threshold(found, adapt))
    for number, line, ended in itertools.chain(before, lines):
        told.give(reader, stream, slow, number, line, ended)
    told.finish("" if slow is None else slow.sentence())
    return True


def _threshold(found: Autoencoder, adapt: bool) -> Callable[[], float]:
    """The score above which a row is an anomaly; where it moves, it is asked for anew."""
    first = -found.offset_
    return (lambda: -found.offset_) if adapt else (lambda: first)


def _reader(found: Autoencoder, lines: Iterator[Line], columns: str | None) -> tuple[Any, list[Line]]:
    """What reads the lines, and those that were looked at for it but are rows."""
    from hourglass.kinds._lines import Lines, cells

    first = next(lines, None)
    if first is None:
        raise BadFile("standard input is empty; pipe lines of CSV into the command, the first with the names of the columns")
    if columns is None:
        return Lines(*cells(first[1]), found.model_.facts), []
    return Lines(cells(columns)[0], cells(first[1])[1], found.model_.facts), [first]


class Answers:
    """Counts, and writes the answers: CSV with a header, or one JSON object a line."""

    def __init__(self) -> None:
        self.rows = self.anomalies = self.left_out = 0

    def give(self, reader: Any, stream: Any, slow: Any, number: int, line: str, ended: bool) -> None:
        """The answer to one line; nothing for an empty one."""
        if not line.strip():
            return
        try:
            found, sample = stream.take(reader.row(line))
        except (BadData, SchemaMismatch) as trouble:
            if isinstance(trouble, SchemaMismatch) and not self.rows:
                raise  # the columns are others, and will be in every line
            self._leave_out(number, f"{trouble}" + ("" if ended else " (the stream stopped in the middle of it)"))
            return
        if not ended:
            click.echo(f"note: line {number} has no end: it may have been cut off, and was taken as it is", err=True)
        self._write(found)
        if slow is not None:
            slow.take(sample, found["anomaly"])

    def _leave_out(self, number: int, why: str) -> None:
        self.left_out += 1
        if self.left_out <= TOLD:
            more = "; further ones are only counted" if self.left_out == TOLD else ""
            click.echo(f"warning: line {number} is left out: {why}{more}", err=True)

    def _write(self, found: dict[str, Any]) -> None:
        if _options.says("json"):
            text = json.dumps(found, default=str) + "\n"
        else:
            buffer = io.StringIO()
            writer = csv.writer(buffer, lineterminator="\n")
            if not self.rows:
                writer.writerow(found)
            writer.writerow([_cell(value) for value in found.values()])
            text = buffer.getvalue()
        sys.stdout.write(text)
        sys.stdout.flush()
        self.rows += 1
        self.anomalies += bool(found["anomaly"])

    def finish(self, adapted: str) -> None:
        """What came of it all, on standard error: standard output carries the answers."""
        if _options.says("quiet"):
            return
        left = f", {self.left_out:,} line{'s were' if self.left_out > 1 else ' was'} left out" if self.left_out else ""
        click.echo(f"{self.anomalies:,} of {self.rows:,} rows are anomalies{left}", err=True)
        if adapted:
            click.echo(adapted, err=True)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _lines() -> Iterator[Line]:
    """The lines of standard input with their numbers from 1 on, and whether each is ended."""
    for number, raw in enumerate(iter(sys.stdin.buffer.readline, b""), 1):
        if number == 1 and raw.startswith(MAGIC):
            raise BadOption("standard input holds a file, not lines of text; with -o OUT it is read as a whole")
        yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8", errors="replace").rstrip("\r\n"), raw.endswith(b"\n")
