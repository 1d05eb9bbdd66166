"""Scores, p-values and thresholds of a trained model, on tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hourglass import Autoencoder
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
