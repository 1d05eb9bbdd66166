"""Layers over one, two and three sides."""

from __future__ import annotations

import pytest
import torch

from hourglass.layers.members import Members
from hourglass.layers.sides import blocks, crop, fill, fold, grow, innermost, opposite, same, shrink, steps_in, unfold

SHAPES = [(2, 13), (2, 13, 9), (2, 5, 13, 9)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("step", [2, 4])
def test_sides_shrink_and_grow_by_the_step(shape: tuple[int, ...], step: int) -> None:
    x, sides = fill(torch.rand(3, *shape), step), len(shape) - 1
    inside = steps_in(shape, step)
    assert shrink(sides, 2, 4, step)(x).shape == blocks(sides, 2, 4, step)(x).shape == (3, 4, *inside)
    z = torch.rand(3, 4, *inside)
    assert grow(sides, 4, 2, step)(z).shape == opposite(sides, 4, 2, step)(z).shape == same(sides, 2, 2)(x).shape == x.shape


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_filling_repeats_edges_and_cropping_undoes_it(shape: tuple[int, ...]) -> None:
    x = torch.rand(3, *shape)
    full = fill(x, 4)
    assert all(side % 4 == 0 for side in full.shape[2:])
    assert torch.equal(full[..., -1], full[..., x.shape[-1] - 1])
    assert torch.equal(crop(full, shape[1:]), x)
    assert fill(full, 4) is full


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_folding_keeps_every_number(shape: tuple[int, ...]) -> None:
    x = fill(torch.rand(3, *shape), 2)
    folded = fold(x, 2)
    assert folded.shape == (3, 2 * 2 ** (len(shape) - 1), *steps_in(shape, 2))
    assert torch.equal(unfold(folded, 2), x)
    assert torch.equal(folded.flatten().sort().values, x.flatten().sort().values)


def test_channels_lie_innermost_only_where_it_is_faster() -> None:
    x = torch.rand(2, 3, 8, 8)
    assert innermost(x) is x
    with torch.autocast("cpu", torch.bfloat16):
        assert innermost(x).is_contiguous(memory_format=torch.channels_last)
        assert innermost(torch.rand(2, 3, 4, 8, 8)).is_contiguous(memory_format=torch.channels_last_3d)
        assert innermost(torch.rand(2, 3, 8)).is_contiguous()


class Pair(torch.nn.Module):
    """Gives two tensors, and is told what is real."""

    masked = True

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        return (x if mask is None else x * mask), x[..., :1]


def test_members_take_masks_and_several_tensors() -> None:
    many, x = Members(Pair, 3), torch.rand(3, 4, 5)
    mask = x > 0.5
    whole, first = many(x, mask)
    assert many.masked
    assert torch.equal(whole, x * mask)
    assert torch.equal(first, x[..., :1])
    twice = Members(Sum, 3)
    assert not twice.masked
    assert torch.equal(twice((x, x)), 2 * x)


class Sum(torch.nn.Module):
    """Takes two tensors."""

    def forward(self, both: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return both[0] + both[1]
