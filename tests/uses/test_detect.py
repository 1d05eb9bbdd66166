"""Scores, p-values and thresholds of a trained model, on tensors."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from hourglass import Autoencoder
from hourglass.batches import held_out_rows, sampled
from hourglass.model import Model
from hourglass.parts import Batch, find
from hourglass.uses import detect, embed, generate
from hourglass.uses.passes import in_chunks


def rows(count: int, seed: int) -> np.ndarray:
    plane = np.random.default_rng(99).normal(size=(2, 6))
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, 2)) @ plane + 0.1 * random.normal(size=(count, 6))).astype("float32")


@pytest.fixture(scope="module", params=[1, 3], ids=["one", "members"])
def model(request: pytest.FixtureRequest) -> Model:
    return Autoencoder(code_size=2, epochs=40, members=request.param, random_state=0).fit(rows(2000, 0)).model_


def batch(model: Model, count: int = 500, seed: int = 5) -> Batch:
    return find("kinds", "table").to_tensor(rows(count, seed), model.facts)


def test_the_usual_score_is_one(model: Model) -> None:
    assert float(detect.scores(model, batch(model, count=4000)).mean()) == pytest.approx(1, abs=0.3)
    assert float(model.arrays["detect.scores"].mean()) == pytest.approx(1, abs=0.05)


def test_scores_are_the_mean_of_residuals_over_real_elements(model: Model) -> None:
    x = batch(model)
    torch.testing.assert_close(detect.scores(model, x), detect.residuals(model, x).mean(1), rtol=1e-4, atol=1e-5)
    mask = torch.rand(x.x.shape, generator=torch.Generator().manual_seed(0)) < 0.7
    holes = Batch(x.x * mask, mask)
    torch.testing.assert_close(
        detect.scores(model, holes), detect.residuals(model, holes).sum(1) / mask.sum(1).clamp_min(1), rtol=1e-4, atol=1e-5
    )


def test_p_values_of_normal_samples_are_uniform(model: Model) -> None:
    p = detect.p_values(model, detect.scores(model, batch(model, count=4000)))
    assert float(p.min()) > 0
    assert float(p.max()) <= 1
    for share in (0.1, 0.3, 0.5, 0.8):
        assert float((p <= share).float().mean()) == pytest.approx(share, abs=0.12)
    assert float(detect.p_values(model, torch.tensor([1e9]))) == pytest.approx(1 / (len(model.arrays["detect.scores"]) + 1))


def test_thresholds_fall_as_more_alarms_are_allowed(model: Model) -> None:
    found = [detect.threshold(model, share) for share in (0.0, 0.01, 0.1, 0.5, 1.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] > float(model.arrays["detect.scores"].max())


def test_chunks_change_nothing(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    x = Batch(batch(model, count=300).x.double())
    exact = model.double()
    whole = [detect.scores(exact, x), embed.codes(exact, x), embed.rebuilt(exact, x)]
    monkeypatch.setattr("hourglass.uses.passes.NUMBERS", 7 * 6)
    parts = [detect.scores(exact, x), embed.codes(exact, x), embed.rebuilt(exact, x)]
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)
    assert not in_chunks(lambda part: part.x.requires_grad_(False), x).requires_grad


def test_codes_decode_to_what_the_first_member_rebuilds(model: Model) -> None:
    x = batch(model, count=20)
    back = embed.decoded(model, embed.codes(model, x))
    assert back.shape == x.x.shape
    if model.members == 1:
        torch.testing.assert_close(back, embed.rebuilt(model, x))


def test_new_samples_look_like_the_data(model: Model) -> None:
    """Their covariance is that of the data, and they lie on the plane that the data lie on."""
    drawn = generate.sample(model, 3000, seed=1)
    values = find("kinds", "table").from_tensor(drawn, model.facts)
    real = rows(3000, 3)
    assert np.abs(np.cov(values.T) - np.cov(real.T)).max() < 0.3 * np.cov(real.T).max()
    assert torch.equal(drawn, generate.sample(model, 3000, seed=1))
    assert not torch.equal(drawn, generate.sample(model, 3000, seed=2))
    if model.members == 1:
        assert float(detect.scores(model, Batch(drawn)).mean()) < 1.5
        shuffled = torch.stack(
            [column[torch.randperm(3000, generator=torch.Generator().manual_seed(i))] for i, column in enumerate(drawn.T)]
        ).T
        assert float(detect.scores(model, Batch(shuffled)).mean()) > 5


def test_few_rows_do_not_make_many_false_alarms() -> None:
    """Ten held-out scores cannot show the worst of a hundred: their largest alone would let a tenth of all samples and more be alarms."""
    shares = [
        float((Autoencoder(code_size=2, epochs=60, random_state=k).fit(rows(100, k)).predict(rows(2000, 77)) == -1).mean())
        for k in range(4)
    ]
    assert np.mean(shares) < 0.06, shares


def curved(count: int, seed: int) -> np.ndarray:
    """Rows near a curved line in six columns."""
    random = np.random.default_rng(seed)
    angle = random.uniform(0, 3, count)
    return (np.stack([np.sin((k + 1) * angle) for k in range(6)], 1) + 0.1 * random.normal(size=(count, 6))).astype("float32")


@pytest.fixture(scope="module")
def detector() -> Autoencoder:
    return Autoencoder(purpose="detect", epochs=20, random_state=0).fit(curved(1500, 0))


def alarms(model: Model, normal: np.ndarray, rate: float) -> float:
    p = detect.p_values(model, detect.scores(model, find("kinds", "table").to_tensor(normal, model.facts)))
    return float((p <= rate).double().mean())


def test_false_alarms_are_as_many_as_were_asked_for(detector: Autoencoder) -> None:
    """The known scores are of rows that the members asked never saw: those of rows that they saw would be too low."""
    normal = curved(4000, 1)
    for rate in (0.1, 0.05, 0.01):
        assert rate / 1.5 < alarms(detector.model_, normal, rate) < 1.5 * rate
        detector.set_params(false_alarms=rate)
        assert rate / 1.6 < float((detector.predict(normal) == -1).mean()) < 1.6 * rate
    model = copy.copy(detector.model_)
    model.arrays = detector.model_.arrays | {"detect.scores": detector.model_.arrays["detect.scores"] / 2}
    assert alarms(model, normal, 0.01) > 0.1  # the test tells a wrong calibration


def test_neighbours_and_residuals_find_what_columns_alone_hide(detector: Autoencoder) -> None:
    normal = curved(500, 2)
    random = np.random.default_rng(3)
    odd = np.stack([random.permutation(column) for column in normal.T], 1)  # every value ordinary by itself
    area = roc_auc_score(np.repeat([0, 1], 500), -detector.score_samples(np.concatenate([normal, odd])))
    assert area > 0.93
    untrained = Autoencoder(purpose="detect", epochs=1, learning_rate=1e-12, random_state=0).fit(curved(1500, 0))
    x = find("kinds", "table").to_tensor(np.concatenate([normal, odd]), untrained.model_.facts)
    residual = [detect.residuals(model.model_, x).mean(1) for model in (detector, untrained)]
    areas = [roc_auc_score(np.repeat([0, 1], 500), each) for each in residual]
    assert areas[0] > areas[1] + 0.05  # a network that learned nothing finds less


def test_shares_add_up_to_what_the_score_is_made_of(detector: Autoencoder) -> None:
    model = detector.model_
    x = find("kinds", "table").to_tensor(curved(50, 4), model.facts)
    x.x[7, 2] = 9.0
    shares = detect.shares(model, x)
    assert int(shares[7].argmax()) == 2
    order = [shares.sum(1).argsort(), detect.scores(model, x).argsort()]
    assert len(set(order[0][-10:].tolist()) & set(order[1][-10:].tolist())) >= 7


def test_every_row_has_a_member_that_never_saw_it() -> None:
    for count in (2, 3, 5, 8, 103):
        rows, held = held_out_rows(count, 0, 4)
        chosen, seen = sampled(rows, 10**6, 0)
        assert seen is not None
        assert len(chosen) + len(held) == count
        assert not seen.all(0).any()
        assert seen.sum(1).unique().numel() == 1


def test_a_missing_value_does_not_count_and_a_row_of_nothing_is_unusual() -> None:
    x = curved(400, 5)
    x[::7, 1] = np.nan
    model = Autoencoder(purpose="detect", epochs=10, random_state=0).fit(x)
    asked = curved(60, 6)
    asked[0], asked[1, 3] = np.nan, np.nan
    found = model.explain(asked)
    scores = found["score"].to_numpy()
    assert scores.argmax() == 0
    assert np.isfinite(scores).all()
    assert scores[1] < 3
    assert found["p_value"][0].as_py() < 0.01


@pytest.mark.filterwarnings("ignore:constant")
@pytest.mark.parametrize("count", [3, 6, 20])
def test_few_rows_constant_columns_and_equal_rows_are_taken(count: int) -> None:
    x = curved(count, 7)
    x[:, 2] = 5
    for rows_ in (x, np.ones((count, 3), "float32")):
        model = Autoencoder(purpose="detect", epochs=2, random_state=0).fit(rows_)
        assert np.isfinite(model.score_samples(rows_)).all()
        assert set(model.predict(rows_)) <= {-1, 1}


def test_anomalies_in_the_training_data_do_not_hide_their_like() -> None:
    normal, random = curved(800, 8), np.random.default_rng(9)
    odd = np.stack([random.permutation(column) for column in curved(40, 10).T], 1) * 1.5
    x = np.concatenate([normal, odd])
    model = Autoencoder(purpose="detect", anomalies=0.05, epochs=10, random_state=0).fit(x)
    assert roc_auc_score(np.repeat([0, 1], [800, 40]), -model.score_samples(x)) > 0.9
    assert len(model.model_.arrays["detect.scores"]) <= 0.951 * len(x)
