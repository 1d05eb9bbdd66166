"""Networks of known quality must get the report that they deserve."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pytest
import torch

from hourglass.errors import BadData
from hourglass.model import Model, seeded
from hourglass.parts import Batch
from hourglass.report.baselines import effective, principal, random_codes, ridge
from hourglass.report.measures import measure
from hourglass.report.page import page
from hourglass.report.passes import unlike
from hourglass.report.soundness import units
from hourglass.report.verdicts import Verdict, conclusion, verdicts


def judged(model: Model, training: Batch, held_out: Batch, **options: object) -> dict[str, Verdict]:
    return {verdict.name: verdict for verdict in verdicts(measure(model, training, held_out, **options))}


def test_untrained_is_bad(make):
    found = judged(make.build(), make.rows(400), make.rows(200, 1))
    assert found["untrained"].level == found["loses to PCA"].level == found["no better than random"].level == "bad"
    assert found["untrained"].advice
    assert "autoencoder that loses to PCA" in found["loses to PCA"].sentence


def test_copying_is_bad(make):
    found = judged(make.copying(), make.rows(400), make.rows(200, 1))
    assert found["merely copies"].level == "bad"
    assert "code_size" in found["merely copies"].advice
    assert "1.00 times" in found["merely copies"].sentence


def test_copying_through_a_narrower_code_is_bad(make):
    """Seven units for eight columns of rank three: not as wide as the data, and yet a copy."""
    training, held_out = make.rows(400, noise=1.0, rank=0), make.rows(200, 1, noise=1.0, rank=0)
    training.x[:, 7] *= 0.1
    held_out.x[:, 7] *= 0.1
    assert judged(make.learned(training, 7), training, held_out)["merely copies"].level == "bad"


def test_learned_is_good(make):
    training = make.rows(400)
    found = judged(make.learned(training), training, make.rows(200, 1))
    assert {name: verdict.level for name, verdict in found.items() if verdict.level != "good"} == {"no better than PCA": "warn"}
    assert {"learning", "random encoder", "copying", "overfitting", "code units"} <= set(found)
    assert conclusion(list(found.values())) == "No more than PCA does."


def test_numbers_are_right(make):
    training, held_out = make.rows(400), make.rows(200, 1)
    error = measure(make.learned(training), training, held_out)["error"]
    mean = (held_out.x - training.x.mean(0)).square().mean()
    assert error["mean"] == pytest.approx(float(mean), rel=1e-4)
    assert error["model"] == pytest.approx(error["pca"], rel=1e-3)
    assert error["model"] == pytest.approx(0.01 * 5 / 8, rel=0.15)  # the noise outside the plane


def test_masked_elements_do_not_count(make):
    training, held_out = make.rows(400), make.rows(200, 1)
    mask = torch.rand(held_out.x.shape, generator=torch.Generator().manual_seed(2)) > 0.1
    model = make.learned(training)
    given = Batch(torch.where(mask, held_out.x, 0.0), mask)
    back = model.reconstruct(given).detach()
    expected = (back - held_out.x)[mask].square().mean()
    assert measure(model, training, given)["error"]["model"] == pytest.approx(float(expected), rel=1e-3)


def test_collapsed_code_is_found(make):
    model = make.build("gaussian")
    model.encoder = make.linear(torch.zeros(6, 8))
    found = judged(model, make.rows(100), make.rows(100, 1))
    assert found["collapsed code"].level == "bad"
    assert "beta" in found["collapsed code"].advice


def test_dead_encoder_is_found(make):
    model = make.build()
    model.encoder = make.linear(torch.zeros(3, 8))
    assert judged(model, make.rows(100), make.rows(100, 1))["dead code"].level == "bad"


def test_idle_units_are_counted(make):
    training = make.rows(400)
    model = make.learned(training)
    with torch.no_grad():
        model.encoder.weight[1] = 0
    found = judged(model, training, make.rows(200, 1))["unused code units"]
    assert found.level == "warn"
    assert found.sentence.startswith("1 of 3")


@pytest.mark.parametrize(("active", "advice"), [(8000, ""), (6065, "A code_size of 24 would do as well.")])
def test_idle_units_of_a_spatial_code_are_advised_in_channels(active: int, advice: str) -> None:
    code = {"units": 8192, "active": active, "gaussian": False, "collapsed": False, "still": False, "cost": 0.0}
    measures = {"code": code, "rows": {"training": 90, "held_out": 30}, "setting": {"code_size": 32}}
    found = units(measures)
    assert found is not None
    assert found.advice == advice


def test_by_heart_is_bad(make):
    """Eight columns without anything in common, and a decoder that was fitted to nine rows."""
    training, held_out = make.rows(9, rank=0, noise=1.0), make.rows(200, 1, rank=0, noise=1.0)

    class ByHeart(torch.nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            known = training.x[:, :3]
            return training.x[torch.cdist(z, known).argmin(1)]

    model = make.build()
    model.encoder, model.decoder = make.linear(torch.eye(3, 8)), ByHeart()
    assert judged(model, training, held_out)["overfits"].level == "bad"


@pytest.mark.parametrize("part", ["encoder", "decoder"])
@pytest.mark.parametrize("value", [math.nan, math.inf, 1e38])
def test_values_that_are_no_numbers(make, part, value):
    model = make.learned(make.rows(50))
    with torch.no_grad():
        getattr(model, part).weight[0] = value
    measures = measure(model, make.rows(50), make.rows(50, 1))
    json.dumps(measures, allow_nan=False)
    found = verdicts(measures)
    assert found[0].level == "bad"
    assert found[0].name == ("broken" if math.isnan(value) else found[0].name)
    assert not re.search(r"[\"> ,](nan|inf)[\"< ,]", page(model, measures, found))


def test_far_out_rows_do_not_decide(make):
    training, held_out = make.rows(400), make.rows(200, 1)
    model = make.learned(training)
    training.x[5], held_out.x[7, 0] = 1e30, 1e9
    found = judged(model, training, held_out)
    assert found["no better than PCA"].level == "warn"
    assert found["outliers"].sentence.startswith("2 rows")


def test_training_record_is_judged(make):
    model, training = make.learned(make.rows(100)), make.rows(100)
    losses = [10, 8, 6, 5, 4, 3, 2, 1]
    model.record = {"history": [{"epoch": i, "held_out": loss} for i, loss in enumerate(losses)], "troubles": ["NaN at epoch 2"]}
    found = judged(model, training, make.rows(50, 1))
    assert found["training length"].level == "warn"
    assert found["trouble in training"].sentence == "NaN at epoch 2"
    model.record["history"] += [{"epoch": i, "held_out": 1.0} for i in range(8, 40)]
    assert judged(model, training, make.rows(50, 1))["training length"].level == "good"


def test_labels_of_anomalies(make):
    training, normal = make.rows(400), make.rows(150, 1)
    odd = torch.randn(50, 8, generator=torch.Generator().manual_seed(3))
    labels = np.array([0] * 150 + [1] * 50)
    found = measure(make.learned(training), training, Batch(torch.cat([normal.x, odd])), labels=labels)["labels"]
    assert found["auroc"] > 0.95
    assert found["anomalies"] == 50


def test_labels_of_classes(make):
    training, held_out = make.rows(400), make.rows(300, 1)
    labels = np.where(make.learned(training).encode(held_out).z[:, 0].detach() > 0, "left", "right")
    model = make.learned(training)
    assert measure(model, training, held_out, labels=labels)["labels"]["nearest"] > 0.9
    shuffled = np.random.default_rng(0).permutation(labels)
    assert measure(model, training, held_out, labels=shuffled)["labels"]["nearest"] < 0.7


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_rows(make, count):
    measures = measure(make.build("gaussian", code_size=1), make.rows(3), make.rows(count, 1))
    json.dumps(measures, allow_nan=False)
    assert any(verdict.name == "few rows" for verdict in verdicts(measures))


def test_no_rows_is_an_error(make):
    with pytest.raises(BadData, match="no rows"):
        measure(make.build(), make.rows(0), make.rows(0))


def test_constant_data_are_said_to_be_so(make):
    flat = Batch(torch.ones(50, 8))
    found = judged(make.build(), flat, flat)
    assert "do not vary" in found["constant data"].sentence
    assert "dead code" not in found


def told(**error: float) -> dict[str, Any]:
    """Measures with these errors alone, the variance being 1."""
    return {"error": {"mean": 1.0, "pca": None, "random": None, "code": None, **error}, "rows": {"training": 900, "held_out": 100}}


def test_a_network_that_keeps_less_than_half_has_learned_in_part():
    found = verdicts(told(model=0.8, training=0.8))
    assert {verdict.name for verdict in found} == {"learned in part", "overfitting"}
    assert conclusion(found) == "Only in part: less than half of what varies comes back."
    assert conclusion(verdicts(told(model=0.4, training=0.4))) == "Yes."


def test_held_out_rows_far_worse_than_training_rows_are_not_called_good_because_pca_fails_too():
    found = {verdict.name: verdict for verdict in verdicts(told(model=0.265, training=0.1, pca=0.3, pca_training=0.1))}
    assert found["unlike rows"].level == "warn"
    assert "2.6" in found["unlike rows"].sentence
    assert "overfitting" not in found


def test_data_without_structure_are_said_to_be_so(make):
    training, held_out = make.rows(2000, rank=0, noise=1.0), make.rows(200, 1, rank=0, noise=1.0)
    model = make.build(code_size=1)
    model.decoder = make.linear(torch.zeros(8, 1))
    model.encoder = make.linear(torch.eye(1, 8))
    measures = measure(model, training, held_out)
    measures["error"]["pca"] = 0.95 * measures["error"]["mean"]
    assert {verdict.name for verdict in verdicts(measures) if verdict.level == "bad"} >= {"learned nothing"}


def test_easy_data_are_told_from_learning(make):
    training = make.rows(400, noise=0.001)
    model = make.learned(training)
    measures = measure(model, training, make.rows(200, 1, noise=0.001))
    measures["error"]["random"] = measures["error"]["pca"]
    found = {verdict.name: verdict.level for verdict in verdicts(measures)}
    assert found["random encoder"] == "warn"
    assert found["no better than PCA"] == "warn"


def test_members_and_the_global_generator(make):
    model, before = make.build(members=3), torch.random.get_rng_state()
    model.train(True)
    first, second = (measure(model, make.rows(60), make.rows(40, 1), seed=4) for _ in range(2))
    assert first == second
    assert first["code"]["units"] == 3
    assert model.encoder.training
    assert torch.equal(before, torch.random.get_rng_state())


def test_principal_agrees_between_tall_and_wide():
    x = torch.randn(40, 60, generator=torch.Generator().manual_seed(0)) @ torch.diag(torch.linspace(3, 0.1, 60))
    mean = x.mean(0)
    axes = torch.linalg.svd(x - mean, full_matrices=False).Vh[:5]
    expected = (x - mean) @ axes.T @ axes + mean
    assert torch.allclose(principal(x, 5).reconstruct(x), expected, atol=1e-4)
    assert torch.allclose(principal(x.T, 5).reconstruct(x.T), principal(x.T.double(), 5).reconstruct(x.T.double()).float(), atol=1e-4)


def test_effective_dimensions(make):
    assert effective(principal(make.rows(400, noise=0.01).x, 2).spectrum) <= 3
    assert effective(principal(torch.ones(5, 4), 2).spectrum) == 0


def test_random_encoder_is_a_fair_rival(make):
    """Its linear decoder is fitted, so it beats the column means although no weight was trained."""
    training, held_out = make.rows(400), make.rows(200, 1)
    seen, codes = random_codes(make.build(), training, held_out, 0)
    back = ridge(seen.z, seen.x, codes)
    assert (back - held_out.x).square().mean() < 0.9 * held_out.x.var(0).mean()
    with seeded(5):
        assert torch.equal(codes, random_codes(make.build(), training, held_out, 0)[1])


def test_unlike_keeps_columns_and_whole_categories(make):
    model = make.build(width=4)
    model.facts["fields"] = [["number", 0, 1], ["category", 1, 3]]
    x = torch.cat([torch.arange(30.0)[:, None], torch.eye(3).repeat(10, 1)], 1)
    odd = unlike(model, Batch(x), 0).x
    assert torch.equal(odd[:, 0].sort().values, x[:, 0])
    assert torch.equal(odd[:, 1:].sum(1), torch.ones(30))
    assert not torch.equal(odd, x)


def test_unlike_pictures_keep_mean_and_variance(make):
    x = torch.rand(4000, 1, 2, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0])
    odd = unlike(make.build(), Batch(x), 0).x
    assert torch.allclose(odd.mean(0), x.mean(0), atol=0.05)
    assert torch.allclose(odd.std(0), x.std(0), atol=0.05)


def test_tables_of_mixed_fields_and_pictures(make):
    """Through every room: probabilities of categories, masks, several members, convolutions with spatial codes."""
    fields = [["number", 0, 2], ["category", 2, 3], ["flag", 5, 1]]
    settings = {"network": "dense:widths=[8]", "bottleneck": "sparse", "loss": "mixed", "code_size": 2, "members": 2}
    facts = {"shape": [6], "fields": fields, "resolution": torch.zeros(6)}
    x = torch.cat([torch.randn(60, 2, generator=torch.Generator().manual_seed(0)), torch.eye(3).repeat(20, 1), torch.ones(60, 1)], 1)
    mask = torch.ones_like(x, dtype=torch.bool)
    mask[::3, 0] = False
    spatial = {"network": "conv:widths=[4,8],code=spatial", "bottleneck": "gaussian", "loss": "bernoulli", "code_size": 2, "members": 1}
    picture_facts = {"shape": [1, 8, 12], "fields": [["flag", 0, 1]], "resolution": torch.zeros(1, 8, 12)}
    pictures = Batch(torch.rand(30, 1, 8, 12, generator=torch.Generator().manual_seed(0)))
    with seeded(0):
        table, image = Model.build("table", facts, settings), Model.build("image", picture_facts, spatial)
    for model, batch in ((table, Batch(x, mask)), (image, pictures)):
        measures = measure(model, batch, batch)
        assert None not in measures["error"].values()
        assert verdicts(measures)[0].level == "bad"
        assert "Did it learn something?" in page(model, measures, verdicts(measures))
