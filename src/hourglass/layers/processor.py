"""What the processor does well: narrow numbers, and how many threads a network is worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["fast_bfloat16", "few_threads"]

WORTH = 1e9  # multiplications in a step from which a second thread pays


def fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware."""
    features = torch.backends.cpu.get_cpu_capability()
    capable = getattr(torch.cpu, "_is_avx512_bf16_supported", None) or getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return features.startswith("AVX512") and bool(capable and capable())


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
