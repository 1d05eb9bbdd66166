"""The transform-initialised network: what it is before any training."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hourglass.errors import BadOption
from hourglass.layers.principal import principal
from hourglass.layers.waves import block_waves, lapped_waves
from hourglass.model import Model, seeded
from hourglass.networks import patch
from hourglass.parts import Batch

GREY, COLOUR, SOUND, STEREO = (1, 16, 24), (3, 20, 17), (1, 1000), (2, 300)


def pair(shape: tuple[int, ...], size: int, **options: int) -> tuple[nn.Module, nn.Module, tuple[int, ...]]:
    with seeded(0):
        encoder, code_shape = patch.encoder(shape, code_size=size, **options)
        return encoder, patch.decoder(code_shape, shape, 1, **options), code_shape


def built(shape: tuple[int, ...], size: int, members: int = 1, **options: str) -> Model:
    facts = {"shape": list(shape), "fields": [["number", 0, shape[0]]], "resolution": torch.full((1,) * len(shape), 1e-3)}
    settings = {"network": "patch", "bottleneck": "plain", "loss": "gaussian", "code_size": size, "members": members, **options}
    with seeded(0):
        return Model.build("image", facts, settings).train(False)


def hilly(count: int, shape: tuple[int, ...]) -> Tensor:
    """Pictures or sounds whose neighbours resemble each other."""
    x = torch.randn(count, *shape, generator=torch.Generator().manual_seed(0)).cumsum(-1)
    return (x.cumsum(-2) if len(shape) == 3 else x) * 0.05 + 0.5


@pytest.mark.parametrize(
    ("shape", "waves", "options"),
    [
        (GREY, 64, {}),
        (COLOUR, 192, {}),
        (COLOUR, 48, {"patch": 4}),
        (SOUND, 32, {}),
        (STEREO, 128, {"patch": 64}),
        (SOUND, 7, {"patch": 7}),
    ],
)
def test_untrained_it_loses_nothing_where_the_code_is_as_wide_as_a_patch(
    shape: tuple[int, ...], waves: int, options: dict[str, int]
) -> None:
    encoder, decoder, code_shape = pair(shape, waves, **options)
    x = torch.rand(3, *shape)
    z = encoder(x)
    assert z.shape == (3, *code_shape)
    assert torch.allclose(decoder(z), x, atol=1e-5)
    model = built(shape, pair(shape, 1)[0].front.out_channels)  # type: ignore[arg-type]
    patch.start(model, Batch(x))
    assert torch.allclose(model.reconstruct(Batch(x)), x, atol=1e-4)


@pytest.mark.parametrize("filters", [block_waves(1, 8), block_waves(3, 4), block_waves(2, 3), lapped_waves(1, 16), lapped_waves(2, 8)])
def test_waves_are_orthonormal(filters: Tensor) -> None:
    rows = filters.flatten(1)
    assert torch.allclose(rows @ rows.T, torch.eye(len(rows), dtype=torch.float64), atol=1e-12)


def test_the_slowest_waves_come_first() -> None:
    encoder, _, _ = pair(COLOUR, 6)
    flat = encoder(torch.full((1, 3, 16, 16), 0.5))
    assert torch.allclose(flat[:, 0], torch.tensor(0.5 * 8 * 3**0.5), atol=1e-5)
    assert torch.allclose(flat[:, 1:], torch.zeros(()), atol=1e-5)


@pytest.mark.parametrize(("shape", "size"), [(GREY, 8), ((1, 320), 6)])
def test_a_narrow_code_begins_near_the_best_that_lines_can_do(shape: tuple[int, ...], size: int) -> None:
    x = hilly(60, shape)
    model = built(shape, size, members=2)
    patch.start(model, Batch(x))
    error = (model.reconstruct(Batch(x)) - x).square().mean()
    if len(shape) == 3:
        blocks = x.unfold(2, 8, 8).unfold(3, 8, 8).reshape(-1, 64).double()
        mean, rows = principal(blocks, size)
        best = ((blocks - mean) - (blocks - mean) @ rows.T @ rows).square().mean()
        assert best <= error <= 1.3 * best
    assert error < 0.1 * x.var()
    code = model.encoder(x.expand(2, *x.shape))
    assert torch.allclose(code.transpose(0, 2).flatten(1).std(1), torch.ones(size), atol=0.01)


def test_sizes_other_than_those_it_was_made_for() -> None:
    encoder, decoder, _ = pair(GREY, 64)
    x = torch.rand(2, 1, 40, 30)
    assert torch.allclose(decoder(encoder(x))[..., :30], x, atol=1e-5)
    encoder, decoder, _ = pair(SOUND, 32)
    x = torch.rand(2, 1, 2000)
    assert torch.allclose(decoder(encoder(x))[..., :2000], x, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "options", "told"),
    [
        ((8,), {}, "network='conv'"),
        ((1, 4, 8, 8), {}, "network='conv'"),
        (GREY, {"patch": 1}, "from 2 on"),
        (COLOUR, {"patch": 64}, "3072"),
    ],
)
def test_what_does_not_work_is_refused(shape: tuple[int, ...], options: dict[str, int], told: str) -> None:
    with pytest.raises(BadOption, match=told):
        pair(shape, 4, **options)
