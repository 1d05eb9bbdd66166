"""Factor codes: units independent of each other; the charge is the divergence and more for the total correlation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from hourglass.bottlenecks.factor import bottleneck
from hourglass.bottlenecks.gaussian import bottleneck as gaussian
from hourglass.errors import BadOption

CORRELATION = 0.9
TRUTH = -0.5 * math.log(1 - CORRELATION**2)  # nats that one unit tells of the other


def correlated(count: int = 512, members: int = 1, seed: int = 0) -> Tensor:
    """Sharp posteriors (mean, log-variance) of two units that go together, for every member alike."""
    first, second = torch.randn(2, count, generator=torch.Generator().manual_seed(seed))
    mean = torch.stack([first, CORRELATION * first + math.sqrt(1 - CORRELATION**2) * second], 1)
    return torch.cat([mean, torch.full_like(mean, -3.0)], 1).repeat(members, 1)


def made(**options: object) -> nn.Module:
    module = bottleneck((2,), **{"warmup": 0.0, "free_bits": 0.0, **options}).train()
    module.generator = torch.Generator().manual_seed(0)
    return module


def charged(module: nn.Module, h: Tensor) -> float:
    """What is charged beyond the divergence, for each nat of total correlation."""
    return float((module(h).cost - gaussian((2,), free_bits=0.0).train(False)(h).cost).mean().detach()) / (module.beta - 1)


@pytest.mark.parametrize("members", [1, 2])
def test_dependent_units_are_charged(members: int) -> None:
    module = made(members=members)
    alone = correlated(members=members).index_copy(1, torch.tensor([1]), correlated(seed=1, members=members)[:, 1:2])
    assert charged(module, correlated(members=members)) > charged(module, alone) + 0.5 * TRUTH
    assert (module(alone).cost >= 0).all()


def told_by(module: nn.Module, h: Tensor, steps: int = 100) -> float:
    """Let the rival learn to tell codes from shuffled ones; give what it makes of them."""
    weights, lower = module.rival()
    optimizer = torch.optim.Adam(weights, lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        lower(module(h).z).backward()
        optimizer.step()
    return charged(module, h)


@pytest.mark.parametrize("members", [1, 2])
def test_a_rival_learns_the_total_correlation(members: int) -> None:
    module = made(style="rival", members=members)
    h = correlated(members=members).requires_grad_()
    assert told_by(module, h) == pytest.approx(TRUTH - 0.14, abs=0.25)  # the noise of the codes hides some of it
    assert h.grad is None  # the rival's objective does not reach the encoder


def mixed(module: nn.Module) -> float:
    """Turn two independent, uneven factors by an angle that is learned under the charge alone: 0 where units end as factors, 1 halfway."""
    angle = torch.tensor(0.6, requires_grad=True)
    optimizer = torch.optim.Adam([angle], lr=0.03)
    for seed in range(60):
        factors = torch.randn(64, 2, generator=torch.Generator().manual_seed(seed)) * torch.tensor([1.5, 0.4])
        turn = torch.stack([torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle)]).reshape(2, 2)
        mean = factors @ turn
        optimizer.zero_grad()
        module(torch.cat([mean, torch.full_like(mean, -3.0)], 1)).cost.mean().backward()
        optimizer.step()
    return abs(float(torch.sin(2 * angle.detach())))


def test_units_become_independent() -> None:
    """A turn changes nothing that `gaussian` charges, so it leaves the factors mixed."""
    plain = gaussian((2,), warmup=0.0, free_bits=0.0).train()
    plain.generator = torch.Generator().manual_seed(0)
    assert mixed(made()) < 0.2
    assert mixed(plain) > 0.8


@pytest.mark.parametrize("style", ["tc", "rival"])
def test_in_use_the_cost_is_the_plain_divergence(style: str) -> None:
    h = correlated()
    code, plain = made(style=style).train(False)(h), gaussian((2,)).train(False)(h)
    assert torch.equal(code.cost, plain.cost)
    assert torch.equal(code.z, plain.z)


@pytest.mark.parametrize("style", ["tc", "rival"])
def test_pictures_and_batches_of_one_are_charged_too(style: str) -> None:
    module = bottleneck((3, 4, 2), style=style).train()
    module.generator = torch.Generator().manual_seed(0)
    for count in (1, 2, 9):
        h = torch.randn(count, 6, 4, 2, generator=module.generator)
        code = module(h)
        assert code.cost.shape == (count,)
        assert torch.isfinite(code.cost).all()
        assert (code.cost >= 0).all()
        assert module.rival() is None or torch.isfinite(module.rival()[1](code.z))


def test_a_judge_sees_codes_drawn() -> None:
    for module in (made().train(False), gaussian((2,)).train(False)):
        still = module(correlated()).z
        module.chance = torch.Generator().manual_seed(0)
        assert not torch.equal(module(correlated()).z, still)


@pytest.mark.parametrize("options", [{"beta": 0.5}, {"style": "kl"}, {"warmup": 2.0}], ids=str)
def test_options_that_cannot_be_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(BadOption, match=next(iter(options))):
        bottleneck((2,), **options)
