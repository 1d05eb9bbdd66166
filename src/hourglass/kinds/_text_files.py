"""Text files as rows: found in one pass that remembers only where they stand, loaded a stretch at a time."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import itertools
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from hourglass.errors import BadData, BadFile, DamagedFile, HourglassError
from hourglass.kinds._text_rows import Stretch, Texts, from_bytes
from hourglass.parts import Pieces

__all__ = ["LONGEST", "ROWS", "of_files"]

ROWS = 65_536  # rows in a piece
PIECE = 2**24  # bytes in a piece
LONGEST = 2**24  # bytes in a row; longer ones are read as several
HEAD = 2**18
BOMS = {  # the longer ones first: one of UTF-32 begins like that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
OTHERS = {
    b"PAR1": "a Parquet table",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"PK\x03\x04": "a zip",
    b"%PDF": "a PDF",
}


class Found(NamedTuple):
    """A file as it is written: where its text begins, its encoding and how its lines end."""

    path: Path
    start: int
    encoding: str
    newline: str


def of_files(files: list[tuple[Path, str]], unit: str, strict: bool, name: str) -> Pieces:
    """Files and their short names as pieces of up to 65,536 rows or 16 MB; empty or damaged ones raise `BadFile`."""
    copies = _Copies()
    try:
        groups = _scanned(files, unit, copies)
    except BaseException:
        copies.remove()
        raise
    counts = [sum(stretch.rows for stretch in group) for group in groups]
    starts = list(itertools.accumulate(counts, initial=0))

    def load(index: int) -> Texts:
        rows = [row for stretch in groups[index] for row in _rows(stretch, unit)]
        texts = Texts(rows, first=starts[index], unit=unit, newline=groups[index][0].newline, stretches=groups[index])
        if strict:
            refuse(texts)
        return texts

    weakref.finalize(load, copies.remove)
    size = sum(stretch.stop - stretch.start for group in groups for stretch in group)
    return Pieces(counts, load, name, 9 * size)  # 8 bytes for a symbol, 1 for its mask


def _scanned(files: list[tuple[Path, str]], unit: str, copies: _Copies) -> list[list[Stretch]]:
    """Where the rows of all files stand, grouped into pieces."""
    groups: list[list[Stretch]] = []
    found = [_understood(path, copies, unit) for path, _ in files]
    filled = False
    for (path, short), file in zip(files, found, strict=True):
        for stretch, holds in _stretches(file, str(path), short, unit):
            _place(groups, stretch)
            filled = filled or holds
    if not filled:
        raise BadFile(f"{_told(files, groups)}: there is no text to learn from or to look at")
    return groups


def refuse(texts: Texts) -> None:
    """Raise `BadData` at the first row that is no UTF-8."""
    for number, row in enumerate(texts):
        try:
            row.encode()
        except UnicodeEncodeError as trouble:
            byte = ord(row[trouble.start]) & 0xFF
            raise BadData(
                f"{texts.where(number)} holds bytes that are no UTF-8, the first is 0x{byte:02x} after {trouble.start} letters; "
                "convert the text to UTF-8, or leave strict=False, which keeps such bytes"
            ) from None


def _told(files: list[tuple[Path, str]], groups: list[list[Stretch]]) -> str:
    """What is wrong with files in which nothing stands."""
    which = str(files[0][0]) if len(files) == 1 else f"all {len(files)} files, {files[0][0]} and so on,"
    empty = not any(stretch.stop > stretch.start for group in groups for stretch in group)
    if len(files) == 1:
        return f"{which} is empty" if empty else f"{which} holds nothing but whitespace, in {sum(s.rows for g in groups for s in g):,} rows"
    return f"{which} are empty" if empty else f"{which} hold nothing but whitespace"


def _place(groups: list[list[Stretch]], stretch: Stretch) -> None:
    """Put a stretch into the last piece where there is room, else into a new one."""
    group = groups[-1] if groups else []
    rows = sum(each.rows for each in group) if len(group) < 256 else ROWS
    held = sum(each.stop - each.start for each in group)
    if group and rows + stretch.rows <= ROWS and held + stretch.stop - stretch.start <= PIECE:
        group.append(stretch)
    else:
        groups.append([stretch])


def _stretches(file: Found, name: str, short: str, unit: str) -> Iterator[tuple[Stretch, bool]]:
    """The stretches of one file, and whether anything but whitespace was met so far; a file without bytes is one empty row."""
    start, first, count, filled = file.start, 0, 0, False
    stop = start
    with _reading(name), file.path.open("rb") as handle:
        handle.seek(start)
        for raw in CUTS[unit](handle):
            if count == ROWS or (count and stop - start + len(raw) > PIECE):
                yield Stretch(file.path, name, short, start, stop, first, count, file.encoding, file.newline), filled
                start, first, count = stop, first + count, 0
            filled = filled or not raw.isspace()
            stop += len(raw)
            count += 1
    if count or unit == "files":
        yield Stretch(file.path, name, short, start, stop, first, max(count, 1), file.encoding, file.newline), filled


def _rows(stretch: Stretch, unit: str) -> list[str]:
    """The rows of a stretch, without what separates them."""
    with _reading(stretch.name), stretch.path.open("rb") as handle:
        handle.seek(stretch.start)
        data = handle.read(stretch.stop - stretch.start)
    rows = [_bare(raw, unit, stretch.newline) for raw in CUTS[unit](io.BytesIO(data))] or [""]
    if len(rows) != stretch.rows or len(data) != stretch.stop - stretch.start:
        raise BadFile(f"{stretch.name} was changed while it was being read; read it again")
    return rows


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends, at most `LONGEST` bytes each."""
    return iter(partial(file.readline, LONGEST), b"")


def _paragraphs(file: BinaryIO) -> Iterator[bytes]:
    """What stands between empty lines, with the empty lines around it."""
    held: list[bytes] = []
    begun = ended = False
    size = 0
    for line in _lines(file):
        blank = line.isspace()
        if (begun and ended and not blank) or size + len(line) > LONGEST:
            yield b"".join(held)
            held, begun, ended, size = [], False, False, 0
        held.append(line)
        size += len(line)
        begun = begun or not blank
        ended = begun and blank
    if held:
        yield b"".join(held)


def _whole(file: BinaryIO) -> Iterator[bytes]:
    """The file, in one row where it has up to `LONGEST` bytes."""
    return iter(partial(file.read, LONGEST), b"")


CUTS: dict[str, Callable[[Any], Iterator[bytes]]] = {"lines": _lines, "paragraphs": _paragraphs, "files": _whole}


def _bare(raw: bytes, unit: str, newline: str) -> str:
    """A row without what separates it from the next."""
    if unit == "lines":
        ended = raw.endswith(b"\n")
        raw = raw[:-1] if ended else raw
        raw = raw.removesuffix(b"\r") if ended and newline == "\r\n" else raw
    elif unit == "paragraphs":
        lines = raw.split(b"\n")
        full = [number for number, line in enumerate(lines) if line and not line.isspace()] or [0]
        raw = b"\n".join(lines[full[0] : full[-1] + 1]).removesuffix(b"\r")
    return from_bytes(raw)


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    """What goes wrong in reading the file `name` becomes a message."""
    try:
        yield
    except HourglassError:
        raise
    except (EOFError, gzip.BadGzipFile, zlib.error) as trouble:
        raise DamagedFile(f"{name} is a damaged or truncated gzip file: {trouble}") from None
    except OSError as trouble:
        raise BadFile(f"{name} cannot be read: {trouble.strerror or trouble}") from None


class _Copies:
    """Copies in UTF-8 of files that are zipped or in another encoding; their folder is made when the first is."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.count = 0

    def next(self) -> Path:
        """A path for another copy."""
        self.folder = self.folder or tempfile.mkdtemp(prefix="hourglass-")
        self.count += 1
        return Path(self.folder) / f"{self.count}.txt"

    def remove(self) -> None:
        """Remove the copies."""
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def _understood(path: Path, copies: _Copies, unit: str) -> Found:
    """How a file is written; one that is zipped, UTF-16, UTF-32, or of lines that end in a lone return is copied as plain UTF-8."""
    with _reading(str(path)), path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file: Any = gzip.GzipFile(fileobj=raw) if zipped else raw
        head = file.read(HEAD)
        sign = next((sign for sign in OTHERS if head.startswith(sign)), b"")
        if sign:
            raise BadFile(f"{path} is no text: it looks like {OTHERS[sign]}; give a text file, or leave the kind to be found out")
        bom = next((bom for bom in BOMS if head.startswith(bom)), b"")
        encoding = BOMS.get(bom, "utf-8")
        newline = _newline(head[len(bom) :].decode(encoding, "ignore"))
        lone = newline == "\r" and unit != "files"
        if not zipped and encoding == "utf-8" and not lone:
            return Found(path, len(bom), encoding, newline)
        target = copies.next()
        with target.open("wb") as copy:
            _copy(head[len(bom) :], file, copy, encoding, lone)
        return Found(target, 0, encoding, newline)


def _newline(head: str) -> str:
    """How most lines end."""
    paired, plain = head.count("\r\n"), head.count("\n")
    if not plain:
        return "\r" if "\r" in head.rstrip("\r") else "\n"
    return "\r\n" if 2 * paired > plain else "\n"


def _copy(block: bytes, file: Any, target: BinaryIO, encoding: str, lone: bool) -> None:
    """What is left of a file, from `block` on, to `target` in UTF-8; with `lone`, returns become newlines."""
    decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding != "utf-8" else None
    while block:
        text = block if decoder is None else decoder.decode(block).encode()
        target.write(text.replace(b"\r", b"\n") if lone else text)
        block = file.read(2**20)
    if decoder is not None:
        target.write(decoder.decode(b"", True).encode())
