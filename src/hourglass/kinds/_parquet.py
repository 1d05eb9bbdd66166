"""Parquet files as pieces of about 65,536 rows."""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hourglass.errors import BadData, BadFile

__all__ = ["FIRST_ROW", "ROWS", "Portion", "parquet", "recut", "unique"]

ROWS = 65_536
FIRST_ROW = b"hourglass.first_row"  # in the metadata of a piece: where it begins, for messages


@dataclass
class Portion:
    """One file: its schema, the rows in each of its pieces, and how to load piece `i` as a Table."""

    schema: Any
    counts: list[int]
    load: Callable[[int], Any]
    name: str


def unique(names: list[str], where: str) -> None:
    """Raise `BadData` if a column name occurs twice."""
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise BadData(f"{where} has several columns called {', '.join(map(repr, repeated))}; every column needs its own name")


def recut(target: Path, schema: Any, batches: Any) -> None:
    """Write record batches as Parquet with row groups of the size that pieces have."""
    with pq.ParquetWriter(target, schema, compression="lz4", use_dictionary=False) as writer:
        waiting: list[Any] = []
        for batch in batches:
            waiting.append(batch)
            if sum(part.num_rows for part in waiting) >= ROWS:
                writer.write_table(pa.Table.from_batches(waiting), row_group_size=ROWS)
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting), row_group_size=ROWS)


def parquet(path: str, name: str = "") -> Portion:
    """One Parquet file; only its description is read yet. `name` is what messages call it."""
    try:
        with pq.ParquetFile(path) as file:
            meta, schema = file.metadata, file.schema_arrow
    except (pa.ArrowInvalid, OSError) as error:
        raise BadFile(f"{path} is no readable Parquet file: {error}") from None
    unique(schema.names, path)
    if not meta.num_rows:
        raise BadData(f"{name or path} has columns but no rows: {', '.join(schema.names)}")
    plan = _cuts([meta.row_group(i).num_rows for i in range(meta.num_row_groups)])
    groups = _Groups(path, meta)
    return Portion(schema, [stop - start for _, start, stop in plan], lambda i: groups.load(*plan[i]), name or path)


def _cuts(rows: list[int]) -> list[tuple[tuple[int, ...], int, int]]:
    """Row groups merged or split to about `ROWS`: which groups, and from which to which of their rows."""
    plan: list[tuple[tuple[int, ...], int, int]] = []
    for group, count in enumerate(rows):
        if plan and count and plan[-1][1] == 0 and plan[-1][2] + count <= ROWS:
            groups, _, stop = plan[-1]
            plan[-1] = ((*groups, group), 0, stop + count)
            continue
        parts = math.ceil(count / ROWS)
        plan += [((group,), count * i // parts, count * (i + 1) // parts) for i in range(parts)]
    return plan


class _Groups:
    """Row groups of one Parquet file.

    A large row group is never held whole: pieces that are asked for in order flow from the decoder. At the first one out of order
    the group is copied to a temporary file that can be read from any row on.
    """

    def __init__(self, path: str, meta: Any) -> None:
        self.path, self.meta, self.folder = path, meta, ""
        self.flow: Iterator[Any] = iter(())
        self.rest: list[Any] = []
        self.place = (-1, 0)  # the group and row at which the flow stands

    def load(self, groups: tuple[int, ...], start: int, stop: int) -> Any:
        """Rows `start` to `stop` of these row groups."""
        try:
            if stop - start == sum(self.meta.row_group(group).num_rows for group in groups):
                with self._opened() as file:
                    return file.read_row_groups(list(groups))
            return self._part(groups[0], start, stop)
        except (pa.ArrowInvalid, OSError) as error:
            raise BadFile(f"{self.path} cannot be read: {error}") from None

    def _part(self, group: int, start: int, stop: int) -> Any:
        kept = Path(self.folder, f"{group}.arrow")
        if start and self.place != (group, start) and not (self.folder and kept.exists()):
            kept = self._keep(group) or kept
        if self.folder and kept.exists():
            return pa.ipc.open_file(pa.memory_map(str(kept))).read_all().slice(start, stop - start)
        if self.place != (group, start):
            self.flow, self.rest, self.place = self._batches(group), [], (group, 0)
            while self.place[1] < start:
                self._take(min(ROWS, start - self.place[1]))
        taken = self._take(stop - start)
        if stop == self.meta.row_group(group).num_rows:  # the decoder holds tens of megabytes, for every file of a folder
            self.flow, self.rest, self.place = iter(()), [], (-1, 0)
        return taken

    def _take(self, rows: int) -> Any:
        """The next rows of the flow."""
        while sum(batch.num_rows for batch in self.rest) < rows:
            self.rest.append(next(self.flow))
        table = pa.Table.from_batches(self.rest)
        self.rest = table.slice(rows).to_batches()
        self.place = (self.place[0], self.place[1] + rows)
        return table.slice(0, rows)

    def _opened(self) -> Any:
        return pq.ParquetFile(self.path, metadata=self.meta, pre_buffer=False, buffer_size=2**20)

    def _batches(self, group: int) -> Iterator[Any]:
        with self._opened() as file:
            yield from file.iter_batches(ROWS, row_groups=[group])

    def _keep(self, group: int) -> Path | None:
        """Copy a row group to the temporary folder, unless the disk has too little room."""
        needed = 4 * self.meta.row_group(group).total_byte_size
        if shutil.disk_usage(tempfile.gettempdir()).free < needed:
            return None
        if not self.folder:
            self.folder = tempfile.mkdtemp(prefix="hourglass-")
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        part = Path(self.folder, f"{group}.part")
        batches = self._batches(group)
        first = next(batches)
        with pa.ipc.new_file(str(part), first.schema) as writer:
            for batch in chain([first], batches):
                writer.write_batch(batch)
        return part.replace(part.with_suffix(".arrow"))
