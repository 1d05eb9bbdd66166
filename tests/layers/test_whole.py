"""Networks in whole numbers: near to the same in floats, and refused where they could be inexact."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hourglass.errors import BadFile
from hourglass.layers.whole import MOST, ONE, Layer, Neighbours, apart, gathered, leaky


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_layers_do_what_convolutions_do() -> None:
    weight, bias, x = numbers(5, 7), numbers(5), numbers(6, 4, 7)
    exact = Layer(weight, bias)((x * ONE).round()) / ONE
    assert torch.allclose(exact, x @ weight.t() + bias, atol=3 / ONE)
    around, picture = numbers(7, 1, 3, 3), x.movedim(-1, 0)[None]
    expected = nn.functional.conv2d(picture, around, numbers(7), padding=1, groups=7)[0].movedim(0, -1)
    assert torch.allclose(Neighbours(around, numbers(7))((x * ONE).round()) / ONE, expected, atol=5 / ONE)
    wide = numbers(5, 7, 3, 3)
    assert torch.allclose(gathered(x) @ wide.flatten(1).t(), nn.functional.conv2d(picture, wide, padding=1)[0].movedim(0, -1))
    four = numbers(3, 2, 8)
    assert torch.equal(apart(four), nn.functional.pixel_shuffle(four.movedim(-1, 0), 2).movedim(0, -1))
    assert torch.allclose(leaky((x * ONE).round()) / ONE, nn.functional.leaky_relu(x, 0.1), atol=2 / ONE)


def test_sums_do_not_depend_on_their_order() -> None:
    weight, x = numbers(4, 300), (numbers(50, 300) * 1000 * ONE).round().clamp(-MOST, MOST)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(1))
    one = Layer(weight, numbers(4))
    other = Layer(weight[:, order] if one.shift == Layer(weight[:, order], numbers(4)).shift else weight, numbers(4))
    assert torch.equal(one(x), other(x[:, order]))


def test_weights_that_could_pass_the_bound_are_refused() -> None:
    with pytest.raises(BadFile, match="too large"):
        Layer(torch.ones(1, 1 << 15), torch.zeros(1))
    with pytest.raises(BadFile, match="not finite"):
        Layer(torch.full((1, 2), float("nan")), torch.zeros(1))
