"""Holes in series are bridged for networks that cannot leave them out."""

from __future__ import annotations

import pytest
import torch

from hourglass import fitting
from hourglass.flat import Flat, Objective
from hourglass.layers.holes import bridged
from hourglass.model import Model, seeded
from hourglass.parts import Batch

FACTS = {"shape": [2, 9], "fields": [["number", 0, 2]], "resolution": torch.zeros(2, 1)}
SETTINGS = {"network": "dense:widths=[7],activation=tanh", "bottleneck": "plain", "loss": "gaussian", "code_size": 3, "members": 1}


def lines(count: int, members: tuple[int, ...] = ()) -> torch.Tensor:
    """Straight lines of all slopes and heights (..., count, 2, 9)."""
    slope, height = torch.randn(2, *members, count, 2, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return height + slope * torch.linspace(-1, 1, 9, dtype=torch.float64)


def holes(x: torch.Tensor) -> torch.Tensor:
    mask = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) > 0.4
    mask[..., [0, -1]] = True
    return mask


@pytest.mark.parametrize("members", [(), (3,)])
def test_lines_come_back_whatever_stands_in_their_holes(members: tuple[int, ...]) -> None:
    x = lines(20, members)
    mask = holes(x)
    torch.testing.assert_close(bridged(torch.where(mask, x, 1e6), mask), x)


def test_open_ends_go_on_and_nothing_is_zero() -> None:
    x = torch.tensor([[7.0, 1.0, 2.0, 7.0], [7.0, 7.0, 7.0, 7.0]])
    mask = torch.tensor([[False, True, True, False], [False] * 4])
    assert bridged(x, mask).tolist() == [[1.0, 1.0, 2.0, 2.0], [0.0] * 4]
    assert bridged(x, None) is x


def test_a_start_at_pca_keeps_what_has_holes() -> None:
    x = lines(200).float()
    mask = holes(x)
    model = fitting.begin("series", FACTS, SETTINGS | {"code_size": 4}, Batch(x * mask, mask), 0, {}).train(False)
    with torch.no_grad():
        back = model.reconstruct(Batch(x * mask, mask))
    assert float((back - x).square().mean()) < 1e-6  # four numbers tell two lines, if the holes do not


@pytest.mark.parametrize("network", ["dense:widths=[7],activation=tanh", "dense:widths=[7],rank=6"])
@pytest.mark.parametrize("members", [1, 2])
def test_a_step_by_hand_bridges_them_too(network: str, members: int) -> None:
    settings = SETTINGS | {"network": network, "members": members}
    with seeded(0):
        model = Model.build("series", FACTS, settings).to(torch.float64).train()
    x = lines(20, (members,) * (members > 1))
    mask = holes(x)
    batch = Batch(torch.where(mask, x, 0.0), mask)
    weights = list(model.parameters())
    expected = torch.autograd.grad(model.nats(batch)[0].mean() * members, weights)
    model.loss.variance.value.fill_(1.0)
    model.loss.variance.batches.zero_()
    step = fitting.find("networks", "dense").by_hand(model)
    Flat(Objective(step.parameters, [], lambda *_: (0.0, 0.0)))
    step(batch, batch)
    for weight, gradient in zip(weights, expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient, rtol=1e-5, atol=1e-7)
