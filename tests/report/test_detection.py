"""Labels of any spelling, and an honest comparison: who does worse than neighbours is told so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from hourglass import Autoencoder, load
from hourglass.errors import BadData
from hourglass.parts import Batch
from hourglass.report import detection, peers
from hourglass.report.labelled import auroc, two_sorts
from hourglass.report.verdicts import verdicts

RANDOM = np.random.default_rng(0)
PLANE = RANDOM.normal(size=(2, 6))


def rows(count: int, seed: int, odd: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows near a plane; the last `odd` of them are not."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(count, 2)) @ PLANE + 0.1 * random.normal(size=(count, 6))
    X[count - odd :] = random.normal(size=(odd, 6)) * X.std(0)
    return X.astype("float32"), np.arange(count) >= count - odd


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    return Autoencoder("detect", epochs=30, random_state=0).fit(rows(1000, 0)[0])


def said(report, name: str):
    return next((verdict for verdict in report.verdicts if verdict.name == name), None)


@pytest.mark.parametrize(
    ("labels", "anomaly"),
    [
        ([0, 0, 1], "1"),
        ([0.0, 1.0, 1.0, np.nan], "1"),
        ([False, True, True], "True"),
        (["normal", "anomaly", "anomaly", None, ""], "anomaly"),
        (["Good", "blowhole", "blowhole"], "blowhole"),
        ([-1, 1, 1], "-1"),
        ([-1, -1, 1], "1"),
        (["b", "a", "b"], "a"),
        (["x", "yes", "yes"], "yes"),
    ],
)
def test_any_spelling_of_two_sorts(labels: list, anomaly: str) -> None:
    found = two_sorts(labels)
    assert found is not None
    assert found.anomaly == anomaly
    spelled = [str(value).removesuffix(".0") for value in np.array(labels, dtype=object)[found.known]]
    assert found.odd.tolist() == [each == anomaly for each in spelled]


def test_other_labels_are_none_or_refused() -> None:
    assert two_sorts([1, 1]) is None
    assert two_sorts([None, 1]) is None
    with pytest.raises(BadData, match=r"the column 'shop' has 3 different values \('a', 'b', 'c'\).*0 for normal rows and 1"):
        two_sorts(["a", "b", "c"], "the column 'shop'")
    assert detection.counts(["a", "b", "c"]) is None
    assert detection.counts([0, 0, 1]) == {"anomaly": "1", "anomalies": 1, "rows": 3}


def test_auroc_is_that_of_others() -> None:
    scores, odd = np.round(RANDOM.normal(size=300), 1), RANDOM.random(300) < 0.2
    assert auroc(scores, odd) == pytest.approx(roc_auc_score(odd, scores))
    other = scores + RANDOM.normal(size=300)
    found = detection.compared({"model": scores, "pca": other}, two_sorts(odd), "here")
    assert found is not None
    drawn = []
    for _ in range(400):
        some = RANDOM.integers(0, 300, 300)
        drawn.append(roc_auc_score(odd[some], scores[some]) - roc_auc_score(odd[some], other[some]))
    assert found["ways"]["pca"]["error"] == pytest.approx(np.std(drawn), rel=0.2)


def test_a_good_model_wins_over_the_forest_and_one_that_knows_nothing_loses(model: Autoencoder, tmp_path: Path) -> None:
    X, y = rows(600, 1, odd=100)
    report = model.report(X, y)
    found = report.measures["detection"]
    ways = found["ways"]
    assert ways["model"]["auroc"] == pytest.approx(roc_auc_score(y, -model.score_samples(X)), abs=1e-4)
    assert set(ways) == {"model", "neighbours", "forest", "pca"}
    assert ways["model"]["auroc"] > ways["forest"]["auroc"] + 0.05
    assert said(report, "detection").level == "good"
    assert (found["anomalies"], found["rows"]) == (100, 600)
    assert "Finding anomalies" in report.html
    model.save(tmp_path / "m.hourglass")
    dull = load(tmp_path / "m.hourglass")
    dull.model_.decoder.requires_grad_(False)
    for weights in dull.model_.decoder.parameters():
        weights.zero_()  # gives the same back, whatever it gets: its score is the distance from the mean
    told = said(dull.report(X, y, training=rows(1000, 0)[0]), "loses to peers")
    assert told.level == "bad"
    assert "against" in told.sentence
    assert "Use " in told.advice


def test_constant_scores_lose(model: Autoencoder) -> None:
    """Whatever the peers are: a model whose scores say nothing must not come out as good."""
    X, y = rows(600, 1, odd=100)
    scorers = peers.fitted(model.model_, Batch(torch.from_numpy(rows(1000, 0)[0])))
    scores = {name: score(Batch(torch.from_numpy(X))).double().numpy() for name, score in scorers.items()}
    found = detection.compared({"model": np.ones(len(y)), **scores}, two_sorts(y), "here")
    assert found is not None
    assert found["ways"]["model"]["auroc"] == 0.5
    assert [verdict.level for verdict in verdicts({"detection": found})] == ["bad"]
    best = max(scores, key=lambda name: auroc(scores[name], y))
    own = detection.compared({"model": scores[best], **scores}, two_sorts(y), "here")
    assert [verdict.level for verdict in verdicts({"detection": own})] == ["good"]
    assert detection.compared({"model": scores["neighbours"][-103:]}, two_sorts(y[-103:]), "here") is None  # three normal rows


def test_neighbours_are_the_five_nearest(model: Autoencoder) -> None:
    from sklearn.neighbors import NearestNeighbors

    known, new = rows(300, 0)[0], rows(50, 1)[0]
    found = peers.fitted(model.model_, Batch(torch.from_numpy(known)))["neighbours"](Batch(torch.from_numpy(new)))
    mean, spread = known.mean(0), known.std(0)
    distance, _ = NearestNeighbors(n_neighbors=5).fit((known - mean) / spread).kneighbors((new - mean) / spread)
    np.testing.assert_allclose(found, distance.mean(1), rtol=1e-3)


def test_a_loaded_model_compares_by_the_rows_it_keeps(model: Autoencoder, tmp_path: Path) -> None:
    X, y = rows(600, 1, odd=100)
    model.save(tmp_path / "m.hourglass")
    ways = load(tmp_path / "m.hourglass").report(X, y).measures["detection"]["ways"]
    fresh = model.report(X, y, training=rows(1000, 0)[0]).measures["detection"]["ways"]
    for name, way in fresh.items():
        assert ways[name]["auroc"] == pytest.approx(way["auroc"], abs=0.02)
    found = peers.kept(model.model_)
    assert found is not None
    known = torch.from_numpy(rows(1000, 0)[0])
    back = found.x * torch.as_tensor(model.model_.facts["scale"]) + torch.as_tensor(model.model_.facts["mean"])
    assert float(torch.cdist(back.float(), known).min(1).values.quantile(0.9)) < 1e-3


def test_without_training_rows_this_is_said(model: Autoencoder, tmp_path: Path) -> None:
    X, y = rows(600, 1, odd=100)
    model.save(tmp_path / "m.hourglass")
    bare = load(tmp_path / "m.hourglass")
    bare.model_.settings["neighbours"] = 0
    del bare.model_.arrays["detect.points"]
    told = said(bare.report(X, y), "detection")
    assert told.level == "note"
    assert "nothing to compare with" in told.sentence
    again = bare.report(X, y, training=rows(1000, 0)[0])
    assert said(again, "detection").level == "good"


def test_anomalies_among_training_rows_are_told() -> None:
    X, y = rows(400, 0, odd=40)
    report = Autoencoder("detect", epochs=3, random_state=0).fit(X, y).report()
    assert "40 of 400" in said(report, "anomalies in training").sentence
    assert "anomalies=0.1" in said(report, "anomalies in training").advice
    knows = Autoencoder("detect", epochs=3, random_state=0, anomalies=0.1).fit(X, y).report()
    assert said(knows, "anomalies in training").level == "note"
    assert said(Autoencoder("detect", epochs=3, random_state=0).fit(X).report(), "anomalies in training") is None


def test_several_classes_are_no_anomalies(model: Autoencoder) -> None:
    X, _ = rows(100, 1)
    with pytest.warns(UserWarning, match="no comparison on labels: the label has 3 different values"):
        report = model.report(X, np.arange(100) % 3)
    assert report.measures["detection"] is None
