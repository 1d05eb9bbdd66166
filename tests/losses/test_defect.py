"""The loss of clean pictures and of where they were damaged: what it asks for, what it charges, who tells it what was damaged."""

from __future__ import annotations

import math

import pytest
import torch

from hourglass.judging import judge
from hourglass.losses import defect
from hourglass.model import Model, seeded
from hourglass.objectives import lowered
from hourglass.parts import Batch

FACTS = {"shape": [1, 8, 8], "fields": [["number", 0, 1]], "resolution": torch.full((1, 1, 1), 1 / 255)}


def model(members: int = 1) -> Model:
    settings = {"network": "unet:widths=[4,4],blocks=1,sight=light", "bottleneck": "plain", "loss": "defect", "code_size": 2}
    with seeded(0):
        return Model.build("image", FACTS, {**settings, "members": members})


def test_the_logit_costs_what_a_coin_of_its_odds_costs() -> None:
    loss = defect.loss(FACTS).train(False)
    clean = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    hurt = clean.clone()
    hurt[:, :, 2:4, 2:4] += 0.3
    output = torch.cat([clean, torch.full_like(clean, -defect.RARE)], 1)  # even odds
    whole, damaged = loss(output, clean), loss(output, clean, None, hurt)
    assert torch.allclose(whole, damaged)
    output[:, 1, 2:4, 2:4] += math.log(9)  # nine to one that these were damaged, which they were
    assert torch.allclose(damaged - loss(output, clean, None, hurt), torch.full((2,), 4 * math.log(0.9 / 0.5)), atol=1e-4)
    assert (loss(output, clean) > whole).all()
    assert torch.allclose(loss.damage(output)[:, :, 2:4, 2:4], torch.full((2, 1, 2, 2), math.log(9)), atol=1e-5)


def test_the_variance_is_that_of_damaged_places() -> None:
    loss = defect.loss(FACTS).train()
    clean = torch.full((4, 1, 8, 8), 0.5)
    given = clean.clone()
    given[:, :, :2] = 0.9
    mean = clean.clone()
    mean[:, :, :2] += 0.1
    loss(torch.cat([mean, clean], 1), clean, None, given)
    assert float(loss.variance.value) == pytest.approx(0.01, rel=1e-3)
    loss(torch.cat([mean, clean], 1), clean)  # nothing was damaged: then it is that of all, so that a network can be judged
    assert float(loss.variance.value) < 0.01


@pytest.mark.parametrize("members", [1, 2])
def test_training_and_judging_tell_it_what_was_damaged(members: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = model(members)
    x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    told: list[tuple[torch.Tensor, torch.Tensor]] = []
    errors = defect.Defect.errors

    def heard(self, output, target, mask=None, given=None):  # type: ignore[no-untyped-def]
        told.append((target, given))
        return errors(self, output, target, mask, given)

    monkeypatch.setattr(defect.Defect, "errors", heard)

    def spoil(batch: Batch) -> tuple[Batch, Batch]:
        return batch.with_x(torch.cat([batch.x[..., :4] + 1, batch.x[..., 4:]], -1)), batch

    lowered(made, spoil)(Batch(x), 0.0)
    judge(made, Batch(x), spoil)
    assert len(told) >= 3
    for target, given in told:
        assert given.shape == target.shape == (3 * members, 1, 8, 8)
        assert torch.allclose((given - target)[..., :4], torch.ones(()))
        assert torch.equal(given[..., 4:], target[..., 4:])
