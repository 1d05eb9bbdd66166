"""Compressed files: both formats hold what was put in, name what is damaged, and believe nothing."""

from __future__ import annotations

import contextlib
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hourglass.containers import MAGIC, SIGN, read_container, write_container, write_short
from hourglass.errors import BadFile, DamagedFile, HourglassError, NewerFile

Write = Callable[[dict[str, Any], list[bytes]], bytes]
BOTH = pytest.mark.parametrize("write", [write_container, write_short])
PICTURE = {
    "codec": "picture-2",
    "model": "photo-1",
    "fingerprint": "5a17b77327f31755",
    "shape": [112, 92, 1],
    "dtype": "uint8",
    "quality": 50.0,
}
PICTURE |= {"alpha": 0, "kept": {}}
CHUNKS = [b"first", b"", b"third" * 100]
HEADER: dict[str, Any] = {"codec": "codes-1", "rows": 3, "text": "Grüße"}


@BOTH
def test_container_round_trip(write: Write) -> None:
    assert read_container(write(HEADER, CHUNKS)) == (HEADER, CHUNKS)
    assert read_container(write({}, [])) == ({}, [])


@BOTH
def test_damaged_chunk_is_named_and_the_others_salvaged(write: Write) -> None:
    data = bytearray(write(HEADER, CHUNKS))
    data[-1] ^= 1
    with pytest.raises(DamagedFile, match="chunk 3 of 3"):
        read_container(bytes(data))
    assert read_container(bytes(data), salvage=True)[1] == [b"first", b"", None]
    assert read_container(bytes(data[:-40]), salvage=True)[1] == [b"first", b"", None]
    assert read_container(write(HEADER, CHUNKS) + b"x", salvage=True)[1] == CHUNKS


def test_other_files_and_later_versions_are_told_apart() -> None:
    whole = write_container(HEADER, CHUNKS)
    with pytest.raises(BadFile, match="no file compressed by hourglass"):
        read_container(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(NewerFile, match="upgrade"):
        read_container(whole[:8] + b"\x02" + whole[9:])
    with pytest.raises(NewerFile, match="upgrade"):
        read_container(SIGN + b"\x03" + whole[5:])
    for length in range(len(whole[:40])):
        with pytest.raises(BadFile):
            read_container(whole[:length])


@BOTH
def test_container_survives_a_thousand_hostile_files(write: Write) -> None:
    whole, generator = write(HEADER, CHUNKS), np.random.default_rng(2)
    begin = time.perf_counter()
    for case in range(1000):
        data = bytearray(whole[: generator.integers(len(whole))] if case % 3 == 0 else whole)
        for place in generator.integers(0, max(1, len(data)), generator.integers(1, 6) if case % 3 else 0):
            data[place] ^= 1 << generator.integers(8)
        if bytes(data) == whole:
            continue
        with pytest.raises(BadFile):
            read_container(bytes(data))
        with contextlib.suppress(HourglassError):
            assert len(read_container(bytes(data), salvage=True)[1]) == 3
    assert time.perf_counter() - begin < 10


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 50_000, b"[]", b"\xff\xfe", b"1e999999", b"9" * 10_000, b"null"])
def test_hostile_header_with_the_right_checksum(text: bytes) -> None:
    front = MAGIC + struct.pack("<BII", 1, len(text), 0) + text
    with pytest.raises(DamagedFile):
        read_container(front + struct.pack("<I", zlib.crc32(front)))


def test_promised_sizes_are_not_believed() -> None:
    front = MAGIC + struct.pack("<BII", 1, 2, 2**32 - 1) + b"{}"
    with pytest.raises(DamagedFile):
        read_container(front + struct.pack("<I", zlib.crc32(front)))


@pytest.mark.parametrize(
    "change",
    [
        *({}, {"model": "own"}, {"model": "Grüße"}, {"shape": [70_000, 1, 3]}, {"dtype": "float64"}, {"quality": 12.3}, {"alpha": 1}),
        *(
            {"kept": {"exif": 3}},
            {"kept": {"icc_profile": 500}},
            {"kept": {"exif": 1, "icc_profile": 2}},
            {"codec": "picture-9"},
            {"more": 1},
        ),
        *(
            {"fingerprint": "short"},
            {"quality": 1 / 3},
            {"shape": [-1, 2, 3]},
            {"model": "x" * 300},
            {"kept": {"icc_profile": 1, "exif": 2}},
        ),
    ],
)
def test_headers_of_pictures_take_few_bytes_and_lose_nothing(change: dict[str, Any]) -> None:
    header = PICTURE | change
    assert read_container(write_short(header, [b"a"])) == (header, [b"a"])
    if not change:
        assert len(write_short(header, [b"a"])) <= 28
        assert len(write_container(header, [b"a"])) > 60


def test_a_single_chunk_shares_its_checksum_with_the_header() -> None:
    whole = write_short(PICTURE, [b"chunk" * 10])
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 4
        with pytest.raises(BadFile):
            read_container(bytes(data))
    with pytest.raises(DamagedFile, match="altered or cut short"):
        read_container(whole[:-1], salvage=True)


def test_hostile_numbers_in_a_short_header() -> None:
    """The checksum is right, and what it covers is nonsense."""
    chance = np.random.default_rng(0)
    for _ in range(500):
        text = bytes([1, *chance.integers(0, 256, chance.integers(0, 30)).tolist()])
        front = SIGN + bytes([2, len(text), 1]) + text + b"\1"
        with contextlib.suppress(DamagedFile):
            assert read_container(front + struct.pack("<I", zlib.crc32(front + b"c")) + b"c")[1] == [b"c"]
