"""Recurrent networks: what the contract test does not see."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.model import Model, seeded
from hourglass.networks import recurrent
from hourglass.parts import Batch

SERIES, TEXT, SYMBOLS = (2, 12), (12,), 9
OPTIONS = ["", "widths=[5,4]", "cell=lstm", "both=false", "fold=3", "fold=5,widths=[3,4],cell=lstm"]


def built(shape: tuple[int, ...], options: str = "", size: int = 3, **settings: Any) -> Model:
    facts: dict[str, Any] = {"shape": list(shape), "fields": [["number", 0, shape[0]]], "resolution": torch.full((1,) * len(shape), 1e-3)}
    if len(shape) == 1:
        facts |= {"symbols": SYMBOLS, "fields": [["symbol", 0, shape[0]]]}
    loss = "categorical" if len(shape) == 1 else "gaussian"
    network = f"recurrent:{options or 'widths=6'}"
    chosen = {"network": network, "bottleneck": "plain", "loss": loss, "code_size": size, "members": 1, **settings}
    with seeded(0):
        return Model.build("series", facts, chosen)


def samples(shape: tuple[int, ...], count: int = 5, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return (
        torch.randint(SYMBOLS, (count, *shape), generator=draw) if len(shape) == 1 else torch.randn(count, *shape, generator=draw).double()
    )


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", [SERIES, TEXT], ids=["series", "text"])
def test_padding_changes_nothing(shape: tuple[int, ...], options: str) -> None:
    """Neither what stands in it, nor, where samples are read by themselves, how much of it there is."""
    model, x = built(shape, options).to(torch.float64).train(False), samples(shape)
    lengths = torch.tensor([12, 9, 6, 3, 0])
    mask = (torch.arange(12) < lengths[:, None]).reshape(5, *[1] * (len(shape) - 1), 12).expand(x.shape)
    padded = model.encoder(x, mask)
    assert torch.equal(padded, model.encoder(torch.where(mask, x, samples(shape, seed=1)), mask))
    assert torch.isfinite(padded).all()
    assert not torch.allclose(padded, model.encoder(x))
    model.encoder.beside = None
    padded = model.encoder(x, mask)
    for row, length in enumerate(lengths[:4].tolist()):
        if options != "fold=5,widths=[3,4],cell=lstm" or length != 9:  # its last fold is half empty: as many zeros either way
            assert torch.allclose(model.encoder(x[row : row + 1, ..., :length]), padded[row : row + 1])


def test_missing_steps_are_passed_over() -> None:
    model, x = built(SERIES).to(torch.float64).train(False), samples(SERIES)
    model.encoder.beside = None
    kept = torch.tensor([0, 1, 2, 5, 6, 8, 11])
    mask = torch.zeros_like(x, dtype=torch.bool)
    mask[..., kept] = True
    assert torch.allclose(model.encoder(x, mask), model.encoder(x[..., kept]))
    mask[:, 1, 5] = False  # one element of a real step: 0 stands for it
    assert torch.allclose(model.encoder(x, mask), model.encoder(torch.where(mask, x, 0)[..., kept]))


@pytest.mark.parametrize("fold", [1, 4])
def test_training_begins_at_principal_components(fold: int) -> None:
    draw = torch.Generator().manual_seed(0)
    x = (torch.randn(60, 3, generator=draw) @ torch.randn(3, 24, generator=draw)).unflatten(1, SERIES)
    model = built(SERIES, f"widths=6,fold={fold}").train(False)
    recurrent.start(model, Batch(x))
    assert (model.reconstruct(Batch(x)) - x).square().mean() < 0.05 * x.var()


def late_or_early(count: int = 96) -> tuple[Tensor, Tensor]:
    """Texts of one symbol 1 and one symbol 2 among zeros; whether the 1 comes first is all that a code of one number has room for."""
    draw = torch.Generator().manual_seed(0)
    first = torch.rand(count, generator=draw) < 0.5
    x = torch.zeros(count, 12, dtype=torch.long)
    places = torch.stack([torch.randperm(12, generator=draw)[:2].sort().values for _ in range(count)])
    x.scatter_(1, places, torch.where(first[:, None], torch.tensor([1, 2]), torch.tensor([2, 1])))
    return x, first


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_it_learns_what_came_first(cell: str) -> None:
    """A network that only counts symbols, or hears no time, cannot tell these texts from each other."""
    x, first = late_or_early()
    model = built(TEXT, f"widths=8,cell={cell}", size=1)
    optimizer = torch.optim.Adam(model.encoder.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(model.encoder(x)[:, 0] * 4, first.float()).backward()
        optimizer.step()
    assert ((model.encoder(x)[:, 0] > 0) == first).float().mean() > 0.9
    shuffled = x.gather(1, torch.rand(x.shape, generator=torch.Generator().manual_seed(1)).argsort(1))
    assert ((model.encoder(shuffled)[:, 0] > 0) == first).float().mean() < 0.7


def test_a_network_that_hears_no_time_fails() -> None:
    """The test above means something: the mean of what stands in a text says nothing about what came first."""
    x, _ = late_or_early()
    counts = torch.nn.functional.one_hot(x, SYMBOLS).float().mean(1)
    assert (counts == counts[0]).all()


def test_members_are_told_what_is_real() -> None:
    x = samples(SERIES).float()
    mask = (torch.arange(12) < 6).expand(x.shape)
    with seeded(0):
        encoder: Any = recurrent.encoder(SERIES, code_size=3, members=2, widths=4)[0]
    codes = encoder(x.expand(2, *x.shape), mask.expand(2, *x.shape))
    assert encoder.masked
    assert torch.equal(codes[1], encoder.each[1](x, mask))


def test_names_of_the_weights_stay() -> None:
    """Files hold them: another name is another format."""
    gru = {f"layers.0.{name}" for name in ("enter", "carry", "bias", "bias_carry")}
    ends = {f"{part}.{which}" for part in ("last", "beside") for which in ("weight", "bias")}
    model = built(SERIES)
    assert set(model.encoder.state_dict()) == gru | ends
    assert set(model.decoder.state_dict()) == gru | ends | {"layers.0.told"}


@pytest.mark.parametrize(
    ("options", "said"),
    [("cell=gruu", "gru"), ("fold=0", "1 to 12"), ("fold=13", "1 to 12"), ("widths=0", "1 to"), ("widths=[]", "at least 1")],
)
def test_options_that_do_not_work(options: str, said: str) -> None:
    with pytest.raises(BadOption, match=said):
        built(SERIES, options)


@pytest.mark.parametrize(("shape", "said"), [((8,), "dense"), ((3, 8, 8), "conv")])
def test_shapes_that_do_not_work(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(BadOption, match=said):
        recurrent.encoder(shape, code_size=2)
