"""What the processor does well: how many threads a network is worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["few_threads"]

WORTH = 1e9  # multiplications in a step from which a second thread pays


@contextmanager
def few_threads(weights: Iterable[Tensor], rows: int) -> Iterator[None]:
    """One thread for a network that is too small for more, within the block.

    Threads that meet after every small operation gain little on an idle machine, and on a busy one wait for each other: measured at
    32-128-64, 4 members, two threads beside another program took 20 times as long as one. Convolutions always get all threads.
    """
    weights = list(weights)
    before = torch.get_num_threads()
    small = 6 * rows * sum(weight.numel() for weight in weights) < WORTH and all(weight.dim() < 4 for weight in weights)
    if small:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if small:
            torch.set_num_threads(before)
