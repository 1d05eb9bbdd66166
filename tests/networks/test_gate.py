"""The gate: what it sees, what it cannot do, and that it learns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.model import Model, seeded
from hourglass.networks import gate
from hourglass.parts import Batch
from hourglass.spoils.hiss import spoil


def built(shape: tuple[int, ...] = (1, 4096), options: str = "frame=128,width=8,blocks=2") -> Model:
    facts = {"shape": list(shape), "fields": [["number", 0, shape[0]]], "resolution": torch.full((1, 1), 1e-4)}
    settings = {"network": f"gate:{options}", "bottleneck": "plain", "loss": "ratio", "code_size": 3, "members": 1}
    with seeded(0):
        return Model.build("audio", facts, settings)


def tones(count: int, length: int = 4096) -> Tensor:
    """Short tones."""
    draw = torch.Generator().manual_seed(0)
    time = torch.arange(length) / 8000
    pitch, middle = (torch.rand(count, 1, generator=draw) for _ in range(2))
    return (torch.sin(6.28 * (300 + 2000 * pitch) * time) * torch.exp(-((time - 0.5 * middle) ** 2) / 0.01))[:, None]


def test_loudness_goes_through_unchanged() -> None:
    model, x = built().to(torch.float64).train(False), tones(2).double() + 0.1 * torch.randn(2, 1, 4096, dtype=torch.float64)
    assert torch.allclose(8 * model.reconstruct(Batch(x)), model.reconstruct(Batch(8 * x)), atol=1e-4)


def test_nothing_is_louder_than_it_was() -> None:
    model, x = built().train(False), tones(3)
    assert (model.reconstruct(Batch(x)).square().sum((1, 2)) <= x.square().sum((1, 2)) * 1.001).all()
    assert not model.reconstruct(Batch(0 * x)).any()


def test_it_learns_to_leave_hiss_out() -> None:
    model, draw, x = built(), torch.Generator().manual_seed(1), tones(16)
    noisy = spoil(x, draw, log_uniform=[0.5, 1.0], hum=0.0, rate=8000)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(40):
        optimizer.zero_grad()
        model.nats(Batch(noisy), Batch(x))[0].mean().backward()
        optimizer.step()
    fresh = spoil(x, torch.Generator().manual_seed(2), log_uniform=[0.5, 1.0], hum=0.0, rate=8000)
    before, after = ((each - x).square().mean() for each in (fresh, model.train(False).reconstruct(Batch(fresh))))
    assert after < 0.3 * before


def test_what_is_no_sound_is_refused() -> None:
    with pytest.raises(BadOption, match="unet"):
        gate.encoder((1, 8, 8), code_size=2)
    with pytest.raises(BadOption, match="power of two"):
        gate.encoder((1, 800), code_size=2, frame=100)
    with pytest.raises(BadOption, match="one number"):
        gate.decoder((2, 9), (1, 800), 2)
