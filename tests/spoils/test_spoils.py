"""Spoils do what they say, in the right amount, by the given generator alone."""

from __future__ import annotations

import pytest
import torch

from hourglass.errors import BadOption
from hourglass.parts import options_of
from hourglass.spoils import draws, mask, noise, patches, specks

TABLE, MEMBERS = torch.ones(200, 30), torch.ones(3, 100, 20)
PICTURES, MEMBER_PICTURES = torch.full((20, 3, 16, 16), 0.5), torch.full((2, 10, 3, 16, 16), 0.5)


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("module", [noise, mask, patches, specks])
@pytest.mark.parametrize("x", [TABLE, MEMBERS, PICTURES, MEMBER_PICTURES], ids=["table", "members", "pictures", "member pictures"])
def test_a_new_tensor_by_the_generator_alone(module, x):
    if module is patches and x.dim() < 4:
        with pytest.raises(BadOption, match="for tables and series use mask"):
            module.spoil(x, drawn())
        return
    before, state = x.clone(), torch.random.get_rng_state()
    first, second, other = module.spoil(x, drawn()), module.spoil(x, drawn()), module.spoil(x, drawn(1))
    assert first.shape == x.shape
    assert first.dtype == x.dtype
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(x, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.equal(first[0], first[1])
    assert module.spoil(x.double(), drawn()).dtype == torch.float64


def test_first_options():
    assert [options_of(module.spoil)[0] for module in (noise, mask, patches, specks)] == ["sigma", "share", "share", "share"]


def test_noise_has_its_level():
    added = noise.spoil(TABLE, drawn(), sigma=0.3) - TABLE
    assert added.std() == pytest.approx(0.3, rel=0.05)
    assert added.mean().abs() < 0.02
    assert torch.equal(noise.spoil(TABLE, drawn(), sigma=0), TABLE)


@pytest.mark.parametrize(
    "x", [torch.zeros(300, 400), torch.zeros(2, 150, 400), torch.zeros(300, 1, 20, 20), torch.zeros(2, 150, 1, 20, 20)]
)
def test_noise_levels_per_sample(x):
    made = noise.spoil(x, drawn(), log_uniform=[0.01, 1.0])
    rows = made.flatten(0, 1) if x.dim() in (3, 5) else made
    levels = rows.flatten(1).std(1)
    assert 0.008 < levels.min() < 0.015
    assert 0.8 < levels.max() < 1.2
    assert levels.log10().mean() == pytest.approx(-1, abs=0.1)


def test_mask_takes_its_share():
    assert (mask.spoil(TABLE, drawn(), share=0.25) == 0).float().mean() == pytest.approx(0.25, abs=0.02)
    assert (mask.spoil(torch.full((50, 40), 7), drawn(), share=0.5) == 0).float().mean() == pytest.approx(0.5, abs=0.05)


def test_patches_are_squares_in_all_channels():
    hidden = patches.spoil(PICTURES, drawn(), share=0.75, size=4) == 0
    assert (hidden == hidden[:, :1]).all()
    blocks = hidden[:, 0].unfold(1, 4, 4).unfold(2, 4, 4).float().mean((-1, -2))
    assert set(blocks.unique().tolist()) == {0.0, 1.0}
    assert (blocks.flatten(1).sum(1) == 12).all()
    assert patches.spoil(torch.ones(2, 1, 10, 7), drawn(), size=4).shape == (2, 1, 10, 7)


def test_specks_are_salt_and_pepper():
    made = specks.spoil(PICTURES, drawn(), share=0.2)
    changed = made != PICTURES
    assert (changed == changed[:, :1]).all()
    assert set(made.unique().tolist()) == {0.0, 0.5, 1.0}
    assert changed.float().mean() == pytest.approx(0.2, abs=0.02)
    assert made[changed].mean() == pytest.approx(0.5, abs=0.05)
    assert set(specks.spoil(TABLE, drawn()).unique().tolist()) == {-3.0, 1.0, 3.0}


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (mask, {"share": 1.5}),
        (specks, {"share": -0.1}),
        (patches, {"share": "half"}),
        (patches, {"size": 0}),
        (noise, {"sigma": -1.0}),
        (noise, {"log_uniform": [0.0, 1.0]}),
        (noise, {"log_uniform": 0.3}),
    ],
)
def test_bad_options(module, options):
    with pytest.raises(BadOption, match=next(iter(options))):
        module.spoil(PICTURES, drawn(), **options)


def test_noise_is_for_numbers():
    with pytest.raises(BadOption, match="use mask"):
        noise.spoil(torch.zeros(2, 3, dtype=torch.int64), drawn())


def test_grey_values_are_drawn_as_probabilities() -> None:
    x = torch.full((1, 1, 200, 200), 0.3)
    drawn = draws.spoil(x, torch.Generator().manual_seed(0))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert abs(float(drawn.mean()) - 0.3) < 0.01
    assert not torch.equal(drawn, draws.spoil(x, torch.Generator().manual_seed(1)))
    with pytest.raises(BadOption, match="is for pictures"):
        draws.spoil(torch.zeros(2, 3), torch.Generator())
