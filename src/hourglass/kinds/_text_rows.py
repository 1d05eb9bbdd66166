"""Rows of text in memory, and where in which file each stood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNITS", "Stretch", "Texts", "flat", "from_bytes", "readable", "to_bytes"]

UNITS = {"lines": "line", "paragraphs": "paragraph", "files": "file", "texts": "text"}  # what rows are called; texts: those in memory


class Stretch(NamedTuple):
    """Rows that follow each other in one file: `rows` of them from row `first` on, in the bytes `start` to `stop` of `path`.

    `name` is the file the user gave, which `path` may be a copy of; `short` its name relative to the folder that was given; `newline` is
    how its lines end.
    """

    path: Path
    name: str
    short: str
    start: int
    stop: int
    first: int
    rows: int
    encoding: str
    newline: str


class Texts(list[str]):
    """Rows of text: a list of str, in which bytes that are no UTF-8 stand as lone surrogates (PEP 383), so that nothing is lost.

    `first` is the number of the first row over all chunks, `unit` what a row is, `newline` how lines end in the file; `missing` counts
    the rows that held no text and were made empty.
    """

    def __init__(
        self,
        rows: Iterable[str] = (),
        *,
        first: int = 0,
        unit: str = "texts",
        newline: str = "\n",
        stretches: Sequence[Stretch] = (),
        missing: int = 0,
    ) -> None:
        super().__init__(rows)
        self.first, self.unit, self.newline = first, unit, newline
        self.stretches, self.missing = tuple(stretches), missing

    def where(self, row: int) -> str:
        """Where row `row` stood, for messages."""
        before = 0
        for stretch in self.stretches:
            if row < before + stretch.rows:
                return (
                    stretch.name if self.unit == "files" else f"{UNITS[self.unit]} {stretch.first + row - before + 1:,} of {stretch.name}"
                )
            before += stretch.rows
        return f"text {self.first + row:,} (counted from 0)"

    @property
    def names(self) -> list[str]:
        """The files' names, one for each row, where rows are files; else an empty list."""
        named = self.stretches if self.unit == "files" else ()
        return [stretch.short for stretch in named for _ in range(stretch.rows)]

    def like(self, rows: Iterable[str]) -> Texts:
        """Other rows with the same origin."""
        return Texts(rows, first=self.first, unit=self.unit, newline=self.newline, stretches=self.stretches)


def to_bytes(text: str) -> bytes:
    """A text as the bytes it was read from."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a pair of surrogates, which UTF-8 cannot hold
        return text.encode("utf-8", "surrogatepass")


def from_bytes(data: bytes) -> str:
    """Bytes as a text that `to_bytes` turns back exactly."""
    return data.decode("utf-8", "surrogateescape")


def readable(text: str) -> str:
    """A text to show or to write: what is no UTF-8 becomes the replacement character."""
    return text if text.isascii() else to_bytes(text).decode("utf-8", "replace")


def flat(rows: Iterable[str]) -> tuple[list[bytes], NDArray[np.int64]]:
    """The bytes of each row, and how many they are."""
    held = list(rows)
    try:
        data = [row.encode() for row in held]
    except UnicodeEncodeError:
        data = [to_bytes(row) for row in held]
    return data, np.fromiter(map(len, data), np.int64, len(data))
