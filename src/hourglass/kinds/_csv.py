"""Text tables: separator, decimal mark, encoding and header are found out, then pyarrow reads."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from hourglass.errors import BadData, BadFile, DamagedFile

__all__ = ["Dialect", "estimated_rows", "first_rows", "read_whole", "sniff", "stream"]

SEPARATORS = ("\t", ";", "|", ",")  # the comma last: it also stands in numbers
HEAD = 2**18
ROWS = 200
NULLS = ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "-nan", "-NaN", "#NA", "<NA>", "None", "?"]
NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?|[-+]?inf|nan", re.I)
DATE = re.compile(r"\d{4}-\d\d?-\d\d?([ T].*)?|\d\d?[./]\d\d?[./]\d{2,4}( .*)?|\d\d?:\d\d(:\d\d)?")
WIDER = {"null": pa.int64(), "int64": pa.float64()}  # what a column becomes when a later value does not fit


@dataclass(frozen=True)
class Dialect:
    """How a text table is written. `names` are given to the columns when there is no header; `share` is how even its rows are
    (in a single column: the share of numbers among them), which tells a table from prose."""

    separator: str
    decimal: str
    encoding: str
    names: tuple[str, ...] | None
    columns: int
    share: float
    quoted: bool


def sniff(path: Path) -> Dialect:
    """Find out how a text table is written. An empty or binary file raises `BadFile`."""
    head = _head(path)
    encoding = _encoding(head, path)
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
    lines = text.splitlines(keepends=True)
    lines = lines[:-1] if len(head) == HEAD and len(lines) > 1 else lines
    if not any(line.strip() for line in lines):
        raise BadFile(f"{path} is empty; a table needs a row of names and at least one row of values")
    separator, columns, share = _separator(lines)
    rows = _rows(lines, separator)
    if not rows:
        raise BadFile(f"{path} is no text table: its first cell has more than {csv.field_size_limit():,} letters; --kind text reads prose")
    names = None if _header(rows) else tuple(f"x{i}" for i in range(columns))
    return Dialect(separator, _decimal(rows), encoding, names, columns, share, '"' in text)


def estimated_rows(path: Path) -> int:
    """About how many rows, from the length of the first ones."""
    head = _head(path)
    size = path.stat().st_size * (4 if _zipped(path) else 1)
    return int(size / max(1, len(head)) * (head.count(b"\n") or 1))


def read_whole(path: Path) -> Any:
    """The file as one pyarrow Table."""

    def take(dialect: Dialect, types: dict[str, Any]) -> Any:
        with _opened(path) as file:
            table = pacsv.read_csv(file, *_options(dialect, types))
        _legible(table.schema)
        return table

    return _checked(_persistent(path, take), path)


def first_rows(path: Path, rows: int) -> Any:
    """The first rows as a Table, to guess from: cells that do not fit the types of the others raise `pyarrow.ArrowInvalid`."""
    dialect = sniff(path)
    lines = _head(path).decode(dialect.encoding, errors="replace").removeprefix("\ufeff").splitlines(keepends=True)
    text = "".join(lines[: min(rows + 1, max(2, len(lines) - 1))])  # the last line may be cut off
    return pacsv.read_csv(io.BytesIO(text.encode()), *_options(replace(dialect, encoding="utf-8"), {}))


def stream(path: Path, target: Path, writer: Any) -> None:
    """Read the file block by block and write it as Parquet, without ever holding it whole."""

    def take(dialect: Dialect, types: dict[str, Any]) -> Any:
        with _opened(path) as file, pacsv.open_csv(file, *_options(dialect, types)) as reader:
            _legible(reader.schema)
            _checked(reader.schema.empty_table(), path, rows=False)
            writer(target, reader.schema, reader)

    _persistent(path, take)


def _legible(schema: Any) -> None:
    """Raise what pyarrow raises elsewhere for letters that are not of the encoding; where it infers types it falls back on bytes."""
    if any(pa.types.is_binary(field.type) for field in schema):
        raise pa.ArrowInvalid("invalid UTF8 data")


def _persistent(path: Path, take: Any) -> Any:
    """Read again with a wider type or another encoding for as long as that mends the trouble."""
    dialect, types = sniff(path), dict[str, Any]()
    for _ in range(2 * dialect.columns + 4):
        try:
            return take(dialect, types)
        except (EOFError, gzip.BadGzipFile) as error:
            raise DamagedFile(f"{path} is a damaged or truncated gzip file: {error}") from None
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            dialect = _remedy(path, dialect, types, str(error))
        except OSError as error:
            raise DamagedFile(f"{path} cannot be read: {error}") from None
    raise BadFile(f"{path} cannot be read as a table")


def _remedy(path: Path, dialect: Dialect, types: dict[str, Any], trouble: str) -> Dialect:
    """The dialect to try next; `types` gains the column that needs a wider one. Raises when nothing helps."""
    if "UTF" in trouble.upper() or "codec" in trouble:
        follow = {"utf-8": "cp1252", "cp1252": "latin-1"}.get(dialect.encoding)
        if follow:
            return replace(dialect, encoding=follow)
    found = re.search(r"In CSV column #(\d+): (?:Row #\d+: )?CSV conversion error to (\w+)", trouble)
    if found:
        name = _names(path, dialect)[int(found[1])]
        types[name] = WIDER.get(found[2], pa.string()) if types.get(name) != pa.string() else None
        if types[name] is not None:
            return dialect
    if "Expected" in trouble and "columns" in trouble:
        line, expected, got = _ragged(path, dialect)
        raise BadData(
            f"line {line} of {path} has {got} cells where {expected} were expected (separator {dialect.separator!r}); mend that line"
        )
    raise BadFile(f"{path} cannot be read as a table: {trouble}")


def _names(path: Path, dialect: Dialect) -> list[str]:
    if dialect.names:
        return list(dialect.names)
    text = _head(path).decode(dialect.encoding, errors="replace").removeprefix("\ufeff")
    return _rows(text.splitlines(keepends=True), dialect.separator)[0]


def _ragged(path: Path, dialect: Dialect) -> tuple[int, int, int]:
    """Line number of the first row with too few or too many cells, the number expected, and the number found."""
    opener = gzip.open if _zipped(path) else open
    with opener(path, "rt", encoding=dialect.encoding, errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=dialect.separator)
        expected = dialect.columns
        with contextlib.suppress(csv.Error):
            for first, row in enumerate(reader):
                expected = len(row) if first == 0 else expected
                if row and len(row) != expected:
                    return reader.line_num, expected, len(row)
    return 0, expected, 0


def _checked(table: Any, path: Path, rows: bool = True) -> Any:
    repeated = [name for name, times in Counter(table.column_names).items() if times > 1]
    if repeated:
        raise BadData(f"{path} has several columns called {', '.join(map(repr, repeated))}; every column needs its own name")
    if rows and not table.num_rows:
        raise BadData(f"{path} has a header but no rows: {', '.join(table.column_names)}")
    return table


def _options(dialect: Dialect, types: dict[str, Any]) -> tuple[Any, Any, Any]:
    block = max(2**22, min(2**10 * dialect.columns, 2**26))  # a hundred rows at least: every cell of a block's columns costs as an array
    read = pacsv.ReadOptions(encoding=dialect.encoding, column_names=dialect.names, block_size=block)
    parse = pacsv.ParseOptions(delimiter=dialect.separator, newlines_in_values=dialect.quoted)
    convert = pacsv.ConvertOptions(decimal_point=dialect.decimal, null_values=NULLS, strings_can_be_null=True, column_types=types)
    return read, parse, convert


def _zipped(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with path.open("rb") as raw:
        yield gzip.GzipFile(fileobj=raw) if _zipped(path) else raw


def _head(path: Path) -> bytes:
    try:
        with _opened(path) as file:
            return bytes(file.read(HEAD))
    except (EOFError, gzip.BadGzipFile) as error:
        raise DamagedFile(f"{path} is a damaged or truncated gzip file: {error}") from None
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error}") from None


def _encoding(head: bytes, path: Path) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if head.count(0) > len(head) / 4 and not any(head[0::2]) | (head[1::2].count(0) < len(head) / 3):
        return "utf-16-be"
    if head.count(0) > len(head) / 4 and head[1::2].count(0) > len(head) / 3:
        return "utf-16-le"
    control = sum(head.count(byte) for byte in range(32) if byte not in (9, 10, 11, 12, 13, 26))
    if 0 in head or control > len(head) / 50:
        raise BadFile(f"{path} is no text table: it holds binary data; take a .csv, .tsv, .txt, .parquet, .npz or .npy file")
    cut = head[: head.rfind(b"\n") + 1] if len(head) == HEAD else head
    for encoding in ("utf-8", "cp1252"):
        with contextlib.suppress(UnicodeDecodeError):
            cut.decode(encoding)
            return encoding
    return "latin-1"


def _rows(lines: list[str], separator: str) -> list[list[str]]:
    rows: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        for row in csv.reader(lines[:ROWS], delimiter=separator):
            if row:
                rows.append([cell.strip() for cell in row])
    return rows


def _separator(lines: list[str]) -> tuple[str, int, float]:
    """The separator that cuts the rows most evenly, the number of columns, and the share of even rows."""
    found = []
    for separator in SEPARATORS:
        widths = Counter(map(len, _rows(lines, separator)))
        columns, times = widths.most_common(1)[0] if widths else (1, 0)
        if columns > 1:
            share = times / widths.total()
            found.append((share >= 0.9, share if share < 0.9 else 0.0, -SEPARATORS.index(separator), separator, columns, share))
    if not found:
        numbers = [_value(row[0]) for row in _rows(lines, ",")]
        return ",", 1, sum(numbers) / max(1, len(numbers))
    return max(found)[3:]


def _decimal(rows: list[list[str]]) -> str:
    """A comma, if numbers are written with commas and none with points (between commas as separators these stand in quotes)."""
    cells = [cell for row in rows for cell in row]
    with_comma = any(re.fullmatch(r"[-+]?\d*,\d+([eE][-+]?\d+)?", cell) for cell in cells)
    with_point = any(re.fullmatch(r"[-+]?\d*\.\d+([eE][-+]?\d+)?", cell) for cell in cells)
    return "," if with_comma and not with_point else "."


def _header(rows: list[list[str]]) -> bool:
    """True unless the first row looks like values: numbers or dates, with no words above a column of numbers."""
    first, rest = rows[0], rows[1:]
    if len(first) > 2 and first == [str(i) for i in range(len(first))]:
        return True  # the names that pandas gives to columns without any
    values = [_value(cell) for cell in first]
    if not any(values):
        return True
    words = [i for i, cell in enumerate(first) if cell and not values[i] and cell not in NULLS]
    return any(
        below and all(map(_value, below)) for i in words if (below := [row[i] for row in rest if i < len(row) and row[i] not in NULLS])
    )


def _value(cell: str) -> bool:
    return bool(NUMBER.fullmatch(cell) or DATE.fullmatch(cell))
