from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from hourglass.flat import Flat, Objective
from hourglass.layers import by_hand as hand
from hourglass.model import Model, seeded
from hourglass.networks.dense import by_hand, start
from hourglass.parts import Batch

FACTS: dict[str, Any] = {"shape": [6], "fields": [["number", 0, 6]], "resolution": torch.zeros(6)}


def model(network: str = "dense:widths=[9]", members: int = 1, code_size: int = 3, loss: str = "gaussian") -> Model:
    settings = {"network": network, "bottleneck": "plain", "loss": loss, "code_size": code_size, "members": members}
    with seeded(0):
        return Model.build("table", dict(FACTS), settings).train()


def samples(members: int, masked: bool, rows: int = 32) -> Batch:
    generator = torch.Generator().manual_seed(1)
    shape = (rows, 6) if members == 1 else (members, rows, 6)
    x = torch.randn(shape, generator=generator)
    mask = torch.rand(shape, generator=generator) > 0.2 if masked else None
    return Batch(x if mask is None else x * mask, mask)


def gradients(made: Model, batch: Batch, manually: bool) -> tuple[float, torch.Tensor]:
    """Loss and flat gradient of one batch."""

    def lower(batch: Batch, fraction: float) -> Any:
        loss, cost = made.nats(batch, batch)
        return loss.mean() * made.members, cost.mean() * made.members

    step = by_hand(made)
    assert step is not None
    other = (lambda batch, fraction: (step(batch, batch), 0.0)) if manually else None
    flat = Flat(Objective(step.parameters, [], lower, other))  # type: ignore[attr-defined]
    loss, _ = flat.step(batch, 0.0, 0.0, first=False)
    return float(loss), flat.gradient.clone()


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("beside", ["true", "false"])
@pytest.mark.parametrize("active", ["relu", "gelu", "silu", "tanh"])
def test_gradients_by_hand_are_those_of_autograd(active: str, beside: str, masked: bool, members: int) -> None:
    text = f"dense:widths=[9,7],activation={active},beside={beside}"
    batch = samples(members, masked)
    (loss, found), (wanted_loss, wanted) = (gradients(model(text, members), batch, manually) for manually in (True, False))
    assert loss == pytest.approx(wanted_loss, rel=1e-5)
    assert wanted.norm() > 0
    assert (found - wanted).norm() <= 1e-5 * wanted.norm()


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("loss", ["gaussian", "gaussian:variance=each"])
def test_steps_between_directions_are_those_of_autograd(loss: str, masked: bool, members: int) -> None:
    def begun() -> Model:
        made = model("dense:widths=[9,7],rank=4", members, code_size=2, loss=loss)
        start(made, Batch(1 + torch.randn(40, 6, generator=torch.Generator().manual_seed(3))))
        return made

    batch = samples(members, masked)
    (nats, found), (wanted_nats, wanted) = (gradients(begun(), batch, manually) for manually in (True, False))
    assert nats == pytest.approx(wanted_nats, rel=1e-5)
    assert (found - wanted).norm() <= 1e-5 * wanted.norm()


@pytest.mark.skipif(not hand.fast_bfloat16(), reason="this processor has no bfloat16 instructions")
def test_gradients_in_half_precision_are_close() -> None:
    text = "dense:widths=[256,256]"
    (_, found), (_, wanted) = (gradients(model(text), samples(1, False, 256), manually) for manually in (True, False))
    assert (found - wanted).norm() <= 2e-2 * wanted.norm()


def line(fresh: Any = None) -> tuple[list[nn.Parameter], Objective]:
    """y = second(relu(first x)), whose first layer is dead."""
    first, second = nn.Parameter(torch.full((4, 2), -1.0)), nn.Parameter(torch.ones(1, 4))

    def lower(batch: Batch, fraction: float) -> Any:
        return (1 - (batch.x @ first.mT).relu() @ second.mT).square().mean(), torch.zeros(())

    return [first, second], Objective([first, second], [], lower, fresh=fresh)


def watched(objective: Objective) -> Flat:
    flat = Flat(objective)
    for _ in range(3):
        flat.step(Batch(torch.rand(8, 2, generator=torch.Generator().manual_seed(0))), 0.0, 1e-3, first=True)
    return flat


def test_dead_layers_are_drawn_anew() -> None:
    weights, objective = line()
    flat = watched(objective)
    assert flat.revive(torch.Generator().manual_seed(0)) == [0, 1]
    assert weights[0].max() > 0


def test_where_most_is_dead_fresh_weights_are_taken() -> None:
    fresh = [torch.full((4, 2), 0.5), torch.full((1, 4), 0.25)]
    weights, objective = line(lambda: fresh)
    flat = watched(objective)
    assert flat.revive(torch.Generator()) == [0, 1]
    assert all(torch.equal(weight, value) for weight, value in zip(weights, fresh, strict=True))
    assert not flat.moments.any()


def test_living_layers_are_left_alone() -> None:
    weights, objective = line()
    weights[0].data.abs_()
    flat = watched(objective)
    before = weights[0].clone()
    assert flat.revive(torch.Generator()) == []
    assert torch.equal(weights[0], before)


def test_a_sudden_gradient_is_shortened_and_one_that_is_no_number_not_followed() -> None:
    weight = nn.Parameter(torch.zeros(3))
    size = [1.0]
    objective = Objective([weight], [], lambda batch, fraction: ((weight * size[0]).sum(), torch.zeros(())))
    flat = Flat(objective)
    nothing = Batch(torch.zeros(1, 1))
    for _ in range(3):
        flat.step(nothing, 0.0, 1e-3, first=False)
    size[0] = 1e6
    flat.step(nothing, 0.0, 1e-3, first=False)
    assert float(flat.gradient.norm()) == pytest.approx(10 * 3**0.5, rel=1e-3)
    held, size[0] = weight.clone(), float("nan")
    flat.step(nothing, 0.0, 1e-3, first=False)
    assert torch.equal(weight, held)


def test_weights_are_views_until_released() -> None:
    weights, objective = line()
    flat = Flat(objective)
    flat.weight.data.fill_(2.0)
    assert all(bool((weight == 2).all()) for weight in weights)
    flat.release()
    flat.weight.data.fill_(3.0)
    assert all(bool((weight == 2).all()) for weight in weights)
