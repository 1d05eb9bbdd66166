"""Ordered codes: units sorted by how much they matter, and cut at any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hourglass import Autoencoder, load
from hourglass.bottlenecks.ordered import bottleneck
from hourglass.errors import BadOption

SIZES = (1, 2, 3, 4)


def table() -> NDArray[np.float32]:
    """Eight columns turned from four factors of falling spread."""
    generator = np.random.default_rng(0)
    turned, _ = np.linalg.qr(generator.normal(size=(8, 8)))
    return (generator.normal(size=(600, 4)) * [4, 3, 2, 1] @ turned[:4]).astype(np.float32)


def fitted(name: str) -> Autoencoder:
    """Without the linear path, whose start at PCA would sort any code."""
    return Autoencoder(
        kind="table", network="dense:widths=[32],beside=false", bottleneck=name, code_size=4, spoil="none", epochs=100, random_state=0
    ).fit(table())


def errors(model: Autoencoder) -> list[float]:
    """The squared error of codes cut at each size."""
    x, sizes = table(), []
    codes = torch.from_numpy(model.transform(x))
    for kept in SIZES:
        cut = bottleneck((4,)).at(codes, kept)
        sizes.append(float(((model.inverse_transform(cut.numpy()) - x) ** 2).sum(1).mean()))
    return sizes


def test_the_first_units_matter_most() -> None:
    model = fitted("ordered")
    sorted_errors, plain = errors(model), errors(fitted("plain"))
    gains = -np.diff(sorted_errors)
    assert (gains > 0).all()
    assert gains[0] > gains[-1]
    assert sorted_errors[0] < 0.7 * plain[0]  # a code that is not sorted falls apart when it is cut
    spread = model.transform(table()).var(0)
    assert spread[0] > spread[-1]


def test_a_model_stays_cut(tmp_path: Path) -> None:
    model = fitted("ordered")
    whole = model.transform(table()[:5])
    model.model_.bottleneck.cut(2)
    model.model_.train(False)
    model.save(tmp_path / "m.hourglass")
    codes = load(tmp_path / "m.hourglass").transform(table()[:5])
    assert (codes[:, 2:] == 0).all()
    np.testing.assert_array_equal(codes[:, :2], whole[:, :2])


def test_pictures_are_cut_by_channels() -> None:
    z = torch.ones(3, 4, 2, 2)
    module = bottleneck((4, 2, 2)).train(False)
    assert module.at(z, 3).sum((0, 2, 3)).tolist() == [12, 12, 12, 0]
    assert module.at(z, torch.tensor([1, 2, 4])).sum((1, 2, 3)).tolist() == [4, 8, 16]
    module.cut(1)
    assert module(z).z.sum() == 12


def test_small_codes_are_trained_more_often_and_whole_ones_always() -> None:
    module = bottleneck((8,), full=0.25).train()
    module.generator = torch.Generator().manual_seed(0)
    kept = (module(torch.ones(20_000, 8)).z != 0).sum(1)
    share = torch.bincount(kept, minlength=9) / 20_000
    assert share[0] == 0
    expected = 0.75 / torch.arange(1.0, 9.0) / (1 / torch.arange(1.0, 9.0)).sum()
    expected[-1] += 0.25
    torch.testing.assert_close(share[1:], expected, atol=0.015, rtol=0)


@pytest.mark.parametrize("kept", [0, 9, 2.0, True])
def test_cuts_that_cannot_be_are_refused(kept: object) -> None:
    with pytest.raises(BadOption, match="1 to 8"):
        bottleneck((8,)).cut(kept)


def test_a_share_is_below_one() -> None:
    with pytest.raises(BadOption, match="full"):
        bottleneck((8,), full=1)
