"""The share of false discoveries is kept, and what known scores cannot bear is said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from hourglass import Autoencoder, load
from hourglass.errors import BadOption
from hourglass.uses import detect, rates

SHARE, NORMAL, ODD = 0.1, 900, 100


def knowing(scores: np.ndarray) -> Any:
    """As much of a model as thresholds need."""
    return SimpleNamespace(facts={}, arrays={"detect.scores": torch.from_numpy(np.sort(scores))})


def draw(random: np.random.Generator) -> tuple[Any, np.ndarray]:
    """A model that knows 2,000 normal scores, and new ones: normal ones, then unusual ones."""
    new = np.concatenate([random.exponential(size=NORMAL), 5 + random.exponential(2, ODD)])
    return knowing(random.exponential(size=2000)), new


def p_of(model: Any, scores: np.ndarray) -> np.ndarray:
    return detect.p_values(model, torch.from_numpy(scores)).numpy()


@pytest.mark.filterwarnings("ignore:.*finds nothing")
def test_false_discoveries_keep_to_their_share() -> None:
    random, false, power, naive = np.random.default_rng(0), [], [], []
    for _ in range(150):
        model, new = draw(random)
        p = p_of(model, new)
        found = new > rates.controlled(model, p, SHARE).threshold
        false.append(found[:NORMAL].sum() / max(1, found.sum()))
        power.append(found[NORMAL:].mean())
        naive.append((p[:NORMAL] <= SHARE).sum() / (p <= SHARE).sum())
    assert 0.06 < np.mean(false) <= SHARE, np.mean(false)  # 0.09 by theory
    assert np.mean(power) > 0.6
    assert np.mean(naive) > 0.3  # rows with a p-value below the share alone would be wrong: the test sees it


def test_it_is_the_rule_of_benjamini_and_hochberg() -> None:
    model, new = draw(np.random.default_rng(1))
    p = p_of(model, new)
    control = rates.controlled(model, p, SHARE)
    order = np.sort(p)
    most = np.flatnonzero(order <= SHARE * np.arange(1, len(p) + 1) / len(p)).max()
    assert ((new > control.threshold) == (p <= order[most])).all()
    q = control.q[np.rint(p * 2001).astype(int)]
    assert ((q <= SHARE) == (new > control.threshold)).all()
    assert (np.diff(q[np.argsort(p)]) >= 0).all()


@pytest.mark.filterwarnings("ignore:.*finds nothing")
def test_nothing_is_found_among_normal_rows_and_everything_among_odd_ones() -> None:
    random = np.random.default_rng(2)
    model = knowing(random.exponential(size=2000))
    some = [bool(rates.controlled(model, p_of(model, random.exponential(size=300)), SHARE).threshold < 1e9) for _ in range(100)]
    assert np.mean(some) <= 0.18  # each of them is a false discovery
    assert rates.controlled(model, np.full(10, 1 / 2001), SHARE).threshold == float(model.arrays["detect.scores"][-1])
    assert rates.controlled(model, np.ones(4), 0.999).threshold > float(model.arrays["detect.scores"][-1])


def test_what_known_scores_cannot_bear_is_said() -> None:
    model = knowing(np.arange(1.0, 51.0))
    with pytest.warns(UserWarning, match="3 of 1,000 rows stand out from all 50 known scores, but it would take 197 of them"):
        rates.controlled(model, np.r_[np.full(3, 1 / 51), np.full(997, 0.6)], SHARE)
    with pytest.warns(UserWarning, match="50 known scores are too few for any"):
        rates.controlled(model, np.full(5, 1 / 51), 0.001)
    assert "50 known scores cannot tell where one false alarm in 1,000 normal rows would be" in rates.note(model, 0.001)
    assert not rates.note(model, 0.02)
    for share in (0, 1, -0.1, True, "much"):
        with pytest.raises(BadOption, match="false_discoveries="):
            rates.controlled(model, np.ones(3), share)  # type: ignore[arg-type]


def test_predict_and_explain_agree(tmp_path: Any) -> None:
    random = np.random.default_rng(3)
    plane = random.normal(size=(2, 5))

    def rows(count: int) -> np.ndarray:
        return (random.normal(size=(count, 2)) @ plane + 0.1 * random.normal(size=(count, 5))).astype("float32")

    model = Autoencoder("detect", epochs=15, random_state=0).fit(rows(1000))
    new = np.concatenate([rows(200), 3 * random.normal(size=(50, 5)).astype("float32")])
    found = model.predict(new, false_discoveries=SHARE) == -1
    assert found[200:].sum() > 30
    assert found[:200].sum() < 15
    table = model.explain(new, false_discoveries=SHARE)
    assert (table["anomaly"].to_numpy() == found).all()
    assert table.column_names == ["row", "score", "p_value", "q_value", "anomaly", "because"]
    assert ((table["q_value"].to_numpy() <= SHARE) == found).all()
    model.save(tmp_path / "m.hourglass")
    again = load(tmp_path / "m.hourglass")
    assert again.explain(new, false_discoveries=SHARE).equals(table)
    assert (again.score_samples(new) == model.score_samples(new)).all()
    assert model.explain(new).column_names == ["row", "score", "p_value", "anomaly", "because"]
