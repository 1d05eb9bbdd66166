"""The mixture of logistic curves: masses that sum to 1, tails, means, and how the decoder's numbers are divided."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from hourglass.losses.mixture import REACH, START, loss, outputs
from hourglass.model import Model, seeded

LEVELS = torch.arange(256, dtype=torch.float64) / 255


def facts(channels: int = 1, step: float = 1 / 255, sides: tuple[int, int] = (1, 1)) -> dict[str, Any]:
    return {"shape": [channels, *sides], "fields": [["number", 0, channels]], "resolution": torch.full((channels, 1, 1), step)}


def function(components: int = 4, **given: Any) -> Any:
    return loss(facts(**given), components=components).train(False).double()


def drawn(*shape: int, scale: float = 1.0, seed: int = 0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def curve(place: float, scale: float) -> Tensor:
    """The decoder's numbers (1, 3, 1, 1) for one curve; an output of zeros is one at 0.5, of the scale it starts with."""
    return torch.tensor([0.0, (place - 0.5) / REACH, math.log(scale / START)], dtype=torch.float64).reshape(1, 3, 1, 1)


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_masses_of_all_values_sum_to_one(scale: float) -> None:
    output = drawn(20, 12, 1, 1, scale=scale)
    masses = (-function().errors(output[:, None].expand(20, 256, 12, 1, 1).flatten(0, 1), LEVELS.repeat(20).reshape(-1, 1, 1, 1))).exp()
    assert torch.allclose(masses.reshape(20, 256).sum(1), torch.ones(20, dtype=torch.float64), atol=1e-6)


@pytest.mark.parametrize(("place", "scale"), [(0.3, 0.05), (0.9, 0.2), (-0.5, 0.1)])
def test_one_curve_is_that_of_scipy(place: float, scale: float) -> None:
    nats = function(1).errors(curve(place, scale).expand(256, 3, 1, 1), LEVELS.reshape(-1, 1, 1, 1)).flatten().numpy()
    edges = np.concatenate([[-np.inf], (np.arange(255) + 0.5) / 255, [np.inf]])
    assert np.allclose(np.exp(-nats), np.diff(stats.logistic.cdf(edges, place, scale)), rtol=1e-5)


def test_far_tails_are_exact_and_can_be_learned() -> None:
    """1,000 scales away a difference of two sigmoids is 0 in any precision; its logarithm is not."""
    output = curve(0.0, 1e-3).float().requires_grad_()
    nats = loss(facts(), components=1)(output, torch.full((1, 1, 1, 1), 0.8))
    nats.sum().backward()
    assert float(nats.detach()) == pytest.approx(800 - math.log(2 * math.sinh(0.5 / 255 / 1e-3)), rel=1e-4)
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()
    assert float(output.grad[0, 1]) == pytest.approx(-1000 * REACH, rel=1e-3)  # moving the curve there helps at once


def test_the_mean_is_that_of_the_masses() -> None:
    output = drawn(20, 12, 1, 1)
    masses = (-function().errors(output[:, None].expand(20, 256, 12, 1, 1).flatten(0, 1), LEVELS.repeat(20).reshape(-1, 1, 1, 1))).exp()
    assert torch.allclose(function().data(output).flatten(), masses.reshape(20, 256) @ LEVELS, atol=2e-4)
    wild = function().data(drawn(20, 12, 1, 1, scale=100))
    assert ((wild >= 0) & (wild <= 1)).all()


def test_it_can_say_black_or_white_but_not_grey() -> None:
    output = torch.tensor([0, 0, -0.25 / REACH, 0.25 / REACH, -9, -9], dtype=torch.float64).reshape(1, 6, 1, 1)
    black, grey, white = (float(function(2)(output, torch.full((1, 1, 1, 1), value))) for value in (0.0, 0.5, 1.0))
    assert black == pytest.approx(math.log(2), abs=1e-3)
    assert black == pytest.approx(white)
    assert grey > 100


def test_an_output_of_zeros_knows_nothing_yet() -> None:
    nats = function(5).errors(torch.zeros(256, 15, 1, 1), LEVELS.reshape(-1, 1, 1, 1))
    assert float(nats.mean()) < math.log(256) + 0.5


def test_every_channel_has_curves_of_its_own() -> None:
    output, target = drawn(2, 3 * 4 * 3, 5, 6), drawn(2, 3, 5, 6, seed=1).sigmoid()
    other = output.unflatten(1, (3, 4, 3)).clone()
    other[:, :, :, 1] = 0.3
    given = {"channels": 3, "sides": (5, 6)}
    changed = function(**given).errors(output, target) != function(**given).errors(other.flatten(1, 3), target)
    assert changed[:, 1].all()
    assert not changed[:, [0, 2]].any()
    moved = function(**given).data(output) != function(**given).data(other.flatten(1, 3))
    assert moved[:, 1].all()
    assert not moved[:, [0, 2]].any()


def test_where_no_step_is_known_nats_are_those_of_the_density() -> None:
    output, target = drawn(4, 12, 1, 1), torch.full((4, 1, 1, 1), 0.4, dtype=torch.float64)
    assert torch.allclose(function(step=0.0)(output, target), function()(output, target) + math.log(1 / 255))


def test_components_reach_the_decoder() -> None:
    settings = {"network": "conv:widths=[4]", "bottleneck": "plain", "loss": "mixture:3", "code_size": 2, "members": 1}
    with seeded(0):
        model = Model.build("image", facts(2, sides=(8, 8)), settings)
    assert model.decode(torch.zeros(1, 2)).shape == (1, 18, 8, 8)
    assert outputs(model.facts, components=3) == 9
