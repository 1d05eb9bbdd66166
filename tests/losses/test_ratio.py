"""Noise against signal: every sample by its own errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from hourglass.errors import BadOption
from hourglass.losses.ratio import loss

FACTS: dict[str, Any] = {"shape": [1, 400], "fields": [["number", 0, 1]], "resolution": torch.full((1, 1), 1e-4)}


def drawn(seed: int) -> torch.Tensor:
    return torch.randn(3, 1, 400, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_ten_decibels_are_as_many_nats_at_any_level() -> None:
    function, target, error = loss(FACTS), drawn(0), drawn(1)
    strong, weak = (function(target + size * error, target) / 400 for size in (0.5, 0.5 / 10**0.5))
    assert torch.allclose(strong - weak, torch.full((3,), 1.1513, dtype=torch.float64), atol=1e-2)


def test_quiet_samples_pull_as_hard_as_loud_ones() -> None:
    function, target = loss(FACTS), drawn(0) * torch.tensor([0.1, 1.0, 10.0])[:, None, None]
    shares = torch.ones(3, 1, 1, dtype=torch.float64, requires_grad=True)
    function(target * shares * 0.8, target).sum().backward()
    assert shares.grad is not None
    assert torch.allclose(shares.grad, shares.grad[1].expand_as(shares), rtol=1e-2)


def test_a_perfect_copy_is_finite_and_the_best() -> None:
    function, target = loss(FACTS), drawn(0)
    assert torch.isfinite(function(target, target)).all()
    assert (function(target, target) < function(target + 0.01 * drawn(1), target)).all()
    assert torch.isfinite(function(0 * target, 0 * target)).all()


def test_texts_are_refused() -> None:
    with pytest.raises(BadOption, match="text"):
        loss({**FACTS, "symbols": 5})
