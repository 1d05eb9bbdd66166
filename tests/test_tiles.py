"""Tiles give what the whole picture gives."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hourglass.errors import BadOption
from hourglass.tiles import tiled


def smoother(radius):
    conv = nn.Conv2d(2, 3, 2 * radius + 1, padding=radius).double().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for weight in conv.parameters():
        weight.copy_(torch.randint(-3, 4, weight.shape, generator=generator))  # whole numbers: sums are exact in any order
    return conv


@pytest.mark.parametrize("shape", [(50, 70), (16, 33), (17, 16), (5, 100), (64, 64)])
def test_local_functions_are_exact(shape):
    conv = smoother(4)
    picture = torch.randint(0, 256, (2, *shape), generator=torch.Generator().manual_seed(1)).double()
    seen = []

    def function(tile):
        seen.append(tuple(tile.shape[-2:]))
        return conv(tile[None])[0]

    calls = []
    result = tiled(function, picture, size=16, overlap=4, progress=lambda done, all_: calls.append((done, all_)))
    assert torch.equal(result, conv(picture[None])[0])
    assert max(max(size) for size in seen) <= 16
    assert calls == [(done, len(seen)) for done in range(1, len(seen) + 1)]


def test_too_little_overlap_shows():
    conv, picture = smoother(4), torch.rand(2, 40, 40, generator=torch.Generator().manual_seed(1)).double()
    assert not torch.allclose(tiled(lambda tile: conv(tile[None])[0], picture, size=16, overlap=2), conv(picture[None])[0])


def test_tiles_start_at_multiples_of_a_stride():
    starts = []
    position = torch.arange(50.0).expand(1, 50, 50)
    tiled(lambda tile: starts.append(int(tile[0, 0, 0])) or tile, position, size=16, overlap=4)
    assert all(start % 4 == 0 for start in starts)


def test_bad_sizes():
    with pytest.raises(BadOption, match="more than twice"):
        tiled(lambda tile: tile, torch.zeros(1, 9, 9), size=8, overlap=4)
    with pytest.raises(ValueError, match="came back as"):
        tiled(lambda tile: tile[:, ::2], torch.zeros(1, 9, 9), size=8, overlap=2)
