"""Convolutions in one, two and three dimensions: what the contract test does not see."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.model import Model, seeded
from hourglass.networks import conv
from hourglass.parts import Batch

SERIES, PICTURE, VIDEO = (2, 40), (3, 16, 12), (1, 6, 9, 8)


def built(shape: tuple[int, ...], network: str = "conv:widths=[4,6]", size: int = 3, **settings: Any) -> Model:
    facts = {"shape": list(shape), "fields": [["number", 0, shape[0]]], "resolution": torch.full((1,) * len(shape), 1e-3)}
    chosen = {"network": network, "bottleneck": "plain", "loss": "gaussian", "code_size": size, "members": 1, **settings}
    with seeded(0):
        return Model.build("image", facts, chosen).train(False)


def smooth(shape: tuple[int, ...], count: int = 40) -> Tensor:
    """Samples that a few directions tell most of."""
    draw = torch.Generator().manual_seed(0)
    return torch.randn(count, 3, generator=draw) @ torch.randn(3, torch.Size(shape).numel(), generator=draw)


@pytest.mark.parametrize("shape", [SERIES, PICTURE, VIDEO], ids=str)
@pytest.mark.parametrize("code", ["flat", "spatial"])
def test_training_begins_at_principal_components(shape: tuple[int, ...], code: str) -> None:
    whole = tuple(side // 4 * 4 for side in shape[1:])
    shape = (shape[0], *whole)
    x = smooth(shape).unflatten(1, shape)
    model = built(shape, f"conv:widths=[4,6],code={code}")
    conv.start(model, Batch(x))
    error = (model.reconstruct(Batch(x)) - x).square().mean()
    assert error < (0.05 if code == "flat" else 0.9) * (x - x.mean(0)).square().mean()


def test_series_start_at_the_components_of_their_blocks() -> None:
    x = smooth((1, 4), 400).reshape(40, 1, 40)
    model = built((1, 40), "conv:widths=[4,6],code=spatial")
    conv.start(model, Batch(x))
    assert (model.reconstruct(Batch(x)) - x).square().mean() < 0.1 * (x - x.mean()).square().mean()


@pytest.mark.parametrize("shape", [SERIES, PICTURE, VIDEO], ids=str)
def test_spatial_codes_work_at_other_sizes(shape: tuple[int, ...]) -> None:
    model = built(shape, "conv:widths=[4,6],code=spatial")
    assert model.code_shape == (3, *(-(-side // 4) for side in shape[1:]))
    x = torch.randn(2, shape[0], *(side + 8 for side in shape[1:]))
    whole = tuple(-(-side // 4) * 4 for side in x.shape[2:])
    assert model.decode(model.encoder(x)).shape == (2, shape[0], *whole)


def test_long_series_shrink_faster() -> None:
    assert [conv._plan((1, time), [4, 4, 4], 0).step for time in (64, 2048, 8000, 100_000)] == [8, 8, 64, 512]
    assert conv._plan((1, 8, 4000, 4000), [4, 4], 0).step == 4
    model = built((1, 4100), "conv:widths=[4,4,4]")
    assert model.decode(torch.zeros(2, 3)).shape == (2, 1, 4100)


def test_heavy_linear_paths_are_left_out_unless_asked_for() -> None:
    with torch.device("meta"):
        light, heavy = conv.encoder((3, 64, 64), code_size=16)[0], conv.encoder((3, 16, 256, 256), code_size=16)[0]
        asked = conv.encoder((3, 16, 256, 256), code_size=16, beside=True)[0]
        assert conv.decoder((16,), (3, 16, 256, 256), 1).beside is None
    assert light.beside is not None
    assert heavy.beside is None
    assert asked.beside is not None


def test_without_a_path_training_begins_at_the_mean() -> None:
    x = torch.rand(20, 2, 40) * 0.1 + torch.tensor([5.0, -3.0])[:, None]
    model = built(SERIES, "conv:widths=[4,6],beside=false")
    conv.start(model, Batch(x))
    assert torch.allclose(model.reconstruct(Batch(x)).mean((0, 2)), torch.tensor([5.0, -3.0]), atol=0.5)


@pytest.mark.parametrize("code", ["flat", "spatial"])
def test_texts(code: str) -> None:
    with seeded(0):
        encoder, code_shape = conv.encoder((13,), code_size=5, widths=[6, 8], code=code, symbols=11)
        decoder = conv.decoder(code_shape, (13,), 11, widths=[6, 8], symbols=11)
    x, mask = torch.randint(11, (4, 13), generator=torch.Generator().manual_seed(0)), torch.arange(13) < torch.tensor([[5], [13], [1], [8]])
    h = encoder.eval()(x, mask)
    assert h.shape == (4, *code_shape)
    assert decoder(h).shape == (4, 11 * 13)
    assert torch.equal(h, encoder(torch.where(mask, x, 0), mask))
    assert not torch.allclose(h, encoder(x))
    logits = decoder(h).unflatten(1, (11, 13))
    logits.logsumexp(1).sum().backward()
    assert all(weight.grad is not None for weight in [*encoder.parameters(), *decoder.parameters()])


def test_more_padding_behind_a_text_changes_none_of_its_steps() -> None:
    with seeded(0):
        encoder, _ = conv.encoder((16,), code_size=5, widths=[6, 8], code="spatial", symbols=11)
    x, mask = torch.randint(11, (2, 16), generator=torch.Generator().manual_seed(0)), (torch.arange(16) < 6).expand(2, 16)
    longer, more = torch.cat([x, x], 1), torch.cat([mask, torch.zeros_like(mask)], 1)
    assert torch.allclose(encoder(x, mask), encoder(longer, more)[..., :4], atol=1e-6)


def test_what_is_masked_does_not_matter() -> None:
    model = built(SERIES)
    x, mask = torch.randn(4, *SERIES), torch.rand(4, *SERIES, generator=torch.Generator().manual_seed(0)) < 0.7
    assert torch.equal(model.encoder(x, mask), model.encoder(torch.where(mask, x, 99.0), mask))


@pytest.mark.parametrize(
    ("shape", "options", "told"),
    [
        ((8,), {}, "network='dense'"),
        ((1, 2, 3, 4, 5), {}, "network='dense'"),
        ((1, 8, 8), {"code": "flt"}, "did you mean 'flat'"),
        ((1, 8, 8), {"beside": "yes"}, "true, false or auto"),
        ((1, 8, 8), {"widths": []}, "at least 1"),
    ],
)
def test_what_does_not_work_is_refused(shape: tuple[int, ...], options: dict[str, Any], told: str) -> None:
    with pytest.raises(BadOption, match=told):
        conv.encoder(shape, code_size=2, **options)
