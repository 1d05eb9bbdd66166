"""The kind `text`: lines, paragraphs or files in any script, as bytes.

A sample is (T,) symbols: bytes 0 to 255, then 256, the end of the text, where it fits; what follows is padding and masked. Longer texts
are cut into several samples and put together again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hourglass.errors import BadOption, BadType, did_you_mean
from hourglass.kinds import _text_parts as parts
from hourglass.kinds import _text_source as sources
from hourglass.kinds._text_back import WRITTEN, restore, write
from hourglass.kinds._text_facts import Tally, describe, element_names
from hourglass.kinds._text_files import CUTS, of_files
from hourglass.kinds._text_reasons import because
from hourglass.kinds._text_reasons import places as _places
from hourglass.kinds._text_rows import Texts, readable
from hourglass.kinds._text_source import SUFFIXES, claims
from hourglass.parts import Batch, Cut, Pieces

__all__ = [
    "CONTINUES",
    "SUFFIXES",
    "WRITTEN",
    "Texts",
    "because",
    "claims",
    "cut",
    "describe",
    "element_names",
    "from_tensor",
    "join",
    "labels",
    "learn",
    "places",
    "read",
    "restore",
    "spans",
    "spread",
    "to_tensor",
    "training",
    "write",
]

Facts = dict[str, Any]
CONTINUES = True  # chunks know the numbers of their rows


def read(source: Any, *, unit: str | None = None, strict: bool = False) -> Pieces:
    """Texts from a file (its lines), a folder, glob or list of files (each file), or strings in a list, an array or a column.

    `unit` is `lines`, `paragraphs` or `files`. Bytes that are no UTF-8 are kept, or with `strict` an error. Nothing is held in memory:
    pieces are up to 65,536 rows or 16 MB of a file, and a single row longer than 16 MB is read as several.

    >>> read(["to be", "or not"]).counts
    [2]
    """
    if unit is not None and unit not in CUTS:
        raise BadOption(f"unit={unit!r}: {did_you_mean(str(unit), CUTS)}")
    if not (sources.is_path(source) or sources.are_paths(source)):
        return sources.of_memory(source, strict)
    files = sources.gather(source)
    alone = sources.is_path(source) and len(files) == 1 and str(files[0][0]) == str(source)
    name = str(source) if sources.is_path(source) else ", ".join(map(str, source[:3])) + (", ..." if len(source) > 3 else "")
    return of_files(files, unit or ("lines" if alone else "files"), strict, name)


def learn(pieces: Pieces, *, length: int | None = None) -> Facts:
    """One pass: the length of a sample, which bytes there are, and what is odd.

    `length` (bytes) is by default what 99 of 100 texts and their end keep within, rounded up to a multiple of 8, at most 128.
    """
    tally = Tally()
    for index in range(len(pieces.counts)):
        tally.add(_texts(pieces.load(index)))
    return tally.facts(length)


def cut(chunk: Any, facts: Facts) -> tuple[Batch, dict[str, Any]]:
    """Texts as parts (B, T) int64 with their mask, in order, and the layout that puts them together again."""
    return parts.cut(_texts(chunk), facts["shape"][0])


def join(values: Tensor, facts: Facts, layout: dict[str, Any], like: Any = None) -> Texts:
    """Undo `cut`: parts (B, T) as texts, each part up to its first end symbol.

    Bytes that are no UTF-8 are kept (as lone surrogates) with `like`; without it they become the replacement character.
    """
    rows = parts.join(values, layout)
    if like is None:
        return Texts(map(readable, rows), unit=facts["unit"], newline=facts["newline"])
    return _texts(like).like(rows)


def training(chunk: Any, facts: Facts, generator: np.random.Generator) -> Cut:
    """The parts to learn from, which are those of `cut`."""
    return parts.training(_texts(chunk), facts["shape"][0])


def spread(values: Any, facts: Facts, layout: dict[str, Any]) -> NDArray[Any]:
    """One value per part to one per text, the mean over its parts."""
    return parts.spread(values, layout)


def places(chunk: Any, facts: Facts) -> dict[str, list[str]]:
    """Columns that tell which each row is: its file, or its first letters."""
    return _places(_texts(chunk), facts)


def spans(chunk: Any, facts: Facts, layout: dict[str, Any], count: int) -> dict[str, Any]:
    """Columns that tell which text each part is of: its file or first letters, its number, and the number of the part in it."""
    texts, counts = _texts(chunk), np.array(parts.counts_of(layout))
    row = np.repeat(np.arange(len(counts)), counts)
    told = {name: [column[each] for each in row] for name, column in _places(texts, facts).items()}
    return {**told, "row": row + texts.first, "part": np.arange(count) - np.repeat(np.cumsum(counts) - counts, counts)}


def to_tensor(chunk: Any, facts: Facts) -> Batch:
    """Texts as parts (B, T) int64: bytes, and 256 for the end; padding is 0 and masked."""
    return cut(chunk, facts)[0]


def from_tensor(values: Tensor, facts: Facts, like: Any = None) -> Texts:
    """Samples (B, T) as texts: each up to its first end symbol, or put together as those of `like` were cut."""
    if like is None:
        return join(values, facts, {"rows": len(values), "several": []})
    return join(values, facts, cut(like, facts)[1], like)


def labels(chunk: Any, facts: Facts) -> None:
    """Texts have no labels of their own."""
    return


def _texts(chunk: Any) -> Texts:
    """A chunk as `Texts`."""
    if isinstance(chunk, Texts):
        return chunk
    if not isinstance(chunk, Iterable) or isinstance(chunk, str):
        raise BadType(f"a chunk of texts is a list of str; this is {type(chunk).__name__}")
    return Texts(chunk)
