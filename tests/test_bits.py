import contextlib
import struct
import time
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hourglass import bits
from hourglass.errors import BadFile, DamagedFile, HourglassError, NewerFile

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


CHUNKS = [b"first", b"", b"third" * 100]
HEADER = {"codec": "codes-1", "rows": 3, "text": "Grüße"}


def test_container_round_trip() -> None:
    assert bits.read_container(bits.write_container(HEADER, CHUNKS)) == (HEADER, CHUNKS)
    assert bits.read_container(bits.write_container({}, [])) == ({}, [])


def test_damaged_chunk_is_named_and_the_others_salvaged() -> None:
    data = bytearray(bits.write_container(HEADER, CHUNKS))
    data[-1] ^= 1
    with pytest.raises(DamagedFile, match="chunk 3 of 3"):
        bits.read_container(bytes(data))
    assert bits.read_container(bytes(data), salvage=True)[1] == [b"first", b"", None]
    assert bits.read_container(bytes(data[:-40]), salvage=True)[1] == [b"first", b"", None]
    assert bits.read_container(bits.write_container(HEADER, CHUNKS) + b"x", salvage=True)[1] == CHUNKS


def test_other_files_and_later_versions_are_told_apart() -> None:
    whole = bits.write_container(HEADER, CHUNKS)
    with pytest.raises(BadFile, match="no file compressed by hourglass"):
        bits.read_container(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(NewerFile, match="upgrade"):
        bits.read_container(whole[:8] + b"\x02" + whole[9:])


def test_container_survives_a_thousand_hostile_files() -> None:
    whole, generator = bits.write_container(HEADER, CHUNKS), np.random.default_rng(2)
    begin = time.perf_counter()
    for case in range(1000):
        data = bytearray(whole[: generator.integers(len(whole))] if case % 3 == 0 else whole)
        for place in generator.integers(0, max(1, len(data)), generator.integers(1, 6) if case % 3 else 0):
            data[place] ^= 1 << generator.integers(8)
        if bytes(data) == whole:
            continue
        with pytest.raises(BadFile):
            bits.read_container(bytes(data))
        with contextlib.suppress(HourglassError):
            assert len(bits.read_container(bytes(data), salvage=True)[1]) == 3
    assert time.perf_counter() - begin < 10


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 50_000, b"[]", b"\xff\xfe", b"1e999999", b"9" * 10_000, b"null"])
def test_hostile_header_with_the_right_checksum(text: bytes) -> None:
    front = bits.MAGIC + struct.pack("<BII", 1, len(text), 0) + text
    with pytest.raises(DamagedFile):
        bits.read_container(front + struct.pack("<I", zlib.crc32(front)))


def test_promised_sizes_are_not_believed() -> None:
    front = bits.MAGIC + struct.pack("<BII", 1, 2, 2**32 - 1) + b"{}"
    with pytest.raises(DamagedFile):
        bits.read_container(front + struct.pack("<I", zlib.crc32(front)))
