"""Parquet files as pieces of about 65,536 rows."""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
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

    Neighbouring pieces of a large row group share its decoding. When a group has been decoded twice and is asked for again, its
    pieces are being read in random order: then it is kept in a temporary file that can be read from any row on.
    """

    def __init__(self, path: str, meta: Any) -> None:
        self.path, self.meta, self.folder = path, meta, ""
        self.held: tuple[tuple[int, ...], Any] = ((), None)
        self.decoded: Counter[tuple[int, ...]] = Counter()

    def load(self, groups: tuple[int, ...], start: int, stop: int) -> Any:
        """Rows `start` to `stop` of these row groups."""
        kept = Path(self.folder, f"{groups[0]}.arrow")
        if self.folder and kept.exists():
            return pa.ipc.open_file(pa.memory_map(str(kept))).read_all().slice(start, stop - start)
        if self.held[0] != groups:
            self.held = (groups, self._decode(groups))
        table = self.held[1]
        if stop - start == table.num_rows:
            self.held = ((), None)
        elif self.decoded[groups] == 3:
            self._keep(table, groups[0])
        return table.slice(start, stop - start)

    def _decode(self, groups: tuple[int, ...]) -> Any:
        self.decoded[groups] += 1
        try:
            with pq.ParquetFile(self.path, metadata=self.meta) as file:
                return file.read_row_groups(list(groups))
        except (pa.ArrowInvalid, OSError) as error:
            raise BadFile(f"{self.path} cannot be read: {error}") from None

    def _keep(self, table: Any, group: int) -> None:
        """Write a row group to the temporary folder, if the disk has ample room."""
        if shutil.disk_usage(tempfile.gettempdir()).free < 8 * table.nbytes:
            return
        if not self.folder:
            self.folder = tempfile.mkdtemp(prefix="hourglass-")
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        part = Path(self.folder, f"{group}.part")
        with pa.ipc.new_file(str(part), table.schema) as writer:
            writer.write_table(table)
        part.replace(part.with_suffix(".arrow"))
