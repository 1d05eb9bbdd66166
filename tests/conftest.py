"""What all tests share: one thread, no network, and a watch on the global random generators."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded; two test processes share two cores

import random
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings

settings.register_profile("hourglass", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("hourglass")
torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Nothing is downloaded at run time: a connection to another machine is an error."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in ("localhost", "127.0.0.1", "::1"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield


@pytest.fixture
def untouched_generators() -> Iterator[None]:
    """Fail where the test moved the global generator of Python, numpy or torch."""
    before = random.getstate(), np.random.get_state()[1].tobytes(), torch.random.get_rng_state()
    yield
    assert random.getstate() == before[0], "Python's global generator was touched"
    assert np.random.get_state()[1].tobytes() == before[1], "numpy's global generator was touched"
    assert torch.equal(torch.random.get_rng_state(), before[2]), "torch's global generator was touched"
