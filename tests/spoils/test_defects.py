"""Painted-on defects: places that change, of many forms, and nothing else that does."""

from __future__ import annotations

import pytest
import torch
from scipy.ndimage import find_objects, label

from hourglass.errors import BadOption
from hourglass.spoils.defects import spoil


def pictures(count: int, channels: int = 1, side: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (0.4 + 0.03 * torch.randn(count, channels, side, side, generator=generator)).clamp(0, 1)


def damage(x: torch.Tensor, **options: float) -> torch.Tensor:
    return (spoil(x, torch.Generator().manual_seed(1), **options) != x).any(1)


@pytest.mark.parametrize("channels", [1, 3])
def test_places_are_damaged_and_most_of_a_picture_is_not(channels: int) -> None:
    hurt = damage(pictures(200, channels), share=1.0)
    shares = hurt.flatten(1).float().mean(1)
    assert (shares > 0).float().mean() > 0.9
    assert 0.005 < shares.mean() < 0.15
    assert 0.3 < damage(pictures(400), share=0.5).flatten(1).any(1).float().mean() < 0.7
    assert not damage(pictures(20), share=0.0).any()


def test_forms_are_many_dark_and_bright_long_and_round() -> None:
    x = pictures(200)
    spoiled = spoil(x, torch.Generator().manual_seed(1), share=1.0)
    ratios, sizes, changes = [], [], []
    for before, after in zip(x[:, 0], spoiled[:, 0], strict=True):
        marks, _ = label((before != after).numpy())
        largest = max(find_objects(marks), key=lambda place: (marks[place] > 0).sum(), default=None)
        if largest is not None:
            sides = sorted(side.stop - side.start for side in largest)
            ratios.append(sides[1] / sides[0])
            sizes.append(int((marks[largest] > 0).sum()))
            changes.append(float((after - before).sum()))
    assert min(sizes) < 6
    assert max(sizes) > 300
    assert sum(ratio > 3 for ratio in ratios) > 10
    assert sum(ratio < 1.5 for ratio in ratios) > 50
    dark = sum(change < 0 for change in changes) / len(changes)
    assert 0.5 < dark < 0.8


def test_what_is_faint_in_one_picture_is_plain_in_a_quiet_one() -> None:
    loud, quiet = pictures(100), 0.4 + 0.1 * (pictures(100) - 0.4)
    change = [(spoil(x, torch.Generator().manual_seed(2), share=1.0) - x).abs().flatten(1).amax(1).median() for x in (loud, quiet)]
    assert change[0] > 4 * change[1]


def test_defects_in_shadow_are_as_plain_as_in_light() -> None:
    x = pictures(100)
    change = [
        ((spoil(lit, torch.Generator().manual_seed(2), share=1.0) - lit).abs() / lit).flatten(1).amax(1).median() for lit in (x, x / 2)
    ]
    assert change[1] == pytest.approx(float(change[0]), rel=0.2)


def test_members_and_range_are_kept() -> None:
    x = torch.stack([pictures(4), pictures(4)])
    spoiled = spoil(x, torch.Generator().manual_seed(0), share=1.0)
    assert spoiled.shape == x.shape
    assert not torch.equal(spoiled[0], spoiled[1])
    assert 0 <= spoiled.min() <= spoiled.max() <= 1


def test_only_pictures_have_places() -> None:
    with pytest.raises(BadOption, match="for pictures"):
        spoil(torch.rand(4, 8), torch.Generator())
