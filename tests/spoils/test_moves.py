"""Small moves, which the target makes too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hourglass import Autoencoder
from hourglass.batches import Memory
from hourglass.errors import BadOption
from hourglass.objectives import changer, moved, spoiler
from hourglass.parts import Batch
from hourglass.spoils import moves


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dot(row: int = 8, column: int = 8) -> torch.Tensor:
    x = torch.zeros(50, 1, 17, 17)
    x[:, :, row - 1 : row + 2, column - 1 : column + 2] = 1.0
    return x


def centre(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    at = torch.arange(17.0)
    total = x.sum((1, 2, 3))
    return (x.sum((1, 3)) @ at) / total, (x.sum((1, 2)) @ at) / total


def test_nothing_moves_where_nothing_may() -> None:
    x = torch.rand(5, 3, 9, 12, generator=drawn())
    assert torch.allclose(moves.spoil(x, drawn(), shift=0, turn=0, scale=0), x, atol=1e-5)


def test_pictures_move_by_so_many_pixels_each_by_itself() -> None:
    down, right = centre(moves.spoil(dot(), drawn(), shift=3, turn=0, scale=0))
    assert (down - 8).abs().max() <= 3.01
    assert (right - 8).abs().max() > 2
    assert down.std() > 1


def test_frames_of_a_video_move_together() -> None:
    video = dot()[:, :, None].repeat(1, 3, 4, 1, 1)  # (B, C, T, H, W)
    changed = moves.spoil(video, drawn())
    assert torch.equal(changed[:, 0, 0], changed[:, 2, 3])
    assert not torch.equal(changed[0], changed[1])


def test_a_mirror_turns_half() -> None:
    sides = centre(moves.spoil(dot(column=3), drawn(), shift=0, turn=0, scale=0, flip=True))[1]
    assert 10 < int((sides > 8).sum()) < 40


def test_the_target_moves_too_and_held_out_samples_stay() -> None:
    samples = Batch(dot())
    data = moved(Memory(samples, torch.arange(50)[None], 10, 0), "moves:3", (1, 17, 17), 0)
    batches = list(data.batches(0))
    assert len(batches) == data.steps() == 5
    assert not torch.equal(batches[0].x, dot()[:10])
    assert torch.equal(batches[3].x, next(data.batches(0, 3)).x)  # going on in the middle of an epoch
    assert not torch.equal(batches[0].x, next(data.batches(1)).x)
    assert torch.equal(spoiler("moves", drawn())(samples)[0].x, samples.x)


def test_tables_do_not_move() -> None:
    with pytest.raises(BadOption, match="pictures and videos"):
        Autoencoder(spoil="moves", code_size=2, epochs=1).fit(np.random.default_rng(0).normal(size=(60, 5)))


def test_few_pictures_are_learned_better_with_moves() -> None:
    """Held-out blobs at many places, from few examples: without moves these are learned by heart."""
    draw = np.random.default_rng(0)
    at = np.arange(20)
    place = draw.uniform(5, 14, (120, 2))
    blobs = np.exp(-((at[:, None] - place[:, :1, None]) ** 2 + (at[None] - place[:, 1, None, None]) ** 2) / 8)
    pictures = (255 * blobs).astype(np.uint8)
    options = {"network": "dense:widths=[64],activation=silu", "code_size": 3, "epochs": 1500, "random_state": 0}
    errors = [
        np.square(Autoencoder(spoil=spoil, **options).fit(pictures[:40]).reconstruct(pictures[40:]).astype(float) - pictures[40:]).mean()
        for spoil in ("none", "moves:1.5,turn=0,scale=0")
    ]
    assert errors[1] < 0.6 * errors[0]


def test_back_asks_for_the_picture_as_it_was() -> None:
    x = dot()
    memory = Memory(Batch(x), torch.arange(50)[None], 10, 0)
    text = "moves:shift=3,turn=0,scale=0,back=true"
    assert moved(memory, text, x.shape[1:], 0) is memory
    shown, asked = spoiler(text, drawn())(Batch(x))
    assert torch.equal(asked.x, x)
    down, _ = centre(shown.x)
    assert (down - 8).abs().max() > 1
    with pytest.raises(BadOption, match="back"):
        moves.spoil(x, drawn(), back=3)  # type: ignore[arg-type]


def test_a_change_of_batches_alone() -> None:
    x = dot()
    changed = changer("moves:shift=3", drawn())(Batch(x, torch.ones_like(x, dtype=torch.bool)))
    assert changed.mask is not None
    assert not torch.equal(changed.x, x)
    assert changer("neighbours", drawn())(Batch(torch.rand(2, 1, 8, 8))).x.shape[:2] == (2, 1)
