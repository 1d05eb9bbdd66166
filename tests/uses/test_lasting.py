"""Thresholds of series: windows that overlap are no independent witnesses, and false alarms stay near the rate asked for."""

from __future__ import annotations

import numpy as np
import pytest

from hourglass import Autoencoder
from hourglass.batches import held_out_rows
from hourglass.kinds import series
from hourglass.parts import Cut
from hourglass.uses import lasting
from hourglass.uses.rates import note


def wandering(rows: int, seed: int) -> np.ndarray:
    """Two sensors that swing, and wander as an autoregressive process does."""
    draw, t = np.random.default_rng(seed), np.arange(rows)
    off = np.zeros((rows, 2))
    for at in range(1, rows):
        off[at] = 0.9 * off[at - 1] + 0.3 * draw.normal(size=2)
    return (np.stack([np.sin(t / 9), np.cos(t / 9)], 1) + 0.3 * off + 0.1 * draw.normal(size=(rows, 2))).astype("float32")


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    return Autoencoder("detect", kind="series:window=32", epochs=15, random_state=0).fit(wandering(1500, 0))


def test_false_alarms_on_new_rows_stay_near_the_rate(model: Autoencoder) -> None:
    scores = -model.score_samples(wandering(3000, 1))
    for rate, most in ((0.1, 0.15), (0.05, 0.08), (0.01, 0.025)):
        assert float((scores > -model.set_params(false_alarms=rate).offset_).mean()) <= most
    model.set_params(false_alarms=0.01)
    assert len(model.explain(wandering(3000, 2), events=True)) <= 2


def test_a_threshold_from_the_training_windows_themselves_would_alarm_more(model: Autoencoder) -> None:
    """What the known scores are good for: residuals of members that saw a row are smaller than those of new rows."""
    chunk = series.read(wandering(1500, 0)).load(0)
    from hourglass.uses import detect

    seen = detect.scores(model.model_, series.cut(chunk, model.model_.facts)[0])
    assert float(model.model_.arrays["detect.scores"].quantile(0.9)) > float(seen.quantile(0.9))


def test_windows_that_overlap_count_once(model: Autoencoder) -> None:
    known = model.model_
    assert len(known.arrays["detect.scores"]) > 1000
    assert lasting.independent(known) == 1500 // 32
    assert lasting.steps(known) == 128
    assert "46 known scores" in note(known, 0.001)
    rows = np.random.default_rng(0).normal(size=(60, 3))
    table = Autoencoder(epochs=1, code_size=1, random_state=0).fit(rows).model_
    assert lasting.steps(table) == 0
    assert lasting.independent(table) == len(table.arrays["detect.scores"])
    assert "detect.lasting" not in table.arrays


def test_members_leave_out_neighbours() -> None:
    """Of windows, a share by chance would be no test: those beside it were seen."""
    chunk = series.read(wandering(600, 0)).load(0)
    facts = series.learn(series.read(wandering(600, 0)), window=16)
    cut: Cut = series.training(chunk, facts, np.random.default_rng(0))
    rows, _ = held_out_rows(cut.samples.count, 0, 4, cut)
    known = rows.flatten().unique()
    for own in rows:
        left = sorted(set(known.tolist()) - set(own.tolist()))
        assert left[-1] - left[0] + 1 == len(left)


def test_windows_of_detectors_are_longer() -> None:
    rows = wandering(800, 0)
    kept = {
        purpose: Autoencoder(purpose, kind="series", epochs=1, code_size=2, random_state=0).fit(rows) for purpose in ("embed", "detect")
    }
    assert kept["detect"].model_.facts["window"] == 64
    given = Autoencoder("detect", kind="series:least=32", epochs=1, code_size=2, random_state=0).fit(wandering(300, 0)).model_
    assert given.facts["window"] == 32


def test_what_is_far_out_is_told_apart(model: Autoencoder) -> None:
    """The network sees such values drawn in; a sensor twice as far off has four times the score."""
    near, far = wandering(200, 3), wandering(200, 3)
    near[:, 0] += 100
    far[:, 0] += 200
    scores = [-model.score_samples(rows).mean() for rows in (near, far)]
    assert scores[1] / scores[0] == pytest.approx(4, rel=0.2)
