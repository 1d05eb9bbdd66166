"""Symbols become vectors; padding becomes nothing."""

from __future__ import annotations

import torch

from hourglass.layers.tokens import Tokens
from hourglass.model import seeded


def tokens() -> Tokens:
    with seeded(0):
        return Tokens(257, 6)


def test_each_symbol_has_its_vector() -> None:
    made = tokens()
    x = torch.tensor([[0, 65, 256], [65, 65, 0]])
    vectors = made(x)
    assert vectors.shape == (2, 6, 3)
    assert vectors.is_contiguous()
    torch.testing.assert_close(vectors[0, :, 1], made.vectors.weight[65])
    torch.testing.assert_close(vectors[0, :, 1], vectors[1, :, 0])


def test_masked_places_are_zero_whatever_stands_there() -> None:
    made = tokens()
    x = torch.tensor([[1, 2, 3], [4, 5, 6]])
    mask = torch.tensor([[True, False, True], [True, True, True]])
    vectors = made(x, mask)
    assert not vectors[0, :, 1].any()
    torch.testing.assert_close(vectors[1], made(x)[1])
    vectors.square().sum().backward()
    gradient = made.vectors.weight.grad
    assert gradient is not None
    assert not gradient[2].any()
    assert gradient[1].any()


def test_computes_in_its_own_dtype() -> None:
    made = tokens().double()
    x = torch.tensor([[1, 2]])
    assert made(x, x > 1).dtype == torch.float64
