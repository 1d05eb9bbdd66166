"""Where the parts are that codes belong to: columns beside the codes that say it, and the way back from these columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hourglass.model import Model
from hourglass.parts import find
from hourglass.reading import Reader, chunks, is_path, joined

__all__ = ["laid", "parted", "table"]

CODE = "autoencoder"


def table(codes: NDArray[Any], model: Model, chunk: Any, layout: Any) -> Any:
    """Codes (n, d) as a pyarrow Table, with the columns before them that tell of each row which file, and which part of it, it is."""
    import pyarrow as pa

    module, facts, beside = find("kinds", model.kind), model.facts, dict[str, Any]()
    if layout is None and hasattr(module, "places"):
        beside = module.places(chunk, facts)
    elif layout is not None and hasattr(module, "spans"):
        beside = module.spans(chunk, facts, layout, len(codes))
    return pa.table({**beside, **{f"{CODE}{i}": column for i, column in enumerate(codes.T)}})


def parted(X: Any) -> tuple[Any, Any]:
    """The columns of codes alone, and the others as a pyarrow Table: None where nothing tells them apart."""
    if is_path(X):
        reader = Reader("table")
        X = joined(list(chunks(reader.pieces(X))))
    if not hasattr(X, "columns"):
        return X, None
    from hourglass.kinds._restore import as_rows

    rows = as_rows(X)
    codes = [name for name in rows.column_names if name.removeprefix(CODE).isdigit() and name.startswith(CODE)]
    if not codes or len(codes) == len(rows.column_names):
        return X, None
    return rows.select(codes), rows.select([name for name in rows.column_names if name not in codes])


def laid(model: Model, values: Tensor, beside: Any) -> tuple[Tensor, Any]:
    """Decoded parts in the order in which they lie, and the layout that puts them together; None where the columns do not tell it."""
    lies = getattr(find("kinds", model.kind), "lies", None)
    found = None if beside is None or lies is None or not {"begin", "end"} <= set(beside.column_names) else lies(beside, model.facts)
    if found is None:
        return values, None
    order, layout = found
    return values[np.asarray(order)], [[len(order), layout]]
