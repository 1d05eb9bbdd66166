"""What is special about the codec's bottleneck: its price, its qualities, its hyper-code."""

from __future__ import annotations

import math

import pytest
import torch

from hourglass.bottlenecks.entropy import Entropy, bottleneck, nats
from hourglass.errors import BadOption
from hourglass.model import seeded


def made(shape: tuple[int, ...], **options: int) -> Entropy:
    with seeded(0):
        built = bottleneck(shape, **options)
    assert isinstance(built, Entropy)
    return built.eval()


def test_nats_are_those_of_a_law_that_adds_up_to_one() -> None:
    symbols = torch.arange(-60, 61, dtype=torch.float64)
    for wide in (0.2, 1.0, 9.0):
        mass = torch.exp(-nats(symbols, torch.tensor(wide, dtype=torch.float64)))
        assert math.isclose(float(mass.sum()), 1, abs_tol=1e-6)
        assert mass.argmax() == 60


def test_finer_steps_cost_more_and_lose_less() -> None:
    module, h = made((4, 8, 8), qualities=3), torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        module.gains.copy_(torch.tensor([0.0, 1.0, 2.0])[:, None].expand(3, 4))
        found = []
        for quality in (0.0, 0.5, 1.0, 2.0):
            module.quality = quality
            code = module(h)
            found.append((float(code.cost.sum()), -float((code.z - h).square().mean())))
    assert found == sorted(found)
    assert len({cost for cost, _ in found}) == 4


def test_each_sample_is_trained_at_its_own_quality() -> None:
    module = made((4, 8, 8), qualities=3).train()
    module.generator = torch.Generator().manual_seed(0)
    module(torch.zeros(64, 4, 8, 8))
    assert module.drawn is not None
    assert 0 <= float(module.drawn.min()) < 0.3
    assert 1.7 < float(module.drawn.max()) <= 2


def test_what_is_known_from_the_hyper_code_is_cheaper() -> None:
    """A code whose spread varies from place to place costs less once the hyper-code tells it."""
    place = torch.rand(16, 1, 4, 4, generator=torch.Generator().manual_seed(0)).repeat_interleave(4, 2).repeat_interleave(4, 3)
    h = torch.randn(16, 4, 16, 16, generator=torch.Generator().manual_seed(1)) * torch.where(place > 0.5, 2.0, 0.03)
    prices = []
    for hyper in (0, 8):
        module = made((4, 16, 16), hyper=hyper).train()
        torch.nn.init.constant_(module.gains, 0.7)
        module.generator = torch.Generator().manual_seed(0)
        optimizer = torch.optim.Adam([weight for name, weight in module.named_parameters() if name != "gains"], 0.02)
        for _ in range(80):
            cost = module(h).cost.mean()
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
        prices.append(module.eval()(h).cost.mean().item())
    assert prices[1] < 0.9 * prices[0]


@pytest.mark.parametrize("options", [{"qualities": 0}, {"hyper": -1}, {"qualities": True}])
def test_options_that_are_none_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(BadOption):
        bottleneck((4, 8, 8), **options)
    with pytest.raises(BadOption, match="leave it out"):
        bottleneck((4,), hyper=8)


def test_turns_begin_at_what_the_hyper_code_says_and_lower_the_price() -> None:
    h = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)).expand(2, 8, 16, 16)
    plain, turned = made((8, 16, 16), hyper=4), made((8, 16, 16), hyper=4, context=8)
    turned.load_state_dict(plain.state_dict(), strict=False)
    assert torch.equal(plain(h).cost, turned(h).cost)
    optimizer = torch.optim.Adam(turned.turns.parameters(), 3e-2)
    for _ in range(60):
        optimizer.zero_grad()
        turned(h).cost.mean().backward()
        optimizer.step()
    assert float(turned(h).cost.detach().mean()) < 0.8 * float(plain(h).cost.detach().mean())


def test_turns_need_a_hyper_code() -> None:
    with pytest.raises(BadOption, match="beside a hyper-code"):
        bottleneck((8, 16, 16), hyper=0, context=8)
