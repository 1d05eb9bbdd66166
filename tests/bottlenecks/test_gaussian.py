"""The variational bottleneck learns small tables too."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from hourglass import Autoencoder, judging
from hourglass.bottlenecks.gaussian import bottleneck
from hourglass.judging import judge
from hourglass.parts import Batch


def bent(count: int) -> torch.Tensor:
    """Eight columns bent from two factors, one of which follows from the other."""
    generator = np.random.default_rng(0)
    factors = generator.normal(size=(count, 2))
    factors[:, 1] = 0.8 * factors[:, 0] ** 2 - 0.8 + 0.4 * factors[:, 1]
    return torch.from_numpy(np.tanh(factors @ generator.normal(size=(2, 16))) @ generator.normal(size=(16, 8))).float() / 2


def test_held_out_samples_are_judged_by_codes_as_they_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the mean of its codes, which its cost does not cover, the start (PCA, and nothing paid) seems better than it is."""
    x = bent(600)
    model = Autoencoder(kind="table", network="dense:widths=[32]", bottleneck="gaussian", code_size=3, epochs=1, random_state=0).fit(x)
    record, batch = model.model_, Batch(x / x.std(0))
    judged = judge(record, batch)
    assert judged[:2] == judge(record, batch)[:2]
    assert record.bottleneck.chance is None
    monkeypatch.setattr(judging, "_drawn", lambda bottleneck: nullcontext())
    assert judge(record, batch).loss < judged.loss - 5


def test_free_nats_cost_nothing() -> None:
    module = bottleneck((2,), warmup=0.0, free_bits=1.0).train()
    module.generator = torch.Generator().manual_seed(0)
    h = torch.full((5, 4), 0.1, requires_grad=True)
    cost = module(h).cost
    assert torch.equal(cost, torch.full((5,), 2.0))
    cost.sum().backward()
    assert (h.grad == 0).all()
