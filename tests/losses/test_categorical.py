"""A softmax over symbols: which number of the output belongs to which symbol and place."""

from __future__ import annotations

import math

import torch

from hourglass.losses.categorical import loss, outputs

FACTS = {"shape": [6], "symbols": 5, "fields": [], "resolution": torch.zeros(1)}
TEXT = torch.tensor([[0, 1, 2, 3, 4, 0], [4, 4, 0, 2, 1, 3]])


def sure(text: torch.Tensor, logit: float = 50.0) -> torch.Tensor:
    """An output (B, symbols * T) that is certain of `text`."""
    return logit * torch.nn.functional.one_hot(text, 5).mT.flatten(1).double()  # (B, symbols, T) flattened


def test_one_output_for_each_symbol() -> None:
    assert outputs(FACTS) == 5


def test_a_sure_output_costs_nothing_and_comes_back_as_text() -> None:
    function = loss(FACTS)
    assert torch.allclose(function(sure(TEXT), TEXT), torch.zeros(2, dtype=torch.float64), atol=1e-12)
    back = function.data(sure(TEXT))  # type: ignore[operator]
    assert torch.equal(back, TEXT)
    assert back.dtype == torch.int64


def test_nats_are_those_of_the_softmax() -> None:
    output = torch.randn(2, 30, generator=torch.Generator().manual_seed(0))
    errors = loss(FACTS).errors(output, TEXT)  # type: ignore[operator]
    logits = output.reshape(2, 5, 6)
    wanted = -(logits[1, 2, 3] - logits[1, :, 3].exp().sum().log())
    assert errors.shape == (2, 6)
    assert torch.allclose(errors[1, 3], wanted)
    assert torch.allclose(loss(FACTS)(torch.zeros(2, 30), TEXT), torch.tensor(6 * math.log(5)))


def test_what_lies_behind_the_mask_counts_nothing() -> None:
    mask = torch.tensor([[True] * 4 + [False] * 2, [True] * 6])
    output = torch.randn(2, 30, generator=torch.Generator().manual_seed(0))
    function, wild = loss(FACTS), torch.where(mask, TEXT, 10**6)
    assert torch.equal(function(output, wild, mask), function(output, TEXT, mask))
    assert torch.allclose(function(output, TEXT, mask)[0], function.errors(output, TEXT)[0, :4].sum())  # type: ignore[operator]
    assert torch.equal(function(output, TEXT, torch.zeros_like(mask)), torch.zeros(2))
