"""Contractive codes: the penalty is the Jacobian's norm, and training lowers it."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor

from hourglass.bottlenecks.contractive import bottleneck
from hourglass.errors import BadOption
from hourglass.model import Model, seeded
from hourglass.parts import Batch


def bent(count: int = 256) -> Tensor:
    """Six columns bent from two factors, with noise."""
    generator = torch.Generator().manual_seed(0)
    factors, turn = torch.randn(count, 2, generator=generator), torch.randn(2, 6, generator=generator)
    return torch.tanh(factors @ turn) + 0.1 * torch.randn(count, 6, generator=generator)


def trained(name: str, x: Tensor) -> Model:
    facts = {"shape": [6], "fields": [["number", 0, 6]], "resolution": torch.zeros(6)}
    settings = {"network": "dense:widths=[24]", "bottleneck": name, "loss": "gaussian", "code_size": 4, "members": 1}
    with seeded(0):
        model = Model.build("table", facts, settings).train()
    if name != "plain":
        model.bottleneck.generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        loss, cost = model.nats(Batch(x))
        extra = getattr(model.bottleneck, "extra", None)
        optimizer.zero_grad()
        ((loss + cost).mean() + (0 if extra is None else extra.mean())).backward()
        optimizer.step()
    return model.train(False)


def norm(model: Model, x: Tensor) -> float:
    """The mean squared norm of the encoder's Jacobian, in units of the code's variance."""
    moving = x.clone().requires_grad_()
    z = model.encode(Batch(moving)).z
    rows = [torch.autograd.grad(unit.sum(), moving, retain_graph=True)[0] for unit in z.T]  # samples do not meet in the encoder
    return float(torch.stack(rows).square().sum((0, 2)).mean() / z.detach().var(0).mean())


def test_training_lowers_the_jacobian() -> None:
    x = bent()
    plain, contractive = trained("plain", x), trained("contractive:1", x)
    assert norm(contractive, x) < 0.7 * norm(plain, x)


@pytest.mark.parametrize("members", [1, 2])
def test_the_penalty_is_the_norm_of_the_jacobian(members: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weight, x = torch.randn(4, 6, generator=generator), torch.randn(members * 4000, 6, generator=generator)
    module = bottleneck((4,), weight=0.5, members=members).train()
    module.generator = generator
    for scale in (1.0, 100.0):  # a code that is merely larger is not charged more
        h = scale * x @ weight.T + 5
        module(h, encode=lambda change, scale=scale: scale * change(x) @ weight.T + 5)
        expected = 0.5 * weight.square().sum() / weight.square().sum(1).mean()
        torch.testing.assert_close(module.extra.mean(), expected, rtol=0.06, atol=0)


def test_it_charges_nothing_in_use() -> None:
    module = bottleneck((4,)).train()
    module.generator = torch.Generator().manual_seed(0)
    h = torch.randn(5, 4, generator=module.generator, requires_grad=True)
    assert (module(h * 2, encode=lambda change: change(h) * 2).cost == 0).all()
    assert module.extra is not None
    assert copy.deepcopy(module).extra is None
    assert torch.equal(module.train(False)(h, encode=lambda change: change(h)).z, h)
    assert module.extra is None


def test_symbols_and_bad_options_are_refused() -> None:
    with pytest.raises(BadOption, match="symbols"):
        bottleneck((4,)).train()(torch.zeros(2, 4), encode=lambda change: change(torch.zeros(2, 3, dtype=torch.int64)).float())
    for options in ({"weight": -1.0}, {"weight": math.nan}, {"step": 0.0}):
        with pytest.raises(BadOption, match=next(iter(options))):
            bottleneck((4,), **options)
