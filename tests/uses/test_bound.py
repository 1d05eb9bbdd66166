"""A hard bound: no number comes back further off, whatever the network knows; and it costs less the more it knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hourglass import Autoencoder
from hourglass.errors import BadData, BadOption, DamagedFile, HourglassError


def rows(count: int = 800, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    chance = np.random.default_rng(seed)
    X = chance.normal(size=(count, 2)) @ np.random.default_rng(7).normal(size=(2, 6)) + 0.02 * chance.normal(size=(count, 6))
    return (X * [1, 10, 100, 1, 1, 0.01] + [0, 5, -300, 0, 0, 2]).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    return Autoencoder(code_size=2, epochs=60, random_state=0).fit(rows())


@pytest.mark.parametrize("bound", [0.5, 0.1, 0.01, 0.001])
def test_no_number_is_further_off(model: Autoencoder, bound: float) -> None:
    X = rows(500, 1)
    X[3] *= 50  # far from anything that was learned
    for quality in (20, 90):
        data = model.compress(X, quality=quality, max_error=bound)
        off = np.abs(np.asarray(model.decompress(data), np.float64) - X) / rows().std(0)
        assert off.max() <= bound * 1.02  # the training rows' own spread, which the test only knows roughly
        assert off.max() > 0.3 * bound  # no more is stored than was asked for


def test_a_network_that_knows_the_data_needs_fewer_bytes(model: Autoencoder) -> None:
    X = rows(2000, 2)
    strange = Autoencoder(code_size=2, epochs=1, random_state=0).fit(
        np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32) * X.std(0)
    )
    known, unknown = (len(each.compress(X, max_error=0.05)) for each in (model, strange))
    assert known < 0.8 * unknown
    assert known < len(model.compress(X, max_error=0.005)) < X.nbytes
    assert len(model.compress(X)) < known


def test_types_missing_values_and_categories() -> None:
    chance = np.random.default_rng(0)
    frame = pd.DataFrame({"amount": np.round(chance.gamma(2, 50, 400), 2), "count": chance.poisson(5, 400)})
    frame["shop"] = np.where(frame["count"] > 5, "food", "shoes")
    frame.loc[::7, "amount"] = np.nan
    fitted = Autoencoder(code_size=2, epochs=10, random_state=0).fit(frame)
    for bound in (0.01, 0.3):
        back = fitted.decompress(fitted.compress(frame, max_error=bound))
        assert back["shop"].tolist() == frame["shop"].tolist()
        assert back["amount"].isna().tolist() == frame["amount"].isna().tolist()
        assert float((back["amount"] - frame["amount"]).abs().max()) <= bound * float(frame["amount"].std()) * 1.01
        assert float((back["count"] - frame["count"]).abs().max()) <= bound * float(frame["count"].std()) * 1.01
    assert (back["count"] == frame["count"]).mean() > 0.2
    exact = fitted.decompress(fitted.compress(frame, max_error=0.01))
    assert exact["count"].tolist() == frame["count"].tolist()


def test_series_and_pictures() -> None:
    wave = np.sin(np.arange(1200) / 7)[:, None] * [1.0, 4.0] + 0.1 * np.random.default_rng(0).normal(size=(1200, 2))
    fitted = Autoencoder(kind="series", code_size=4, epochs=3, random_state=0).fit(wave)
    back = np.asarray(fitted.decompress(fitted.compress(wave, max_error=0.02)))
    assert (np.abs(back - wave) / wave.std(0)).max() <= 0.021
    pictures = np.random.default_rng(0).integers(0, 255, (60, 8, 8, 1)).astype(np.uint8)
    seen = Autoencoder(code_size=4, epochs=2, random_state=0).fit(pictures)
    back = np.asarray(seen.decompress(seen.compress(pictures, max_error=2 / 255)))
    assert np.abs(back.astype(int).reshape(pictures.shape) - pictures).max() <= 2


@pytest.mark.parametrize("bound", [0, -1, float("inf"), float("nan"), "small", True])
def test_bounds_that_cannot_be_meant(model: Autoencoder, bound: object) -> None:
    with pytest.raises(BadOption, match="max_error"):
        model.compress(rows(20), max_error=bound)  # type: ignore[arg-type]


def test_data_too_far_away_and_texts(model: Autoencoder) -> None:
    with pytest.raises(BadOption, match="too small for these data"):
        model.compress(rows(20) * 1e6, max_error=1e-6)
    texts = Autoencoder(code_size=4, epochs=1, random_state=0).fit(["emma", "olivia", "ava", "mia"] * 10)
    with pytest.raises(BadOption, match="max_error is for numbers"):
        texts.compress(["emma"], max_error=0.1)


def test_damage_is_found(model: Autoencoder, tmp_path: Path) -> None:
    data = bytearray(model.compress(rows(300), max_error=0.01))
    whole = model.decompress(bytes(data))
    chance = np.random.default_rng(0)
    for _ in range(60):
        wrong = bytearray(data)
        wrong[chance.integers(len(wrong))] ^= int(chance.integers(1, 256))
        try:
            assert np.array_equal(model.decompress(bytes(wrong)), whole)
        except (DamagedFile, BadData, HourglassError):
            continue
    (tmp_path / "x.hgz").write_bytes(bytes(data[: len(data) // 2]))
    with pytest.raises(DamagedFile):
        model.decompress(tmp_path / "x.hgz")
