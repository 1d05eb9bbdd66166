"""From what the user gave to pieces and tensors: which kind, how much memory, one piece at a time or all at once."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, validate_data

from hourglass import kinds
from hourglass.batches import Stream
from hourglass.errors import BadData, BadFile, BadOption, BadType, HourglassError, SchemaMismatch
from hourglass.kinds import _text_source as text
from hourglass.parts import Batch, Cut, Part, Pieces, concatenate, find, options_for, options_of
from hourglass.shares import Share

__all__ = [
    "Reader",
    "checked",
    "chunks",
    "codes",
    "contents",
    "counted",
    "is_path",
    "joined",
    "labels",
    "left_out",
    "library",
    "native",
    "parts",
    "room",
    "samples",
    "single",
]


MOST_PARTS, MOST_NUMBERS = 50_000, 1 << 27  # parts to learn from, and numbers in them: half a gigabyte
WORDS = {"table": "rows", "image": "pictures"}


def is_path(source: Any) -> bool:
    """A path, or several: something to be read from disk, in chunks where it is large."""
    if isinstance(source, str | os.PathLike):
        return True
    if not isinstance(source, list | tuple) or not source or not all(isinstance(item, str | os.PathLike) for item in source):
        return False
    return not _texts(source)


def _texts(source: Any) -> bool:
    """Whether the data are texts themselves: an array or a column of them, or a list that names no files."""
    return bool(text.claims(source)) and not text.are_paths(source)


def checked(estimator: Any, X: Any, reset: bool, left_out: Iterable[str] = ()) -> Any:
    """Arrays, lists and frames as scikit-learn wants them, named columns compared; paths and pictures as they are.

    `left_out` are columns that the network never sees (label, ignored ones): they may be there or not.
    """
    if is_path(X) or _texts(X):
        return X
    if hasattr(X, "collect") and hasattr(X, "collect_schema"):  # a lazy frame of polars
        X = X.collect()
    if isinstance(X, np.ma.MaskedArray):  # what is masked is missing
        X = np.ma.filled(X.astype(np.float64), np.nan)
    if X is None or (isinstance(X, int | float | complex | bool | dict | set | bytes) and not hasattr(X, "shape")):
        raise BadType(f"data are a path, an array or a frame; this is {type(X).__name__}")
    if not (hasattr(X, "shape") or hasattr(X, "__array__") or hasattr(X, "columns") or isinstance(X, list | tuple)):
        return X
    try:
        if library(X):
            validate_data(estimator, _without(X, {str(name) for name in left_out}), reset=reset, skip_check_array=True)
            return X
        if hasattr(X, "columns") or getattr(X, "ndim", 2) > 2:
            return X
        if isinstance(X, list | tuple) and len(X) and not np.isscalar(X[0]) and np.ndim(X[0]) != 1:
            return X
        if isinstance(X, np.ndarray) and X.dtype.kind in "US":
            raise BadType(f"texts come as a list or a 1-d array of them; this array has {X.ndim} dimensions; a table of texts is a frame")
        return validate_data(estimator, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite=False)
    except HourglassError:
        raise
    except TypeError as trouble:
        raise BadType(str(trouble)) from trouble
    except ValueError as trouble:
        other = not reset and any(sign in str(trouble) for sign in ("seen at fit", "during fit", "is expecting"))
        hint = "; give columns of different sorts as a frame" if "convert string" in str(trouble) else ""
        raise (SchemaMismatch if other else BadData)(f"{trouble}{hint}") from trouble


def left_out(kind: str | Part) -> list[str]:
    """The columns that the options of a kind keep from the network: the label, and those that are ignored."""
    options = Part.parse(kind).options
    ignored = options.get("ignore") or ()
    return [options.get("label") or "", *([ignored] if isinstance(ignored, str) else ignored)]


def _without(frame: Any, names: set[str]) -> Any:
    """No rows of a frame, and its columns but `names`: enough to compare columns by."""
    wrapped = nw.from_native(frame, eager_only=True).head(0)
    kept = [name for name in wrapped.columns if name not in names]
    return frame if len(kept) == len(wrapped.columns) else wrapped.select(kept).to_native()


def library(X: Any) -> str:
    """The library of a frame (pandas, polars, pyarrow, ...); empty for anything else."""
    return str(nw.from_native(X).implementation.value) if nw.dependencies.is_into_dataframe(X) else ""


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
        self.name = kinds.infer(source, part.options) if part.name == "auto" else part.name
        self.module = find("kinds", self.name)
        self.part = Part(self.name, *part.values, **part.options)
        self.options_read, self.options_learn = options_for(self.part, self.module.read, self.module.learn)

    def pieces(self, source: Any) -> Pieces:
        """The source, lazily; `BadData` where it has no rows."""
        pieces: Pieces = self.module.read(source, **self.options_read)
        if pieces.count == 0:
            raise BadData(f"{pieces.name} has no rows: there is nothing to learn from or to look at")
        return pieces

    def learn(self, pieces: Pieces, native: str = "", **usual: Any) -> dict[str, Any]:
        """What the kind learns from all pieces: scales, vocabularies, schema. Its notes are said aloud.

        `native`: pictures are seen at their own size, in tiles, where they are not all small and of one size. For `details` the tiles are
        large, and pictures that the user wants in one size are brought to it. `usual`: options in place of the kind's own defaults, where
        it has them and the user gave none.
        """
        usual = {name: value for name, value in usual.items() if name in options_of(self.module.learn)}
        facts: dict[str, Any] = self.module.learn(pieces, **{**usual, **self.options_learn})
        size = self.options_learn.get("size")
        if native and hasattr(self.module, "as_tiles") and not (native == "details" and size):
            facts = self.module.as_tiles(facts, size, *([self.module.DETAIL] if native == "details" else []))
        facts.setdefault("reading", f"{pieces.count:,} {WORDS.get(self.name, 'samples')}")
        for note in facts.get("notes") or []:
            warnings.warn(note, UserWarning, stacklevel=4)
        return facts


def native(settings: dict[str, Any]) -> str:
    """Whether, and for what, pictures are seen at their own size: as a `whole` to give back, for `details`, or (empty) not at all."""
    if settings["purpose"] != "detect":
        return "whole" if settings["purpose"] in ("compress", "denoise") else ""
    given = {name: settings.get(part) for part, name in (("network", "unet"), ("loss", "defect"))}
    fine = [part in (None, "auto") or (not isinstance(part, tuple) and Part.parse(part).name == name) for name, part in given.items()]
    return "details" if all(fine) else ""


def chunks(pieces: Pieces) -> Iterator[Any]:
    """The pieces' chunks in order."""
    return (pieces.load(i) for i in range(len(pieces.counts)))


def samples(module: Any, pieces: Pieces, facts: dict[str, Any], settings: dict[str, Any], seed: int) -> Batch | Stream:
    """All samples in float32: in memory where they fit, else as a stream."""

    def to_tensor(chunk: Any) -> Batch:
        return single(module.to_tensor(chunk, facts))

    needed = pieces.count * math.prod(facts["shape"]) * 4
    if needed <= room() or len(pieces.counts) == 1:
        return concatenate([to_tensor(chunk) for chunk in chunks(pieces)])
    return Stream(pieces, to_tensor, settings["batch_size"], seed, settings["members"], room() // 2)


def parts(module: Any, pieces: Pieces, facts: dict[str, Any], seed: int) -> Cut:
    """Parts of all recordings or pictures to learn from; where they are very many a random share, the same of every recording."""
    size = math.prod(facts["shape"])
    share = Share(max(64, min(MOST_PARTS, MOST_NUMBERS // size, room() // (4 * size))), seed)
    generator, seen = np.random.default_rng(seed), 0
    for count, chunk in zip(pieces.counts, chunks(pieces), strict=True):
        cut = module.training(chunk, facts, generator)
        source = cut.source + (0 if getattr(module, "CONTINUES", False) else seen)
        share.add(cut._replace(samples=single(cut.samples), source=source))
        seen += count
    if not share.count:
        raise BadData(f"{pieces.name}: there is nothing in it to learn from")
    return share.cut()


def single(batch: Batch) -> Batch:
    """The same in float32, which training is in; whole numbers stay what they are."""
    return batch.with_x(batch.x.float()) if batch.x.dtype in (torch.float64, torch.uint8) else batch


def labels(module: Any, pieces: Pieces, facts: dict[str, Any]) -> Any:
    """The label of every row, or None."""
    found = []
    for chunk in chunks(pieces):
        part = module.labels(chunk, facts)
        if part is None:
            return None
        found.append(np.asarray(part))
    return np.concatenate(found)


def counted(y: Any, count: int) -> NDArray[Any] | None:
    """The user's labels as an array (count,), or None where none were given."""
    if y is None:
        return None
    made = np.asarray(y)
    if made.shape[:1] != (count,):
        raise BadData(f"y has {made.shape[0] if made.ndim else 'no'} labels for {count} samples; give one for each, or none")
    return made


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


def contents(data: Any) -> bytes:
    """Bytes as they are, or those of a file."""
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    if not isinstance(data, str | os.PathLike):
        raise BadType(f"compressed data are bytes, or the path of a .hgz file; this is {type(data).__name__}")
    try:
        return Path(data).read_bytes()
    except OSError as trouble:
        raise BadFile(f"cannot read {data}: {trouble.strerror or trouble}") from trouble


def codes(X: Any) -> NDArray[np.floating[Any]]:
    """Codes from a frame or an array, as floats (n, code_size)."""
    if library(X):
        columns = [column.to_numpy() for column in nw.from_native(X).iter_columns()]
        if any(column.dtype.kind not in "fiub" for column in columns):
            raise BadData("codes are numbers alone; these columns hold others: give what `transform` gave (hourglass encode)")
        X = np.column_stack(columns)
    try:
        return check_array(X, dtype=[np.float64, np.float32], input_name="codes")  # type: ignore[no-any-return]
    except TypeError as trouble:
        raise BadType(f"codes: {trouble}") from trouble
    except ValueError as trouble:
        raise BadData(f"codes: {trouble}") from trouble
