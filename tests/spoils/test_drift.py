"""Windows at levels that were never recorded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hourglass import Autoencoder
from hourglass.batches import Memory
from hourglass.errors import BadOption
from hourglass.layers.principal import principal
from hourglass.objectives import moved
from hourglass.parts import Batch
from hourglass.spoils import drift


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_share_moves_as_a_whole_and_each_sensor_by_itself() -> None:
    x = torch.randn(400, 2, 16, generator=drawn())
    changed = drift.spoil(x, drawn(), stretch=0.0, share=0.25)
    away = changed - x
    assert torch.allclose(away, away[..., :1].expand_as(away), atol=1e-5)
    still = (away == 0).all(2).all(1)
    assert 0.65 < float(still.float().mean()) < 0.85
    assert float((away[~still][:, 0, 0] - away[~still][:, 1, 0]).abs().min()) > 0
    assert float(away.abs().max()) > 2  # seldom, but then by much


def test_a_stretch_keeps_the_level() -> None:
    x = torch.randn(400, 1, 16, generator=drawn())
    changed = drift.spoil(x, drawn(), level=0.0, stretch=0.5, share=1.0)
    torch.testing.assert_close(changed.mean(2), x.mean(2), atol=1e-5, rtol=0)
    assert float((changed.std(2) / x.std(2)).log().std()) == pytest.approx(0.5, rel=0.2)


def test_holes_stay_empty() -> None:
    x = torch.ones(40, 1, 8)
    mask = torch.rand(x.shape, generator=drawn()) > 0.3
    data = moved(Memory(Batch(x * mask, mask), torch.arange(40)[None], 20, 0), "drift:share=1.0", (1, 8), 0)
    for batch in data.batches(0):
        assert batch.mask is not None
        assert not batch.x[~batch.mask].any()
        assert not torch.equal(batch.x[batch.mask], torch.ones(int(batch.mask.sum())))


@pytest.mark.parametrize("option", ["level=-1", "stretch=true", "share=2"])
def test_options_are_checked(option: str) -> None:
    name, _ = option.split("=")
    with pytest.raises(BadOption, match=name):
        Autoencoder(kind="series", spoil=f"drift:{option}", code_size=2, epochs=1).fit(np.zeros((60, 1)) + np.arange(60)[:, None])


def test_tables_do_not_drift() -> None:
    with pytest.raises(BadOption, match="series"):
        Autoencoder(spoil="drift", code_size=2, epochs=1).fit(np.random.default_rng(0).normal(size=(60, 5)))


def load_of_a_server(steps: int, level: float) -> NDArray[np.float32]:
    """Bursts above a level that sways a little."""
    draw = np.random.default_rng(int(level))
    bursts = np.maximum(0, np.sin(np.arange(steps) / 5 + np.cumsum(draw.normal(0, 0.05, steps)))) ** 3
    sway = 0.5 * np.sin(np.arange(steps) / 97)
    return (level + sway + bursts + 0.05 * draw.normal(size=steps)).astype("f4")[:, None]


def test_by_default_a_series_that_leaves_its_level_is_kept_better_than_by_pca() -> None:
    past, future = load_of_a_server(1500, 0), load_of_a_server(400, 4)  # four times as high as any burst, eight times the spread
    errors = {}
    for spoil in ("auto", "none"):
        model = Autoencoder(kind="series", spoil=spoil, code_size=4, epochs=40, random_state=0).fit(past)
        errors[spoil] = float(np.square(model.reconstruct(future) - future).mean())
    seen, later = (windows(rows, model.model_.shape[1]) for rows in (past, future))
    mean, rows = principal(seen, 4)
    away = later - mean
    assert errors["auto"] < 0.9 * float((away - away @ rows.T @ rows).square().mean())
    assert errors["auto"] < 0.7 * errors["none"]


def windows(rows: NDArray[np.float32], width: int) -> torch.Tensor:
    return torch.from_numpy(np.lib.stride_tricks.sliding_window_view(rows[:, 0], width).copy())
