"""What is particular to frames: the names of their columns, which may be no texts, and the time, which may be their index."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import narwhals as nw

__all__ = ["as_given", "in_library", "odd_names", "timed"]

Names = list[tuple[str, Any]]


def odd_names(frame: Any) -> Names:
    """The names of a pandas frame's columns, as texts and as they are, where they are no texts: numbers, or several in a row (lists)."""
    if not nw.dependencies.is_pandas_dataframe(frame):
        return []
    names = [list(name) if isinstance(name, tuple) else getattr(name, "item", lambda name=name: name)() for name in frame.columns]
    told = all(isinstance(part, str | int | float) for name in names for part in (name if isinstance(name, list) else [name]))
    return list(zip(map(str, frame.columns), names, strict=True)) if told and not all(isinstance(name, str) for name in names) else []


def in_library(chunk: Any, name: str, names: Any = None) -> Any:
    """A pyarrow Table as a frame of the library `name` with the columns' own `names`, where that is installed; anything else as it is."""
    if not name or name == "pyarrow" or not hasattr(chunk, "column_names"):
        return chunk
    try:
        frame = nw.from_arrow(chunk, backend=name).to_native()  # type: ignore[arg-type]
    except (ImportError, ModuleNotFoundError):
        return chunk
    if names and name == "pandas":
        own = {text: tuple(given) if isinstance(given, list) else given for text, given in names}
        frame.columns = [own.get(text, text) for text in frame.columns]
    return frame


def timed(X: Any, facts: dict[str, Any], seen: Iterable[str]) -> Any:
    """A pandas frame of series with its time where training had it, among the columns that were `seen` or as the index."""
    name, columns = (facts.get("time") or {}).get("name"), list(seen)
    if name is None or not columns or not nw.dependencies.is_pandas_dataframe(X):
        return X
    dated = _dated(X.index)
    if name in columns and name not in X.columns and dated:
        made = X.rename_axis(name).reset_index()
        known = [column for column in columns if column in made.columns]
        return made[[*known, *(column for column in made.columns if column not in columns)]]
    if name in columns:
        return X
    told = [name] if name in X.columns else [column for column in X.columns if column not in columns and _dated(X[column])]
    if len(told) == 1 and _dated(X[told[0]]):
        return X.set_index(told[0]).rename_axis(name)
    return X.rename_axis(name) if dated else X


def as_given(result: Any, X: Any, facts: dict[str, Any]) -> Any:
    """Undo `timed` in a frame that came of it."""
    name = (facts.get("time") or {}).get("name")
    if name is None or not all(nw.dependencies.is_pandas_dataframe(frame) for frame in (result, X)):
        return result
    lacking = [column for column in X.columns if column not in result.columns]
    if result.index.name == name and len(lacking) == 1:
        made = result.rename_axis(lacking[0]).reset_index()[list(X.columns)]
        return made.set_axis(X.index) if len(made) == len(X) else made
    if name not in X.columns and name in result.columns:
        result = result.set_index(name)
    return result if name in X.columns else result.rename_axis(X.index.name)


def _dated(values: Any) -> bool:
    return str(values.dtype).startswith("datetime64")
