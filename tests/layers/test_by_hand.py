"""Steps by hand leave the gradients that autograd would."""

from __future__ import annotations

import pytest
import torch

from hourglass.flat import Flat, Objective
from hourglass.layers.by_hand import Half, stepper
from hourglass.model import Model, seeded
from hourglass.parts import Batch


def model(members: int = 1, network: str = "dense:widths=[7]", loss: str = "gaussian", dtype: torch.dtype = torch.float64) -> Model:
    facts = {"shape": [5], "fields": [["number", 0, 5]], "resolution": torch.zeros(5)}
    settings = {"network": network, "bottleneck": "plain", "loss": loss, "code_size": 3, "members": members}
    with seeded(0):
        return Model.build("table", facts, settings).to(dtype)


def data(members: int, dtype: torch.dtype = torch.float64) -> Batch:
    shape = (20, 5) if members == 1 else (members, 20, 5)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator, dtype=dtype)
    return Batch(x)


def autograd(made: Model, seen: Batch, goal: Batch) -> tuple[float, list[torch.Tensor]]:
    weights = list(made.parameters())
    nats = made.nats(seen, goal)[0].mean() * made.members
    return float(nats.detach()), list(torch.autograd.grad(nats, weights))


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("loss", ["gaussian", "gaussian:variance=each"])
@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("widths", ["[7]", "[7,6]", "[7],beside=false", "[7,6],beside=false,activation=gelu", "[7],activation=silu"])
def test_gradients_are_those_of_autograd(members: int, loss: str, flat: bool, widths: str) -> None:
    made = model(members, f"dense:widths={widths}", loss)
    batch = data(members)
    seen = Batch(batch.x + 0.1)
    nats, expected = autograd(model(members, f"dense:widths={widths}", loss).train(), seen, batch)
    step = stepper(made, made.encoder.stack, made.decoder.stack)
    assert step is not None
    if flat:  # weights as neighbours in one tensor, as the loop has them
        Flat(Objective(step.parameters, [], lambda *_: (0.0, 0.0)))
    for weight in made.parameters():
        weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
    for _ in range(2):  # the second call works in the buffers of the first
        made.loss.variance.value.fill_(1.0)
        made.loss.variance.batches.zero_()
        told = float(step(seen, batch))
    assert told == pytest.approx(nats, rel=1e-6)
    for weight, gradient in zip(made.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient, rtol=1e-6, atol=1e-8)


def test_weights_in_the_flat_tensor_are_not_copied() -> None:
    made = model()
    step = stepper(made, made.encoder.stack, made.decoder.stack)
    assert step is not None
    Flat(Objective(step.parameters, [], lambda *_: (0.0, 0.0)))
    step(data(1), data(1))
    assert step.weights == ([], [])


def test_a_batch_of_another_size_gets_buffers_of_its_own() -> None:
    made = model()
    step = stepper(made, made.encoder.stack, made.decoder.stack)
    assert step is not None
    Flat(Objective(step.parameters, [], lambda *_: (0.0, 0.0)))
    for count in (20, 9, 20):
        part = data(1)[:count]
        step(part, part)
        halves = step.halves or ()
        assert all(isinstance(half, Half) and half.out.shape[0] == count for half in halves)
