"""What training lowers: the network's objective and, beside it, that of an adversarial bottleneck's rival."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from hourglass.fitting import Fitting, begin
from hourglass.objectives import parted
from hourglass.parts import Batch

FACTS: dict[str, Any] = {"shape": [6], "fields": [["number", 0, 6]], "resolution": torch.zeros(6)}


def rows(count: int = 600) -> np.ndarray[Any, Any]:
    """A ring: its two principal components are uncorrelated, yet each tells of the other."""
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, (count, 1))
    return (np.cos(angle + np.arange(6)) + 0.1 * random.normal(size=(count, 6))).astype("f4")


def run(bottleneck: str = "factor:style=rival", **changes: Any) -> Fitting:
    """A fit of codes whose two units go together, so that a rival has something to find."""
    settings = {"network": "dense:widths=[8]", "bottleneck": bottleneck, "loss": "gaussian", "spoil": "none", "code_size": 2, "members": 1}
    settings |= {"batch_size": 100, "learning_rate": 5e-3, "epochs": 40, "minutes": None, "device": "cpu", "purpose": "embed", **changes}
    samples = Batch(torch.from_numpy(rows()))
    return Fitting(begin("table", FACTS, settings, samples, 0, {}), samples, 0)


@pytest.mark.parametrize("bottleneck", ["plain", "gaussian", "factor"])
def test_without_a_rival_there_is_one_objective(bottleneck: str) -> None:
    model = run(bottleneck).model
    weights, rivals = parted(model, lambda batch: (batch, batch))
    assert not rivals
    assert len(weights) == len(list(model.parameters()))


@pytest.mark.parametrize("members", [1, 3])
def test_each_weight_belongs_to_one_objective(members: int) -> None:
    fit = run(members=members)
    model = fit.model
    model.bottleneck.generator = fit.generator  # type: ignore[assignment]
    weights, (rival,) = parted(model, lambda batch: (batch, batch))
    assert {id(weight) for weight in rival.weights} == {id(weight) for weight in model.bottleneck.critic.parameters()}  # type: ignore[union-attr]
    assert sorted(id(weight) for weight in [*weights, *rival.weights]) == sorted(map(id, model.parameters()))
    nats, cost = rival.lower(Batch(torch.from_numpy(rows(100))), 0.0)
    nats.backward()  # type: ignore[union-attr]
    assert float(cost) == 0
    assert float(nats.detach()) == pytest.approx(members * math.log(2), rel=0.1)  # untrained it guesses, for each member
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in rival.weights)
    assert not any(weight.grad is not None and bool(weight.grad.any()) for weight in weights)


def test_the_rival_learns_beside_and_its_loss_is_told_nowhere() -> None:
    """At beta 1 nothing pushes the units apart, so that the codes stay a ring, and the rival comes to know it."""
    fit, alone = run("factor:style=rival,beta=1,warmup=0", epochs=80), run("gaussian:warmup=0", epochs=80)
    told, plain = list(fit), list(alone)
    _, (rival,) = parted(fit.model.train(), lambda batch: (batch, batch))
    nats = float(rival.lower(fit.held_out, 0.0)[0].detach())  # type: ignore[union-attr]
    assert nats < 0.85 * math.log(2)  # one that was never trained guesses
    assert told[-1].training == pytest.approx(plain[-1].training, abs=1.0)
    assert not fit.troubles
