"""Likelihood by importance sampling, against the likelihood that is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hourglass import Autoencoder
from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.uses.likelihood import applies, likelihood


@pytest.fixture(scope="module")
def linear() -> tuple[Autoencoder, np.ndarray]:  # type: ignore[type-arg]
    """Rows of a linear model of two hidden numbers, and a variational autoencoder without hidden layers: probabilistic PCA."""
    chance = np.random.default_rng(0)
    X = (chance.normal(size=(1500, 2)) @ chance.normal(size=(2, 6)) + 0.3 * chance.normal(size=(1500, 6))).astype(np.float32)
    model = Autoencoder("generate", network="dense:widths=[]", bottleneck="gaussian:free_bits=0", code_size=2, epochs=200, random_state=0)
    return model.fit(X[:1200]), X[1200:]


def exact(model: Model, batch: Batch) -> float:
    """The mean log-likelihood of rows under the linear decoder, in nats: a normal with the covariance W W' + noise."""
    with torch.no_grad():
        middle = model.decode(torch.zeros(1, 2))
        ways = torch.cat([model.decode(torch.eye(2)[i : i + 1]) - middle for i in range(2)])
        mean, W = model.loss.data(middle)[0], ways
        losses = model.loss(middle.expand(batch.count, -1), batch.x)
        one = model.loss(middle, middle)  # half the log-determinant of the noise and the constant
        shifted = middle.clone()
        noise = []
        for column in range(middle.shape[1]):
            moved = shifted.clone()
            moved[0, column] += 1
            noise.append(float(2 * (model.loss(middle, moved) - one)))
    precision = torch.tensor(noise).double()
    covariance = W.double().T @ W.double() + torch.diag(1 / precision)
    apart = (batch.x - mean).double()
    _, determinant = torch.linalg.slogdet(covariance)
    base = float(one) - 0.5 * float((math.log(2 * math.pi) - precision.log()).sum())  # what integrating over the resolution adds
    quadratic = (apart @ torch.linalg.inv(covariance) * apart).sum(1).mean()
    assert losses.isfinite().all()
    return -base - 0.5 * float(6 * math.log(2 * math.pi) + determinant + quadratic)


def test_it_is_the_likelihood_where_that_is_known(linear: tuple[Autoencoder, np.ndarray]) -> None:  # type: ignore[type-arg]
    model, rows = linear[0].model_, linear[1]
    from hourglass.kinds import table

    batch = table.to_tensor(rows, model.facts)
    batch = batch.with_x(batch.x.float())
    found = likelihood(model, batch, 500)
    truth = exact(model, batch)
    assert found.weighted == pytest.approx(truth, abs=0.02)
    assert found.bound <= found.weighted + 1e-3
    assert found.active == 2
    assert found.samples == len(rows)
    few = likelihood(model, batch, 1, seed=3)
    assert few.bound == pytest.approx(few.weighted, abs=1e-4)
    assert few.weighted < found.weighted + 0.05
    assert 0 < found.information <= found.divergence + 0.2


def test_an_untrained_model_is_far_less_likely(linear: tuple[Autoencoder, np.ndarray]) -> None:  # type: ignore[type-arg]
    model = linear[0].model_
    batch = Batch(torch.randn(50, *model.shape, generator=torch.Generator().manual_seed(0)) * 3)
    assert likelihood(model, batch, 50).weighted < -20
    with torch.no_grad():
        wrong = model.to(torch.float32)
        for weights in wrong.encoder.parameters():
            weights.zero_()
    found = likelihood(wrong, batch, 20)
    assert found.active == 0
    assert found.information == pytest.approx(0, abs=1e-4)


def test_it_applies_to_variational_models_alone(linear: tuple[Autoencoder, np.ndarray]) -> None:  # type: ignore[type-arg]
    assert applies(linear[0].model_)
    X = linear[1]
    for settings in ({"bottleneck": "plain"}, {"bottleneck": "gaussian", "members": 2}):
        assert not applies(Autoencoder(code_size=2, epochs=1, **settings).fit(X).model_)
    report = linear[0].report(X)
    assert report.measures["likelihood"]["draws"] == 200
    assert any(verdict.name == "likelihood" for verdict in report.verdicts)
