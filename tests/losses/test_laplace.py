"""The Laplace density: its values, its scale, and what it does with wild numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from hourglass.judging import judge
from hourglass.losses.laplace import loss
from hourglass.model import Model, seeded
from hourglass.parts import Batch

STEP = 0.01


def facts(*shape: int, step: float = STEP) -> dict[str, Any]:
    return {"shape": list(shape), "fields": [["number", 0, shape[0]]], "resolution": torch.full((shape[0],), step)}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_nats_are_those_of_the_density_times_the_step() -> None:
    function = loss(facts(3)).train(False)
    function.scale.value.fill_(0.37)  # type: ignore[union-attr, operator]
    output, target = drawn(5, 3), 4 * drawn(5, 3, seed=1)
    wanted = -stats.laplace.logpdf(target.numpy(), loc=output.numpy(), scale=np.float32(0.37)) - np.log(np.float32(STEP))
    assert np.allclose(function.errors(output, target).numpy(), wanted, rtol=1e-6)  # type: ignore[operator]


def test_the_scale_is_the_mean_absolute_error_of_what_is_real() -> None:
    function = loss(facts(3)).train()
    target, mask = drawn(50, 3), torch.ones(50, 3, dtype=torch.bool)
    mask[:, 1] = False
    function(torch.zeros(50, 3), torch.where(mask, target, 1e6), mask)
    assert float(function.scale.value) == pytest.approx(float(target[mask].abs().mean()), rel=1e-5)  # type: ignore[union-attr, arg-type]
    each = loss(facts(3), variance="each").train()
    each(torch.zeros(50, 3), target)
    assert torch.allclose(each.scale.value[0].double(), target.abs().mean(0))  # type: ignore[union-attr, index]


def test_the_running_mean_forgets_slowly() -> None:
    function = loss(facts(1)).train()
    for size in (1.0, 3.0, 2.0):
        function(torch.zeros(4, 1), torch.full((4, 1), size))
    assert float(function.scale.value) == pytest.approx(2.0)  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize("variance", ["shared", "each"])
def test_no_step_holds_more_than_all(variance: str) -> None:
    function, same = loss(facts(3), variance=variance).train(), drawn(5, 3)
    for _ in range(3):
        nats = function(same, same)
    assert torch.allclose(nats, torch.zeros(5, dtype=torch.float64), atol=1e-5)


def test_the_best_output_is_the_median() -> None:
    target = torch.tensor([[0.0], [1.0], [2.0], [3.0], [1e4]])
    function = loss(facts(1)).train(False)
    places = torch.arange(0, 20, 0.5)
    totals = torch.stack([function(place.expand(5, 1), target).sum() for place in places])
    assert float(places[totals.argmin()]) == 2.0


def test_members_have_scales_of_their_own() -> None:
    function = loss(facts(2), members=2).train()
    function(torch.zeros(6, 2), torch.tensor([1.0] * 3 + [5.0] * 3)[:, None].expand(6, 2))
    assert function.scale.value.flatten().tolist() == [1.0, 5.0]  # type: ignore[union-attr, operator]


def test_held_out_samples_are_judged_under_the_scale_that_suits_them() -> None:
    settings = {"network": "dense", "bottleneck": "plain", "loss": "laplace", "code_size": 2, "members": 1}
    with seeded(0):
        model = Model.build("table", facts(4), settings).train(False)
    model.loss.scale.value.fill_(1e-3)  # type: ignore[union-attr, operator]
    model.loss.scale.batches.fill_(1000)  # type: ignore[union-attr, operator]
    held_out = Batch(drawn(40, 4).float())
    suited = judge(model, held_out).suited.scale.value  # type: ignore[union-attr]
    with torch.no_grad():
        assert float(suited) == pytest.approx(float((model.reconstruct(held_out) - held_out.x).abs().mean()), rel=1e-5)  # type: ignore[arg-type]
