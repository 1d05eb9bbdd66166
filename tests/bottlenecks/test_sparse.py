"""Sparse codes in three styles: a Laplace prior, switches with a target rate, the largest few."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from hourglass.bottlenecks.sparse import Largest, Sparse, Switches, bottleneck
from hourglass.errors import BadOption


def rows(count: int = 400, size: int = 8) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(0))


def made(**options: object) -> nn.Module:
    module = bottleneck((8,), **options).train()
    if hasattr(module, "generator"):
        module.generator = torch.Generator().manual_seed(0)
    return module


def test_the_default_is_a_laplace_prior() -> None:
    module = made()
    assert isinstance(module, Sparse)
    code = module(3 * rows())
    assert math.isclose(float(code.z.square().mean()), 1, rel_tol=1e-5)
    torch.testing.assert_close(code.cost, 0.1 * code.z.abs().sum(1))


@pytest.mark.parametrize("k", [1, 3, 8])
def test_exactly_k_units_are_on(k: int) -> None:
    for mode in (True, False):
        h = rows()
        z = made(style="topk", k=k).train(mode)(h).z
        assert ((z != 0).sum(1) == k).all()
        assert torch.equal(z[z != 0], h[z != 0])
        assert (z.abs().max(1).values == h.abs().max(1).values).all()


def test_saying_which_units_are_on_costs_nats() -> None:
    assert math.isclose(float(made(style="topk", k=3)(rows(1)).cost), math.log(math.comb(8, 3)), rel_tol=1e-6)
    spatial = bottleneck((8, 2, 3), style="topk", k=3).train(False)(torch.randn(4, 8, 2, 3, generator=torch.Generator().manual_seed(0)))
    assert ((spatial.z != 0).sum(1) == 3).all()  # at every place
    torch.testing.assert_close(spatial.cost, torch.full((4,), 6 * math.log(math.comb(8, 3))))


def test_a_unit_that_is_never_on_is_favoured_until_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    h = rows() * torch.tensor([1.0] * 7 + [1e-3])

    def reached() -> bool:
        module = made(style="topk", k=2)
        assert isinstance(module, Largest)
        return any(bool((module(h).z[:, 7] != 0).any()) for _ in range(150))

    assert reached()
    monkeypatch.setattr("hourglass.bottlenecks.sparse.HELP", 1.0)
    assert not reached()


def test_switches_are_on_as_often_as_they_should() -> None:
    """The charge alone brings units to their target; nothing is charged there."""
    module = made(style="kl", target=0.2)
    assert isinstance(module, Switches)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    first = float(module(rows()).cost.detach().mean())
    for _ in range(200):
        optimizer.zero_grad()
        module(rows()).cost.mean().backward()
        optimizer.step()
    code = module.train(False)(rows())
    assert float(code.cost.detach().mean()) < 0.02 * first
    torch.testing.assert_close(code.z.detach().mean(0), torch.full((8,), 0.2), atol=0.02, rtol=0)


def test_switches_are_near_on_or_off_in_training_and_odds_in_use() -> None:
    module = made(style="kl", target=0.3)
    z = module(rows()).z
    assert float(((z < 0.1) | (z > 0.9)).float().mean()) > 0.6
    on, cost, _ = module.train(False)(rows())[:3]
    log = torch.xlogy if hasattr(torch, "xlogy") else torch.special.xlogy
    expected = log(on, on / 0.3) + log(1 - on, (1 - on) / 0.7)
    torch.testing.assert_close(cost, expected.sum(1), rtol=1e-4, atol=1e-5)
    module.chance = torch.Generator().manual_seed(0)
    assert not torch.equal(module(rows()).z, on)  # a judge sees them drawn


def test_switches_do_not_stick() -> None:
    """Whatever the encoder begins with, units are neither on nor off for all samples."""
    z = made(style="kl")(50 + 0.01 * rows()).z
    assert (z.min(0).values < 0.2).all()
    assert (z.max(0).values > 0.2).all()


@pytest.mark.parametrize(
    "options",
    [{"style": "l2"}, {"weight": -1.0}, {"target": 0.0, "style": "kl"}, {"k": 9, "style": "topk"}, {"weight": 0.1, "style": "topk"}],
    ids=str,
)
def test_options_that_cannot_be_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(BadOption, match=next(iter(options))):
        bottleneck((8,), **options)
