import contextlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hourglass import bits
from hourglass.errors import DamagedFile

EXTREMES = [0, 1, -1, 127, -128, 2**31, -(2**31), 2**62, 2**63 - 1, -(2**63)]


def learned(seed: int = 0, rows: int = 500, units: int = 3) -> tuple[torch.Tensor, bits.Tables]:
    symbols = torch.from_numpy(np.random.default_rng(seed).normal(0, 5, (rows, units)).round().astype(np.int64))
    return symbols, bits.tables(symbols)


def test_tables_add_up_and_leave_no_level_out() -> None:
    symbols, made = learned()
    assert made.counts.dtype == torch.int32
    assert (made.counts.sum(1) == bits.TOTAL).all()
    assert made.counts.min() >= 1
    assert (made.low == symbols.amin(0)).all()


def test_round_trip_of_usual_symbols_is_near_their_entropy() -> None:
    symbols, made = learned(rows=4000)
    data = bits.pack(symbols, made)
    assert torch.equal(bits.unpack(data, len(symbols), made), symbols)
    entropy = 0.0
    for unit in range(symbols.shape[1]):
        share = torch.unique(symbols[:, unit], return_counts=True)[1].double() / len(symbols)
        entropy -= float((share * share.log2()).sum()) * len(symbols)
    assert entropy / 8 <= len(data) <= 1.01 * entropy / 8 + 16


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-20, 20)), max_size=30))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_round_trip_of_any_int64(rows: list[tuple[int, int]]) -> None:
    symbols = torch.tensor(rows, dtype=torch.int64).reshape(-1, 2)
    _, made = learned(units=2)
    assert torch.equal(bits.unpack(bits.pack(symbols, made), len(symbols), made), symbols)


def test_extremes_come_back_also_from_far_tables() -> None:
    symbols = torch.tensor(EXTREMES).unsqueeze(1)
    for low in (0, -(2**63), 2**63 - 5):
        made = bits.Tables(bits.to_tables(torch.ones(1, 4, dtype=torch.int64)), torch.tensor([low]))
        assert torch.equal(bits.unpack(bits.pack(symbols, made), len(symbols), made), symbols)


def test_tables_of_extremes_are_bounded() -> None:
    made = bits.tables(torch.tensor(EXTREMES).unsqueeze(1))
    assert made.counts.shape[1] <= bits.LEVELS + 1


def test_other_tables_do_not_pass_unnoticed() -> None:
    symbols, made = learned()
    with pytest.raises(DamagedFile):
        bits.unpack(bits.pack(symbols, made), len(symbols) - 1, made)
    with pytest.raises(DamagedFile):
        bits.unpack(b"abc", 1, made)


def test_unpack_of_arbitrary_bytes_never_crashes() -> None:
    symbols, made = learned()
    whole, generator = bits.pack(symbols, made), np.random.default_rng(1)
    for _ in range(300):
        data = bytearray(generator.bytes(generator.integers(0, 60)) if generator.random() < 0.3 else whole)
        for place in generator.integers(0, max(1, len(data)), 3):
            if data:
                data[place] = generator.integers(256)
        with contextlib.suppress(DamagedFile):
            assert bits.unpack(bytes(data), len(symbols), made).shape == symbols.shape
