"""The U-net: what travels beside the code, and what it does without."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hourglass.errors import BadOption
from hourglass.model import Model, seeded
from hourglass.networks import unet
from hourglass.parts import Batch

SERIES, PICTURE, VIDEO = (2, 21), (3, 16, 10), (1, 6, 9, 8)


def pair(shape: tuple[int, ...], code: str = "spatial", **options: object) -> tuple[nn.Module, nn.Module, tuple[int, ...]]:
    with seeded(0):
        encoder, code_shape = unet.encoder(shape, code_size=5, widths=[6, 8], blocks=1, code=code, **options)  # type: ignore[arg-type]
        return encoder, unet.decoder(code_shape, shape, 1, widths=[6, 8], blocks=1, **options), code_shape  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [SERIES, PICTURE, VIDEO], ids=str)
@pytest.mark.parametrize("code", ["flat", "spatial"])
def test_skips_travel_beside_the_code(shape: tuple[int, ...], code: str) -> None:
    encoder, decoder, code_shape = pair(shape, code)
    x = torch.rand(3, *shape)
    h, *beside = encoder(x)
    assert h.shape == (3, *code_shape) == (3, 5, *([-(-side // 4) for side in shape[1:]] if code == "spatial" else []))
    assert torch.equal(beside[0], x)
    assert len(beside) == 2
    out = decoder((h, *beside))
    assert out.shape == decoder(h).shape == x.shape
    assert not torch.allclose(out, decoder(h))
    assert torch.allclose(decoder((h, *(torch.zeros_like(part) for part in beside))), decoder(h), atol=1e-6)


@pytest.mark.parametrize(("skips", "count"), [(0, 0), (1, 2), (2, 3)])
def test_as_many_levels_as_asked_for_have_skips(skips: int, count: int) -> None:
    encoder, decoder, _ = pair(PICTURE, skips=skips)
    x = torch.rand(2, *PICTURE)
    given = encoder(x)
    assert (len(given) - 1 if skips else 0) == count
    assert decoder(given).shape == x.shape


def test_the_innermost_level_has_its_blocks_once() -> None:
    """With skips on all levels, its features come straight from the encoder's blocks."""
    _, some, _ = pair(PICTURE, skips=1)
    _, all_of_them, _ = pair(PICTURE, skips=2)
    assert [len(level) for level in some.levels] == [2, 2]
    assert [len(level) for level in all_of_them.levels] == [1, 2]


def test_pictures_of_any_size_come_back_in_it() -> None:
    encoder, decoder, _ = pair(PICTURE)
    for sides in ((16, 10), (33, 7), (4, 50)):
        assert decoder(encoder(torch.rand(2, 3, *sides))).shape == (2, 3, *sides)


def test_without_biases_twice_the_noise_is_twice_the_answer() -> None:
    x = torch.rand(2, *PICTURE)
    encoder, decoder, _ = pair(PICTURE)
    assert torch.allclose(decoder(encoder(2 * x)), 2 * decoder(encoder(x)), atol=1e-5)
    encoder, decoder, _ = pair(PICTURE, sight="centred")
    assert not torch.allclose(decoder(encoder(2 * x)), 2 * decoder(encoder(x)), atol=1e-3)


def test_in_half_the_light_a_network_that_sees_its_logarithm_sees_the_same() -> None:
    bright = 0.5 + 0.5 * torch.rand(2, *PICTURE)
    encoder, _, _ = pair(PICTURE, sight="light")
    changes = (encoder.seen(bright / 2) - encoder.seen(bright)).flatten()
    assert changes.std() < 0.05 * encoder.seen(bright).std()
    assert changes.mean() == pytest.approx(-0.67, abs=0.03)
    assert torch.isfinite(encoder.seen(-bright)).all()


def test_what_is_more_than_one_number_begins_with_the_value() -> None:
    with seeded(0):
        encoder, code_shape = unet.encoder(PICTURE, code_size=5, widths=[6, 8], blocks=1, sight="centred")
        decoder = unet.decoder(code_shape, PICTURE, 2, widths=[6, 8], blocks=1, sight="centred")
    x = torch.rand(2, *PICTURE)
    h, *beside = encoder(x)
    near = decoder((h, *beside)) - decoder((h, torch.zeros_like(x), *beside[1:]))
    assert torch.allclose(near, torch.cat([x, torch.zeros_like(x)], 1), atol=1e-5)


def test_training_begins_near_the_input() -> None:
    facts = {"shape": list(PICTURE), "fields": [["number", 0, 3]], "resolution": torch.full((3, 1, 1), 1e-3)}
    settings = {"network": "unet:widths=[8,8]", "bottleneck": "plain", "loss": "gaussian", "code_size": 4, "members": 2}
    with seeded(0):
        model = Model.build("image", facts, settings)
    x = torch.rand(4, *PICTURE)
    unet.start(model, Batch(x))
    assert (model.reconstruct(Batch(x)) - x).square().mean() < 0.1 * x.var()


@pytest.mark.parametrize(
    ("shape", "options", "told"),
    [
        ((8,), {}, "network='dense'"),
        (PICTURE, {"sight": "lihgt"}, "did you mean 'light'"),
        (PICTURE, {"code": "flt"}, "did you mean 'flat'"),
        (PICTURE, {"skips": 3}, "from 0 to 2"),
    ],
)
def test_what_does_not_work_is_refused(shape: tuple[int, ...], options: dict[str, object], told: str) -> None:
    with pytest.raises(BadOption, match=told):
        pair(shape, **options)  # type: ignore[arg-type]


def test_it_has_a_level_or_more() -> None:
    with pytest.raises(BadOption, match="at least 1"):
        unet.encoder(PICTURE, code_size=3, widths=[])
