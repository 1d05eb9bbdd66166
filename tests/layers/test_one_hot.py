"""Texts through linear maps of one-hot symbols: the same as with the rows made, and a training that begins at their PCA."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from hourglass.fitting import begin
from hourglass.layers.one_hot import HEAVY, OneHot, components, inward, outward, weights
from hourglass.layers.principal import principal
from hourglass.model import Model, seeded
from hourglass.parts import Batch, find

LENGTH, SYMBOLS, CODE = 10, 13, 6
NETWORKS = ["conv:widths=[6,8]", "recurrent:widths=8,fold=2"]


def texts(count: int = 400, seed: int = 0) -> Batch:
    """Three-letter words after one another, of a dozen there are, ended at different places by the last symbol; padding is noise."""
    draw = torch.Generator().manual_seed(seed)
    words = torch.randint(12, (12, 3), generator=torch.Generator().manual_seed(9))
    x = words[torch.randint(12, (count, 4), generator=draw)].flatten(1)[:, :LENGTH]
    ends = torch.randint(4, LENGTH + 1, (count, 1), generator=draw)
    place = torch.arange(LENGTH)
    x = torch.where(place < ends, x, torch.where(place == ends, SYMBOLS - 1, torch.randint(SYMBOLS, x.shape, generator=draw)))
    return Batch(x, place <= ends)


def wide(batch: Batch) -> Tensor:
    """One number for each place and symbol."""
    assert batch.mask is not None
    return (one_hot(batch.x, SYMBOLS) * batch.mask[..., None]).flatten(1).double()


def settings(network: str, code_size: int = CODE, **more: Any) -> dict[str, Any]:
    return {"network": network, "bottleneck": "plain", "loss": "categorical", "code_size": code_size, "members": 1, **more}


FACTS = {"shape": [LENGTH], "symbols": SYMBOLS, "fields": [["symbol", 0, LENGTH]], "resolution": torch.zeros(LENGTH)}


def wrong(batch: Batch, back: Tensor) -> float:
    """The share of real symbols that come back as others."""
    return float((back != batch.x)[batch.mask].double().mean())


def by_principal(training: Batch, asked: Batch) -> float:
    """Wrong symbols of PCA on one-hot rows, each place the symbol with the largest number."""
    mean, rows = principal(wide(training), CODE)
    back = (wide(asked) - mean) @ rows.T @ rows + mean
    return wrong(asked, back.unflatten(1, (LENGTH, SYMBOLS)).argmax(2))


def test_it_is_a_linear_layer_on_one_hot_symbols() -> None:
    with seeded(0):
        path = OneHot(SYMBOLS, LENGTH, CODE).double()
    batch = texts(20)
    torch.testing.assert_close(path(batch.x, batch.mask), wide(batch) @ path.weight + path.bias)
    everything = torch.ones_like(batch.x, dtype=torch.bool)
    torch.testing.assert_close(path(batch.x), path(batch.x, everything))


def test_padding_adds_nothing_and_learns_nothing() -> None:
    with seeded(0):
        path = OneHot(SYMBOLS, LENGTH, CODE)
    batch = texts(20)
    other = torch.where(batch.mask, batch.x, 0) if batch.mask is not None else batch.x
    assert torch.equal(path(batch.x, batch.mask), path(other, batch.mask))
    path(torch.full((2, LENGTH), 3), torch.arange(LENGTH) < torch.tensor([[4], [4]])).square().sum().backward()
    felt = path.weight.grad.unflatten(0, (LENGTH, SYMBOLS)).abs().sum(2)  # type: ignore[union-attr]
    assert bool((felt[:4, 3] > 0).all())
    assert float(felt[4:].sum()) == 0


def test_components_are_those_of_the_rows() -> None:
    batch = texts(300)
    mean, rows, spread = components(batch, SYMBOLS, CODE)
    exact_mean, exact = principal(wide(batch), CODE)
    torch.testing.assert_close(mean, exact_mean)
    torch.testing.assert_close(rows @ rows.T, torch.eye(CODE, dtype=torch.float64))
    scores = (wide(batch) - mean) @ rows.T
    torch.testing.assert_close(spread, scores.std(0, correction=0), rtol=2e-3, atol=0)
    assert scores.square().sum() > 0.99 * ((wide(batch) - mean) @ exact.T).square().sum()


def test_few_texts_have_few_directions() -> None:
    batch = Batch(texts(3).x)
    _, rows, spread = components(batch, SYMBOLS, CODE)
    assert torch.isfinite(rows).all()
    assert bool((rows[:2].abs().sum(1) > 0).all())
    assert float(rows[2:].abs().max()) < 1e-6
    assert bool((spread > 0).all())


def begun(network: str, training: Batch, members: int = 1) -> Model:
    return begin("text", FACTS, settings(network, members=members), training, 0, {}).train(False)


@pytest.mark.parametrize("network", NETWORKS)
def test_training_begins_where_principal_components_end(network: str) -> None:
    training, asked = texts(600), texts(300, 1)
    pca = by_principal(training, asked)
    model = begun(network, training)
    assert 0.1 < pca < 0.6
    assert wrong(asked, model.reconstruct(asked)) == pytest.approx(pca, rel=0.15)
    with seeded(0):
        drawn = Model.build("text", FACTS, settings(network)).train(False)
    assert wrong(asked, drawn.reconstruct(asked)) > 0.8


@pytest.mark.parametrize("network", NETWORKS)
def test_it_begins_as_sure_as_it_may_be(network: str) -> None:
    """Neither half nor twice as sure would be likelier, and it knows more than how common each symbol is."""
    training, asked = texts(600), texts(300, 1)
    model = begun(network, training)
    _, output, _ = model.forward(asked)

    def nats(scale: float) -> float:
        return float(model.loss(scale * output.detach(), asked.x, asked.mask).mean())

    assert nats(1) < min(nats(0.5), nats(2))
    assert nats(1) < 0.6 * nats(0)


def test_every_member_begins_there() -> None:
    training, asked = texts(600), texts(300, 1)
    back = begun(NETWORKS[1], training, 2).decode
    model = begun(NETWORKS[1], training, 2)
    for part in model.loss.data(back(model.encode(asked).z)).chunk(2):  # type: ignore[operator]
        assert wrong(asked, part) == pytest.approx(by_principal(training, asked), rel=0.15)


def test_a_code_of_means_and_variances_begins_there_too() -> None:
    training, asked = texts(600), texts(300, 1)
    model = begin("text", FACTS, settings(NETWORKS[0], bottleneck="gaussian"), training, 0, {}).train(False)
    assert wrong(asked, model.reconstruct(asked)) == pytest.approx(by_principal(training, asked), rel=0.15)


@pytest.mark.parametrize("name", ["conv", "recurrent"])
def test_heavy_paths_are_left_out(name: str) -> None:
    length = HEAVY // (257 * 64) + 8
    module = find("networks", name)
    with torch.device("meta"):
        light, heavy = (module.encoder((length,), code_size=size, symbols=257)[0] for size in (32, 64))
        back = module.decoder((64,), (length,), 257, symbols=257)
    assert light.beside is not None
    assert heavy.beside is None
    assert not [key for key in back.state_dict() if "beside" in key]
    assert inward(64, length, 257) is outward(64, length, 257) is None


def test_what_it_takes_to_find_a_small_code_counts() -> None:
    assert weights(1, 100, 257) == weights(16, 100, 257) < weights(17, 100, 257)
