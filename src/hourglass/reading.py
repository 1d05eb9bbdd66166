"""From what the user gave to pieces and tensors: which kind, how much memory, one piece at a time or all at once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hourglass import kinds
from hourglass.errors import BadData, BadOption
from hourglass.parts import Batch, Part, Pieces, concatenate, find, options_for

__all__ = ["Reader", "everything", "is_path", "room"]


def is_path(source: Any) -> bool:
    """A path, or several: something to be read from disk, in chunks where it is large."""
    if isinstance(source, str | os.PathLike):
        return True
    return isinstance(source, list | tuple) and len(source) > 0 and all(isinstance(item, str | os.PathLike) for item in source)


def room() -> int:
    """Bytes of memory that training data may take: half of what is free, or of `HOURGLASS_MEMORY` (bytes) where that is set."""
    given = os.environ.get("HOURGLASS_MEMORY")
    if given:
        try:
            return int(float(given)) // 2
        except ValueError:
            raise BadOption(f"HOURGLASS_MEMORY={given!r}: give a number of bytes, such as 2000000000") from None
    free = [4 << 30]
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        free = [int(lines["MemAvailable"].split()[0]) << 10] if "MemAvailable" in lines else free
    group = Path("/sys/fs/cgroup/memory.max")
    if group.exists() and (limit := group.read_text().strip()).isdigit():
        free.append(int(limit))
    return min(free) // 2


class Reader:
    """A kind with the user's options for it: `pieces` of a source, what they teach, and tensors of chunks."""

    def __init__(self, kind: str | Part, source: Any = None) -> None:
        part = Part.parse(kind)
        self.name = kinds.infer(source) if part.name == "auto" else part.name
        self.module = find("kinds", self.name)
        self.part = Part(self.name, *part.values, **part.options)
        self.options_read, self.options_learn = options_for(self.part, self.module.read, self.module.learn)

    def pieces(self, source: Any) -> Pieces:
        """The source, lazily; `BadData` where it has no rows."""
        pieces: Pieces = self.module.read(source, **self.options_read)
        if pieces.count == 0:
            raise BadData(f"{pieces.name} has no rows: there is nothing to learn from or to look at")
        return pieces

    def learn(self, pieces: Pieces) -> dict[str, Any]:
        """What the kind learns from all pieces: scales, vocabularies, schema. Its notes are said aloud."""
        facts: dict[str, Any] = self.module.learn(pieces, **self.options_learn)
        for note in facts.get("notes") or []:
            warnings.warn(note, UserWarning, stacklevel=4)
        return facts


def chunks(pieces: Pieces) -> Iterator[Any]:
    """The pieces' chunks in order."""
    return (pieces.load(i) for i in range(len(pieces.counts)))


def everything(module: Any, pieces: Pieces, facts: dict[str, Any]) -> Batch:
    """All pieces as one batch."""
    return concatenate([module.to_tensor(chunk, facts) for chunk in chunks(pieces)])


def labels(module: Any, pieces: Pieces, facts: dict[str, Any]) -> Any:
    """The label of every row, or None."""
    found = [module.labels(chunk, facts) for chunk in chunks(pieces)]
    return None if any(part is None for part in found) else np.concatenate([np.asarray(part) for part in found])


def joined(results: list[Any]) -> Any:
    """One chunk of several: arrays, tables or lists."""
    first = results[0]
    if len(results) == 1:
        return first
    if isinstance(first, np.ndarray):
        return np.concatenate(results)
    if isinstance(first, list):
        return [item for result in results for item in result]
    import pyarrow as pa

    return pa.concat_tables(results)
