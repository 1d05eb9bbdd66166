"""Tables: types of columns beyond the usual ones, and what cannot be a table."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from hourglass.errors import BadData, BadType, SchemaMismatch
from hourglass.kinds import table


def learned(source: object) -> tuple[object, dict]:
    pieces = table.read(source)
    return pieces.load(0), table.learn(pieces)


def test_rare_types_come_back():
    source = pa.table(
        {
            "decimal": pa.array([1, 2, None]).cast(pa.decimal128(21, 2)),
            "clock": pa.array([1, 2, None], pa.time32("s")),
            "lapse": pa.array([1, 2, None], pa.duration("ms")),
            "zone": pa.array([1_000, 2_000_000, None], pa.timestamp("us", "Europe/Berlin")),
            "day": pa.array([1, 20, None], pa.date32()),
            "large": pa.array([0, 2**63, None], pa.uint64()),
            "words": pa.array(["a", "b", None], pa.large_string()),
            "coded": pa.array([7, 8, None]).dictionary_encode(),
            "nothing": pa.nulls(3),
            "half": pa.array(np.array([1, 2, 3], np.float16)),
        }
    )
    chunk, facts = learned(source)
    back = table.from_tensor(table.to_tensor(chunk, facts).x, facts, like=chunk)
    assert back.schema.equals(source.schema)
    assert back.to_pydict() == source.to_pydict()


def test_mixed_cells_become_words_and_objects_are_refused():
    frame = pd.DataFrame({"a": ["x", 2, None], "b": [1, 2, 3]})
    chunk, _ = learned(frame)
    assert chunk["a"].to_pylist() == ["x", "2", None]
    with pytest.raises(BadType, match=r"argument must be a string or a number"):
        learned(np.array([[{"a": 1}, 2], [3, 4]], object))


def test_lists_are_refused_by_name():
    with pytest.raises(BadData, match="column 'a' holds list"):
        learned(pa.table({"a": [[1], [2]]}))


def test_other_types_at_use_time():
    _, facts = learned(pa.table({"w": ["x", "1"], "b": [True, False], "d": [datetime.date(2020, 1, 1), datetime.date(2020, 2, 1)]}))
    x = table.to_tensor(pa.table({"w": [1], "b": ["true"], "d": ["2020-01-01"]}), facts).x
    assert x.equal(table.to_tensor(pa.table({"w": ["1"], "b": [True], "d": [datetime.date(2020, 1, 1)]}), facts).x)
    empty = table.to_tensor(pa.table({"w": pa.nulls(2), "b": pa.nulls(2), "d": pa.nulls(2)}), facts)
    assert not empty.mask.any()
    for column, cell, text in (("b", "maybe", "true or false"), ("d", "soon", "dates"), ("d", 5, "dates")):
        wrong = {"w": ["x"], "b": [True], "d": [datetime.date(2020, 1, 1)]} | {column: [cell]}
        with pytest.raises(SchemaMismatch, match=f"column {column!r} held {text}.* row 0 .*{cell!r}"):
            table.to_tensor(pa.table(wrong), facts)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (3,), (2, 2, 2)])
def test_arrays_that_are_no_tables(shape):
    with pytest.raises(BadData, match=r"0 sample|0 feature|Expected 2D"):
        table.read(np.ones(shape))
