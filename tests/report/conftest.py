"""Small networks of known quality, for the tests of the report."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from hourglass.model import Model, seeded
from hourglass.parts import Batch

WIDTH = 8


def rows(count: int, seed: int = 0, rank: int = 3, noise: float = 0.1) -> Batch:
    """Rows near a plane of dimension `rank`, the same plane for every seed."""
    plane = torch.randn(rank, WIDTH, generator=torch.Generator().manual_seed(99))
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, rank, generator=generator) @ plane
    return Batch(x + noise * torch.randn(count, WIDTH, generator=generator))


def build(bottleneck: str = "plain", code_size: int = 3, width: int = WIDTH, members: int = 1) -> Model:
    facts = {"shape": [width], "fields": [["number", 0, width]], "resolution": torch.zeros(width)}
    settings = {"network": "dense:widths=[32]", "bottleneck": bottleneck, "loss": "gaussian", "code_size": code_size, "members": members}
    with seeded(7):
        return Model.build("table", facts, settings)


def linear(matrix: Tensor, mean: Tensor | float = 0.0) -> nn.Linear:
    """A linear layer with these weights (outputs, inputs) and offsets."""
    layer = nn.Linear(matrix.shape[1], matrix.shape[0])
    with torch.no_grad():
        layer.weight.copy_(matrix)
        layer.bias.copy_(torch.as_tensor(mean).expand(matrix.shape[0]))
    return layer


def learned(training: Batch, code_size: int = 3) -> Model:
    """A network that does what PCA does."""
    model, mean = build(code_size=code_size), training.x.mean(0)
    axes = torch.linalg.svd(training.x - mean, full_matrices=False).Vh[:code_size]
    model.encoder, model.decoder = linear(axes, -(axes @ mean)), linear(axes.T, mean)
    return model


def copying() -> Model:
    """A network that gives back whatever it gets."""
    model = build(code_size=WIDTH)
    model.encoder = model.decoder = linear(torch.eye(WIDTH))
    return model


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The functions above: test files cannot import one another."""
    return SimpleNamespace(rows=rows, build=build, linear=linear, learned=learned, copying=copying)
