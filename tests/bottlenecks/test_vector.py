"""Codes of symbols: every entry is used, symbols decode to the code, gradients pass, the cost is a length."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from hourglass.bottlenecks import _codebook
from hourglass.bottlenecks._codebook import Codebook
from hourglass.bottlenecks._levels import levels_for
from hourglass.bottlenecks.vector import bottleneck
from hourglass.errors import BadOption

ALL = [
    {"codebook": 16},
    {"codebook": 8, "stages": 2},
    {"codebook": 8, "groups": 2},
    {"codebook": 16, "style": "scalar"},
    {"style": "scalar", "levels": [5, 3]},
    {"codebook": 8, "groups": 2, "members": 2},
    {"codebook": 16, "style": "scalar", "members": 2},
]
SHAPES = [(4,), (4, 3, 2)]


def clustered(count: int, shape: tuple[int, ...] = (4,), seed: int = 0) -> Tensor:
    """Vectors around sixteen centres, on the first axis."""
    generator = torch.Generator().manual_seed(seed)
    centres = 3 * torch.randn(16, shape[0], generator=torch.Generator().manual_seed(99))
    places = math.prod(shape[1:])
    drawn = centres[torch.randint(16, (count, places), generator=generator)] + 0.1 * torch.randn(
        count, places, shape[0], generator=generator
    )
    return drawn.transpose(1, 2).reshape(count, *shape)


def trained(shape: tuple[int, ...], batches: int = 40, **options: object) -> nn.Module:
    module = bottleneck(shape, **options).train()
    module.generator = torch.Generator().manual_seed(0)
    for seed in range(batches):
        module(clustered(64, shape, seed))
    return module


@pytest.mark.parametrize("options", ALL, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_symbols_decode_to_the_code(shape: tuple[int, ...], options: dict[str, object]) -> None:
    module = trained(shape, 5, **options).train(False)
    code = module(clustered(10, shape, 77))
    assert code.symbols.dtype == torch.int64
    assert code.symbols.shape[2:] == shape[1:]
    torch.testing.assert_close(module.vectors(code.symbols), code.z, rtol=0, atol=0)
    drawn = module.sample(6, torch.Generator().manual_seed(0))
    assert drawn.shape == (6, *shape)


@pytest.mark.parametrize("options", ALL, ids=str)
def test_gradients_pass_unchanged(options: dict[str, object]) -> None:
    module = trained((4,), 5, **options)
    h = clustered(10).requires_grad_()
    (module(h).z * torch.arange(4.0)).sum().backward()
    torch.testing.assert_close(h.grad, torch.arange(4.0).expand(10, 4))


def perplexity(table: Codebook, rows: Tensor) -> float:
    """How many entries are used, those seldom used counting less."""
    _, numbers = table.train(False)(rows[None], None)
    share = torch.bincount(numbers.flatten(), minlength=table.entries) / numbers.numel()
    return float((-torch.special.xlogy(share, share)).sum().exp())


def test_no_entry_lies_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    def after(batches: int) -> float:
        table = Codebook(1, 1, 16, 4).train()
        table.table.normal_(generator=torch.Generator().manual_seed(1)).add_(50)  # nearly all entries where no vector is
        table.started.fill_(1)
        for seed in range(batches):
            table(clustered(64, seed=seed)[None], torch.Generator().manual_seed(seed))
        return perplexity(table, clustered(500, seed=500))

    assert after(200) > 12
    monkeypatch.setattr(_codebook, "DEAD", 0.0)
    assert after(200) < 4


def test_entries_begin_far_from_each_other() -> None:
    table = trained((4,), 1, codebook=16).table
    assert perplexity(table, clustered(500, seed=500)) > 11


def test_stages_refine() -> None:
    x = clustered(500, seed=500)
    error = {stages: float((trained((4,), codebook=4, stages=stages).train(False)(x).z - x).square().mean()) for stages in (1, 2, 3)}
    assert error[3] < 0.7 * error[2] < 0.5 * error[1]


def test_the_cost_is_what_a_coder_would_pay() -> None:
    module = trained((4,), codebook=16).train(False)
    code = module(clustered(2000, seed=500))
    share = torch.bincount(code.symbols.flatten(), minlength=16) / 2000
    entropy = float(-torch.special.xlogy(share, share).sum())
    assert entropy <= float(code.cost.mean()) < 1.05 * entropy
    assert math.isclose(float(bottleneck((4,), codebook=16).train(False)(clustered(1)).cost), math.log(16), rel_tol=1e-6)
    module.counts.fill_(1)[0, 0, 5] = 1000  # seldom used symbols cost more
    costs, symbols = module(clustered(200)).cost, module(clustered(200)).symbols[:, 0]
    assert (costs[symbols == 5] < 0.1).all()
    assert (costs[symbols != 5] > math.log(16)).all()


def test_the_pull_towards_entries_stays_out_of_the_cost() -> None:
    module = trained((4,), 5, codebook=4)
    h = clustered(32).requires_grad_()
    assert not module(h).cost.requires_grad
    module.extra.mean().backward()
    met = module.train(False)(h.detach()).z
    assert ((h.grad * (h.detach() - met)).sum(1) >= -1e-6).all()
    assert module(h).z is not None
    assert module.extra is None
    assert trained((4,), 2, codebook=4, commitment=0).extra is None
    assert copy.deepcopy(trained((4,), 2, codebook=4)).extra is None


def test_gradients_survive_any_beginning() -> None:
    """Rounding far from 0 and far too small: levels follow the code, so it does not stick to one."""
    module = bottleneck((4,), style="scalar", codebook=16).train()
    module(1e-4 * clustered(64) + 7)
    symbols = module.train(False)(1e-4 * clustered(64) + 7).symbols
    assert len(symbols.unique()) > 5


def test_levels_multiply_to_the_codebook() -> None:
    assert levels_for(256, 4) == [4, 4, 4, 4]
    assert levels_for(1000, 3) == [10, 10, 10]
    assert levels_for(256, 3) == [7, 6, 6]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"codebook": 1}, "codebook=1"),
        ({"stages": 0}, "stages=0"),
        ({"style": "grid"}, "learned or scalar"),
        ({"groups": 3}, "1, 2, 4"),
        ({"levels": [4, 4]}, "style=scalar"),
        ({"style": "scalar", "levels": [4, 4, 4]}, "each of the 4 units"),
        ({"style": "scalar", "levels": [1, 4]}, "from 2 on"),
        ({"style": "scalar", "stages": 2}, "one stage"),
        ({"style": "scalar", "codebook": 8}, "too small"),
        ({"commitment": -1}, "commitment=-1"),
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(BadOption, match=told):
        bottleneck((4,), **options)
