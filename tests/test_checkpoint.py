"""Killed at any moment, the same call again ends with the same weights."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.torch
import torch

from hourglass import Autoencoder, checkpoint
from hourglass.errors import CannotWrite

KILLS = """
import os, random, signal, sys, time, numpy as np, torch
import hourglass.checkpoint as checkpoint, hourglass.train as train
from hourglass import Autoencoder
import hourglass.kinds.table, hourglass.networks.dense, hourglass.bottlenecks.gaussian, hourglass.losses.gaussian, hourglass.spoils.noise
torch.set_num_threads(1)
checkpoint.INTERVAL, checkpoint.SHARE, train.INTERVAL = 0.0, 1e9, -1.0  # a record and a checkpoint after every step

def begin(path, out):
    child = os.fork()
    if child:
        return child
    X = np.load(source) if source.endswith(".npy") else source
    model = Autoencoder(epochs=6, batch_size=32, code_size=2, random_state=0, bottleneck="gaussian", spoil="noise:0.2")
    model.fit(X, checkpoint=path)
    np.save(out, torch.cat([t.flatten().double() for t in model.model_.modules().state_dict().values()]).numpy())
    os._exit(0)

source, folder = sys.argv[1:]
begun = time.monotonic()
assert os.waitpid(begin(folder + "/other.part", folder + "/whole.npy"), 0)[1] == 0
whole, chance, killed = time.monotonic() - begun, random.Random(0), 0
for attempt in range(30):
    child = begin(folder + "/model.part", folder + "/out.npy")
    if attempt < 8:
        time.sleep(whole * (0.05 + 0.3 * chance.random()))
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    killed += status == signal.SIGKILL
    if status == 0:
        break
assert killed >= 1, killed
assert np.array_equal(np.load(folder + "/out.npy"), np.load(folder + "/whole.npy"))
"""
posix = pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")


def rows(count: int = 1000) -> np.ndarray[Any, Any]:
    random = np.random.default_rng(0)
    return (random.normal(size=(count, 2)) @ random.normal(size=(2, 6)) + 0.1 * random.normal(size=(count, 6))).astype("f4")


def fit(X: Any, path: Path | None, **options: Any) -> Autoencoder:
    return Autoencoder(**{"epochs": 8, "batch_size": 32, "code_size": 2, "random_state": 0, **options}).fit(X, checkpoint=path)


def weights(model: Autoencoder) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in model.model_.modules().state_dict().values()])


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write at every record."""
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)


def stopped_midway(X: Any, path: Path, **options: Any) -> None:
    """A fit that dies after some writes, its checkpoint left behind."""
    written = []
    save = checkpoint.Checkpoint.save

    def dying(self: Any, *given: Any) -> None:
        save(self, *given)
        written.append(1)
        if len(written) == 4:
            raise MemoryError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint.Checkpoint, "save", dying)
        with pytest.raises(MemoryError):
            fit(X, path, **options)
    assert path.exists()


@posix
@pytest.mark.parametrize("memory", ["", "1000"], ids=["in memory", "streamed"])
def test_killed_at_random_moments_it_ends_with_the_same_weights(memory: str, tmp_path: Path) -> None:
    source = tmp_path / ("rows.parquet" if memory else "rows.npy")
    if memory:
        columns = {f"x{i}": column for i, column in enumerate(rows().T)}
        pq.write_table(pa.table(columns), source, row_group_size=100)
    else:
        np.save(source, rows())
    environment = {**os.environ, "OMP_NUM_THREADS": "1"} | ({"HOURGLASS_MEMORY": memory} if memory else {})
    command = [sys.executable, "-c", KILLS, str(source), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "not used" not in done.stderr  # it went on each time
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([source.name, "out.npy", "whole.npy"])  # nothing is left behind


@pytest.mark.parametrize("options", [{}, {"members": 3}, {"bottleneck": "sparse"}, {"bottleneck": "factor:style=rival"}])
def test_a_resumed_fit_ends_with_the_same_weights(options: dict[str, Any], tmp_path: Path, always: None) -> None:
    path = tmp_path / "part"
    whole = fit(rows(), None, **options)
    stopped_midway(rows(), path, **options)
    again = fit(rows(), path, **options)
    assert torch.equal(weights(whole), weights(again))
    assert len(again.model_.record["history"]) == len(whole.model_.record["history"])  # those before the end too
    assert not path.exists()


def test_a_checkpoint_of_other_settings_data_or_weights_is_named_and_not_used(tmp_path: Path, always: None) -> None:
    path = tmp_path / "part"
    other = rows()
    other[-1, -1] += 0.1
    cases = [
        (rows(), {"learning_rate": 0.01}, r"part is not used.*learning_rate 0.002 -> 0.01"),
        (rows(), {"random_state": 1}, "seed"),
        (other, {}, "other data"),
        (rows(), {"init": fit(rows(), None)}, "other weights"),
    ]
    for X, options, told in cases:
        stopped_midway(rows(), path)
        with pytest.warns(UserWarning, match=told):
            found = fit(X, path, **options)
        assert torch.equal(weights(found), weights(fit(X, None, **options)))
        assert not path.exists()


def _truncate(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(data: bytes) -> bytes:
    at = len(data) - 100
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("damage", [_truncate, _flip, lambda data: b"", lambda data: b"not this" * 10])
def test_a_damaged_checkpoint_is_named_and_not_used(damage: Any, tmp_path: Path, always: None) -> None:
    path = tmp_path / "part"
    stopped_midway(rows(), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="damaged; training begins anew"):
        found = fit(rows(), path)
    assert torch.equal(weights(found), weights(fit(rows(), None)))


def test_a_full_disk_is_a_warning_and_no_end(tmp_path: Path, always: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save", full)
    with pytest.warns(UserWarning, match="could not be written") as told:
        fit(rows(), tmp_path / "part")
    assert len(told) == 1
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "part"):
        with pytest.raises(CannotWrite, match="checkpoint"):
            fit(rows(), path)
