"""Batches: every row once an epoch, held-out rows never, the same again after a resume; from memory and from pieces."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from hourglass import Autoencoder
from hourglass.batches import Memory, Stream, held_out_rows
from hourglass.errors import BadData
from hourglass.parts import Batch, Pieces

COUNTS = [70, 33, 1, 120, 5, 64, 90, 17]  # pieces of very unlike sizes
ROWS = sum(COUNTS)
SIZE = 16


def stream(members: int = 1, seed: int = 0, memory: int = 1000, read: list[int] | None = None) -> Stream:
    """Rows that hold their own number, 8 bytes each."""
    begins = np.cumsum([0, *COUNTS])

    def load(piece: int) -> np.ndarray:
        if read is not None:
            read.append(piece)
        numbers = np.arange(begins[piece], begins[piece + 1], dtype=np.float32)
        return np.stack([numbers, -numbers], 1)

    return Stream(Pieces(COUNTS, load), lambda chunk: Batch(torch.from_numpy(chunk)), SIZE, seed, members, memory)


def memory(members: int = 1, seed: int = 0) -> tuple[Memory, set[int]]:
    x = torch.arange(ROWS, dtype=torch.float32)
    rows, held = held_out_rows(ROWS, seed, members)
    return Memory(Batch(torch.stack([x, -x], 1)), rows, SIZE, seed), set(held.tolist())


def made(source: str, members: int = 1, seed: int = 0) -> tuple[Memory | Stream, set[int]]:
    if source == "memory":
        return memory(members, seed)
    data = stream(members, seed)
    return data, set(data.held_out().x[:, 0].int().tolist())


def numbers(data: Memory | Stream, epoch: int = 0, skip: int = 0) -> list[torch.Tensor]:
    """The rows' numbers in every batch, (B,) or (M, B)."""
    return [batch.x[..., 0].int() for batch in data.batches(epoch, skip)]


@pytest.mark.parametrize("source", ["memory", "stream"])
def test_an_epoch_shows_every_training_row_once_but_the_tail(source: str) -> None:
    data, held = made(source)
    shown = torch.cat(numbers(data)).tolist()
    assert len(held) > 20
    assert len(shown) == len(set(shown)) == data.steps() * SIZE
    assert not held & set(shown)
    assert ROWS - len(held) - len(shown) < SIZE


@pytest.mark.parametrize("source", ["memory", "stream"])
def test_epochs_and_seeds_have_other_orders_and_other_tails(source: str) -> None:
    data, _ = made(source)
    first, second = torch.cat(numbers(data)), torch.cat(numbers(data, 1))
    assert not torch.equal(first, second)
    assert torch.equal(first, torch.cat(numbers(made(source)[0])))
    assert not torch.equal(first, torch.cat(numbers(made(source, seed=1)[0]))[: len(first)])
    every = {number for epoch in range(30) for batch in numbers(data, epoch) for number in batch.tolist()}
    assert len(every) == ROWS - len(made(source)[1])


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("source", ["memory", "stream"])
def test_skipped_batches_are_those_that_came_first(source: str, members: int) -> None:
    data, _ = made(source, members)
    whole = numbers(data, 2)
    assert len(whole) == data.steps()
    for skip in range(data.steps() + 1):
        for kept, expected in zip(numbers(data, 2, skip), whole[skip:], strict=True):
            assert torch.equal(kept, expected)


@pytest.mark.parametrize("source", ["memory", "stream"])
def test_each_member_sees_its_own_part(source: str) -> None:
    """Three members of rows in memory leave out a third each, those of larger data a fifth."""
    data, held = made(source, members=3)
    epochs = [torch.cat(numbers(data, epoch), 1) for epoch in range(12)]
    seen = [{int(number) for epoch in epochs for number in epoch[member]} for member in range(3)]
    for rows in seen:
        assert not held & rows
        assert 0.6 < len(rows) / (ROWS - len(held)) <= 0.8
    assert seen[0] != seen[1] != seen[2]
    assert source == "stream" or not seen[0] & seen[1] & seen[2]
    assert all(len(set(row.tolist())) == len(row) for epoch in epochs for row in epoch)


def test_every_heap_fits_in_memory_and_has_rows_from_everywhere() -> None:
    data = stream()
    assert len(data.counts) == -(-8 * ROWS // 1000)
    assert max(data.counts) < 1.5 * 1000 / 8
    for batch in numbers(data):
        assert batch.min() < ROWS / 3
        assert batch.max() > ROWS * 2 / 3


def test_the_source_is_read_once_and_heaps_that_are_skipped_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    data = stream(read=read)
    assert read == list(range(len(COUNTS)))
    heaps: list[int] = []
    load = data._read
    monkeypatch.setattr(data, "_read", lambda heap: heaps.append(heap) or load(heap))
    list(data.batches(0, data.steps() - 1))
    assert len(heaps) == 1
    assert read == list(range(len(COUNTS)))


def test_the_heaps_go_with_the_stream() -> None:
    data = stream()
    folder = data.folder
    assert sum(file.stat().st_size for file in folder.iterdir()) == 8 * (ROWS - data.held_out().count)
    del data
    gc.collect()
    assert not folder.exists()


def test_too_little_disk_is_told_before_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hourglass.batches.shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(BadData, match="TMPDIR"):
        stream()


def test_held_out_and_sample_rows_come_from_everywhere_in_random_order() -> None:
    data = stream()
    for part in (data.held_out(), data.first(200)):
        values = part.x[:, 0]
        assert values.min() < 70
        assert values.max() > ROWS - 120
        assert abs(np.corrcoef(np.arange(len(values)), values)[0, 1]) < 0.35
    assert not set(data.held_out().x[:, 0].tolist()) & set(data.first(10**6).x[:, 0].tolist())


def test_a_mask_in_one_piece_reaches_its_rows_alone() -> None:
    def to_tensor(chunk: np.ndarray) -> Batch:
        x = torch.from_numpy(chunk)
        mask = torch.ones_like(x, dtype=torch.bool)
        mask[:, 1] = x[:, 0] % 2 == 0
        return Batch(x * mask, mask) if chunk[0, 0] >= 100 else Batch(x)

    pieces = Pieces([100, 100], lambda i: np.arange(100 * i, 100 * i + 100, dtype=np.float32)[:, None].repeat(2, 1))
    for batch in Stream(pieces, to_tensor, 8, 0).batches(0):
        number = batch.x[:, 0]
        missing = (number % 2 == 1) & (number >= 100)
        assert batch.mask is not None
        assert batch.mask[:, 0].all()
        assert torch.equal(batch.mask[:, 1], ~missing)
        assert torch.equal(batch.x[:, 1], number * ~missing)


@pytest.fixture
def sorted_and_shuffled(tmp_path: Path) -> Callable[[bool], Path]:
    """Correlated rows as Parquet of eight row groups, sorted by the strongest column or not."""
    draw = np.random.default_rng(0)
    code = draw.normal(size=(16_000, 3))
    x = (np.tanh(code @ draw.normal(size=(3, 10))) + 0.1 * draw.normal(size=(16_000, 10))).astype("f4")

    def write(in_order: bool) -> Path:
        path = tmp_path / f"{in_order}.parquet"
        rows = x[np.argsort(x[:, 0])] if in_order else x
        pq.write_table(pa.table({f"x{i}": column for i, column in enumerate(rows.T)}), path, row_group_size=2000)
        return path

    return write


def test_a_sorted_file_trains_as_well_as_a_shuffled_one(
    sorted_and_shuffled: Callable[[bool], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hourglass.kinds._parquet.ROWS", 2000)
    monkeypatch.setenv("HOURGLASS_MEMORY", "400000")
    streams: list[Stream] = []

    class Watched(Stream):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            streams.append(self)

    monkeypatch.setattr("hourglass.reading.Stream", Watched)
    errors = []
    for in_order in (False, True):
        path = sorted_and_shuffled(in_order)
        model = Autoencoder(network="dense:widths=[32]", code_size=3, epochs=4, random_state=0).fit(path)
        assert len(streams.pop().counts) == 7
        assert model.model_.record["samples"] == 16_000
        x = pq.read_table(path)
        rebuilt = np.column_stack(model.reconstruct(path).columns)
        errors.append(float(((rebuilt - np.column_stack(x.columns)) ** 2).mean()))
    assert errors[1] < 1.05 * errors[0]
