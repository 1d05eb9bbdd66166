"""Transformers: what the contract test does not see."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.model import Model, seeded
from hourglass.networks import attention
from hourglass.parts import Batch

SERIES, TEXT, PICTURE, VIDEO, SYMBOLS = (2, 12), (12,), (3, 9, 8), (1, 3, 6, 8), 9
EVERY = [SERIES, TEXT, PICTURE, VIDEO]


def built(shape: tuple[int, ...], options: str = "width=12,depth=1,patch=2", size: int = 3) -> Model:
    facts: dict[str, Any] = {"shape": list(shape), "fields": [["number", 0, shape[0]]], "resolution": torch.full((1,) * len(shape), 1e-3)}
    if len(shape) == 1:
        facts |= {"symbols": SYMBOLS, "fields": [["symbol", 0, shape[0]]]}
    chosen = {"network": f"attention:{options}", "bottleneck": "plain", "code_size": size, "members": 1}
    with seeded(0):
        return Model.build("image", facts, {**chosen, "loss": "categorical" if len(shape) == 1 else "gaussian"})


def samples(shape: tuple[int, ...], count: int = 5, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return (
        torch.randint(SYMBOLS, (count, *shape), generator=draw) if len(shape) == 1 else torch.randn(count, *shape, generator=draw).double()
    )


@pytest.mark.parametrize("shape", EVERY, ids=str)
def test_padding_changes_nothing(shape: tuple[int, ...]) -> None:
    model, x = built(shape).to(torch.float64).train(False), samples(shape)
    real = torch.arange(shape[-1]) < torch.tensor([12, 8, 5, 3, 0])[:, None]
    mask = real.reshape(5, *[1] * (len(shape) - 1), -1).expand(x.shape)
    padded = model.encoder(x, mask)
    assert torch.equal(padded, model.encoder(torch.where(mask, x, samples(shape, seed=1)), mask))
    assert torch.isfinite(padded).all()
    assert not torch.allclose(padded, model.encoder(x))


def test_patches_that_are_missing_are_not_looked_at() -> None:
    """Else zeros would count as patches like others: a sample with a hole equals no sample of zeros there."""
    model, x = built(SERIES).to(torch.float64).train(False), samples(SERIES)
    x[..., 4:8] = 0
    mask = torch.ones_like(x, dtype=torch.bool)
    mask[..., 4:8] = False
    model.encoder.beside = None
    assert not torch.allclose(model.encoder(x), model.encoder(x, mask))
    with torch.no_grad():
        model.encoder.places[2:4] = 99.0
    holed = model.encoder(x, mask)
    with torch.no_grad():
        model.encoder.places[2:4] = -99.0
    assert torch.equal(holed, model.encoder(x, mask))


@pytest.mark.parametrize("shape", [SERIES, PICTURE, VIDEO], ids=str)
def test_training_begins_at_principal_components(shape: tuple[int, ...]) -> None:
    draw = torch.Generator().manual_seed(0)
    x = (torch.randn(60, 3, generator=draw) @ torch.randn(3, torch.Size(shape).numel(), generator=draw)).unflatten(1, shape)
    model = built(shape).train(False)
    attention.start(model, Batch(x))
    assert (model.reconstruct(Batch(x)) - x).square().mean() < 0.05 * x.var()


def test_it_learns_what_came_first() -> None:
    """A network that hears no place cannot tell these texts from each other: it is tried too, and fails."""
    draw = torch.Generator().manual_seed(0)
    first = torch.rand(96, generator=draw) < 0.5
    places = torch.stack([torch.randperm(12, generator=draw)[:2].sort().values for _ in range(96)])
    x = torch.zeros(96, 12, dtype=torch.long).scatter_(1, places, torch.where(first[:, None], torch.tensor([1, 2]), torch.tensor([2, 1])))

    def right(with_places: bool) -> Tensor:
        encoder: Any = built(TEXT, "width=16,depth=1,patch=1", size=1).encoder
        encoder.inner.places.requires_grad_(with_places).data.mul_(with_places)
        optimizer = torch.optim.Adam([weight for weight in encoder.parameters() if weight.requires_grad], lr=0.02)
        for _ in range(60):
            optimizer.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(encoder(x)[:, 0] * 4, first.float()).backward()
            optimizer.step()
        return ((encoder(x)[:, 0] > 0) == first).float().mean()

    assert right(True) > 0.9
    assert right(False) < 0.7


def test_patches_suit_the_size_of_samples() -> None:
    def places(shape: tuple[int, ...]) -> int:
        return len(built(shape, "width=8,depth=1").encoder.places)  # type: ignore[arg-type]

    assert [places(shape) for shape in ((2, 64), (1, 1024), (1, 28, 28), (1, 4, 16, 16))] == [64, 64, 49, 16]


def test_members_are_told_what_is_real() -> None:
    x = samples(SERIES).float()
    mask = torch.arange(12) < 6
    with seeded(0):
        encoder: Any = attention.encoder(SERIES, code_size=3, members=2, width=8, depth=1)[0]
    codes = encoder(x.expand(2, *x.shape), mask.expand(2, *x.shape))
    assert encoder.masked
    assert torch.equal(codes[1], encoder.each[1](x, mask.expand(x.shape)))


def test_names_of_the_weights_stay() -> None:
    """Files hold them: another name is another format."""
    names = {name.removeprefix("blocks.each.0.") for name in built(TEXT).encoder.state_dict()}
    block = {f"{part}.{which}" for part in ("before", "between", "ask", "answer", "widen", "narrow") for which in ("weight", "bias")}
    ends = {f"{part}.{which}" for part in ("enter", "blocks.norm", "last") for which in ("weight", "bias")} | {"places", "queries"}
    wanted = {f"inner.{name}" for name in ends} | {f"inner.blocks.each.0.{name}" for name in block} | {"tokens.vectors.weight"}
    assert names == wanted


@pytest.mark.parametrize("options", ["width=0", "width=2.5", "depth=0", "depth=true", "patch=0", "patch=13", "patch=wide"])
def test_options_that_do_not_work(options: str) -> None:
    with pytest.raises(BadOption, match=options.split("=")[0]):
        built(SERIES, options)


def test_shapes_that_do_not_work() -> None:
    with pytest.raises(BadOption, match="dense"):
        attention.encoder((8,), code_size=2)
