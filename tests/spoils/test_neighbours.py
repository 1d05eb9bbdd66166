"""Two noisy pictures of one: they show the same, and share no noise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.objectives import spoiler
from hourglass.parts import Batch
from hourglass.spoils.neighbours import spoil


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=drawn(9))


def together(one: Tensor, other: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])


@pytest.mark.parametrize("apart", [1, 2, 3])
@pytest.mark.parametrize("sides", [(16, 16), (17, 19)])
def test_pairs_share_what_is_shown_and_no_noise(apart: int, sides: tuple[int, int]) -> None:
    rows, columns = torch.meshgrid(torch.arange(sides[0]), torch.arange(sides[1]), indexing="ij")
    slope = (rows + columns)[None, None].expand(8, 2, -1, -1).float()
    shown, asked = spoil(slope, drawn(), apart=apart)
    assert shown.shape == asked.shape
    assert (shown - asked).abs().max() == apart  # one pixel beside, of those that are `apart`
    assert (shown - asked).abs().min() == apart
    assert abs(together(*spoil(noise(40, 1, *sides), drawn(), apart=apart))) < 0.1


def test_pairs_of_shared_noise_do_share_it_unless_they_are_far_enough_apart() -> None:
    white = noise(20, 1, 33, 33)
    shared = white[..., 1:, 1:] + white[..., :-1, 1:] + white[..., 1:, :-1] + white[..., :-1, :-1]
    assert together(*spoil(shared, drawn())) > 0.4
    assert abs(together(*spoil(shared, drawn(), apart=2))) < 0.1


def test_pictures_are_seen_mirrored_too() -> None:
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    directions = {bool(spoil(ramp, drawn(seed))[0][..., 0].mean() > 3) for seed in range(10)}
    assert directions == {True, False}


def test_what_is_asked_for_is_the_other_half() -> None:
    shown, asked = spoiler("neighbours", drawn())(Batch(noise(2, 1, 8, 8)))
    assert shown.x.shape == asked.x.shape == (2, 1, 4, 4)
    assert not torch.equal(shown.x, asked.x)


@pytest.mark.parametrize(
    ("x", "apart", "said"),
    [
        (torch.zeros(2, 5), 1, "for pictures"),
        (torch.zeros(1, 1, 3, 9), 2, "at least 4 x 4"),
        (torch.zeros(1, 1, 8, 8), 0, "apart=0"),
    ],
)
def test_what_cannot_be_meant(x: Tensor, apart: int, said: str) -> None:
    with pytest.raises(BadOption, match=said):
        spoil(x, drawn(), apart=apart)
