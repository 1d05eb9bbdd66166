"""Search: it begins at the recipe, raises what the purpose wants, and says honestly whether anything was gained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import hourglass
from hourglass import Autoencoder, Part, search
from hourglass.candidates import Candidates
from hourglass.errors import BadFile, BadOption, MissingExtra
from hourglass.parts import Batch
from hourglass.progress import following
from hourglass.report.searched import page
from hourglass.spaces import RECIPE, changed, space
from hourglass.tuning import Finding
from hourglass.uses.worth import mixed, worth

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def rows() -> tuple[Array, Array]:
    """Rows near a curved sheet, and which of them lie off it."""
    chance = np.random.default_rng(0)
    hidden = chance.normal(size=(300, 2))
    X = np.concatenate([hidden, np.sin(hidden), hidden[:, :1] * hidden[:, 1:]], 1) + 0.05 * chance.normal(size=(300, 5))
    odd = np.arange(300) < 40
    X[odd] = np.stack([chance.permutation(column) for column in X[odd].T], 1)
    return X.astype(np.float32), odd.astype(int)


@pytest.fixture(scope="module")
def found(rows: tuple[Array, Array]) -> Finding:
    return search(*rows, purpose="detect", trials=6, minutes=0.5, random_state=0)


def test_labels_of_anomalies_judge_a_detector(found: Finding) -> None:
    assert found.measure == "AUROC"
    assert len(found.trials) == 6
    assert found.trials[0].changed == {}  # the recipe comes first
    assert all(0 <= trial.value <= 1 for trial in found.trials if trial.value is not None)
    assert len(found.of_recipe) == 3
    assert found.taken == found.verdict.startswith("better than the recipe")
    assert found.model.model_.settings["purpose"] == "detect"


def test_what_is_given_is_not_searched(rows: tuple[Array, Array]) -> None:
    kept = search(
        *rows, purpose="detect", trials=8, minutes=0.5, code_size=1, spoil="noise:0.2", network="dense:widths=[4]", random_state=0
    )
    assert not {"code_size", "spoil", "network.widths"} & {name for trial in kept.trials for name in trial.changed}


def test_without_labels_mixtures_stand_for_anomalies(rows: tuple[Array, Array]) -> None:
    finding = search(rows[0], purpose="detect", trials=2, minutes=0.3, random_state=0)
    assert finding.measure == "surrogate"
    assert min(finding.of_recipe) > 0.6
    fitted = finding.model.model_
    batch = Batch(torch.from_numpy(rows[0][50:]))
    with torch.no_grad():
        good = worth(fitted, "surrogate", batch)
        wrong = Autoencoder(purpose="detect", random_state=0, epochs=1).fit(
            np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
        )
    assert worth(wrong.model_, "surrogate", batch) < good


def test_mixtures_have_ordinary_values_in_strange_company() -> None:
    x = torch.arange(60.0).reshape(20, 3)
    strange = mixed(Batch(x), 0).x
    assert not torch.equal(strange, x)
    assert all(set(strange[:, i].tolist()) <= set(x[:, i].tolist()) for i in range(3))
    assert torch.equal(strange, mixed(Batch(x), 0).x)
    assert 0.1 < float((strange != x).float().mean()) < 0.6


def test_codes_are_judged_by_labels_where_there_are_some(rows: tuple[Array, Array]) -> None:
    y = np.where(rows[0][:, 0] > 0, "a", "b")
    finding = search(rows[0], y, purpose="embed", trials=3, minutes=0.03, random_state=0)
    assert finding.measure == "probe"
    assert min(finding.of_recipe) > 0.7


def test_without_a_cost_the_code_keeps_its_size(rows: tuple[Array, Array]) -> None:
    finding = search(rows[0], trials=3, minutes=0.03, random_state=0)
    assert finding.measure == "nats"
    assert "code_size" not in {name for trial in finding.trials for name in trial.changed}


def test_a_journal_goes_on_and_is_not_taken_for_another(rows: tuple[Array, Array], tmp_path: Path) -> None:
    journal = tmp_path / "trials.log"
    first = search(*rows, purpose="detect", trials=2, minutes=0.3, journal=journal)
    second = search(*rows, purpose="detect", trials=3, minutes=0.3, journal=journal)
    assert [trial.value for trial in second.trials[:2]] == [trial.value for trial in first.trials]
    assert len(second.trials) == 3
    with pytest.raises(BadFile, match="journal of another search"):
        search(rows[0][:200], rows[1][:200], purpose="detect", trials=2, minutes=0.3, journal=journal)
    (tmp_path / "text.log").write_text("this is no journal\n")
    with pytest.raises(BadFile, match="no journal of a search"):
        search(*rows, purpose="detect", trials=2, minutes=0.3, journal=tmp_path / "text.log")
    with pytest.raises(BadFile, match="does not exist; make it first"):
        search(*rows, purpose="detect", trials=2, minutes=0.3, journal=tmp_path / "none" / "x.log")


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"trials": 0}, "trials=0"),
        ({"minutes": -1}, "minutes=-1"),
        ({"epochs": 3}, "epochs= is chosen by the search"),
        ({"purpose": "detekt"}, "did you mean 'detect'"),
    ],
)
def test_what_cannot_be_meant(settings: dict[str, Any], match: str, rows: tuple[Array, Array]) -> None:
    with pytest.raises(BadOption, match=match):
        search(rows[0], **settings)


def test_optuna_is_asked_for(monkeypatch: pytest.MonkeyPatch, rows: tuple[Array, Array]) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtra, match="pip install 'hourglass\\[search\\]'"):
        search(rows[0])


def test_a_recipe_that_takes_too_long_gives_all_the_same_time(rows: tuple[Array, Array]) -> None:
    candidates = Candidates(rows[0], None, {"purpose": "generate"}, 0)
    candidates.recipe(0.05)
    assert candidates.minutes == pytest.approx(0.05 / 60)
    patient = Candidates(rows[0], None, {"purpose": "detect"}, 0)
    patient.recipe(60)
    assert patient.minutes is None


def test_readers_hear_every_record_and_can_end_a_training(rows: tuple[Array, Array]) -> None:
    heard: list[float] = []

    def once(record: Any) -> None:
        heard.append(record.fraction)
        raise KeyError("enough")

    with pytest.raises(KeyError), following(once):
        Autoencoder(code_size=2, epochs=3).fit(rows[0])
    assert len(heard) == 1
    Autoencoder(code_size=2, epochs=3).fit(rows[0])
    assert len(heard) == 1


def test_the_space_begins_at_the_recipe() -> None:
    settings = {
        "network": "conv:widths=[32,64]",
        "learning_rate": 1e-3,
        "batch_size": 64,
        "code_size": 16,
        "spoil": "none",
        "bottleneck": "plain",
    }
    found = space("image", "embed", settings, True, True)
    assert all(choices[0] == RECIPE for choices in found.values())
    assert "none" not in found["spoil"]
    assert set(found) >= {"network.widths", "network.activation", "learning_rate", "batch_size", "code_size", "spoil", "bottleneck"}
    assert "code_size" not in space("image", "embed", settings, False, False)
    assert "spoil" not in space("image", "compress", settings, True, False)
    given = changed(settings, {"network.widths": "[16,32]", "network.activation": "gelu", "learning_rate": RECIPE})
    assert Part.parse(given["network"]).options == {"widths": [16, 32], "activation": "gelu"}
    assert set(given) == {"network"}


def test_the_page_tells_all(found: Finding) -> None:
    text = page(found)
    assert found.verdict.split(":")[0] in text
    assert text.count("<svg") >= 1
    assert "nothing: the recipe" in text
    assert "<script" not in text


def test_frames_and_paths(tmp_path: Path, rows: tuple[Array, Array]) -> None:
    frame = pd.DataFrame(rows[0], columns=list("abcde")).assign(odd=rows[1])
    frame.to_csv(tmp_path / "rows.csv", index=False)
    finding = search(str(tmp_path / "rows.csv"), purpose="detect", kind=Part("table", label="odd"), trials=2, minutes=0.3)
    assert finding.measure == "AUROC"
    assert finding.model.predict(frame.drop(columns="odd")).shape == (300,)
    assert hourglass.search is search


class _Planted(Candidates):
    """Candidates of which one choice is known to be better than all others, and nothing is trained."""

    gain = 1.0

    def value(self, chosen: dict[str, Any], seed: int) -> float:
        better = chosen.get("learning_rate") not in (None, RECIPE) and chosen["learning_rate"] > 0.003
        return 0.5 + (self.gain if better else 0.0) + 1e-4 * np.random.default_rng(seed).normal()


@pytest.mark.parametrize("gain", [1.0, 0.0])
def test_what_is_better_is_found_and_nothing_is_where_nothing_is(
    gain: float, rows: tuple[Array, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Planted, "gain", gain)
    monkeypatch.setattr("hourglass.tuning.Candidates", _Planted)
    finding = search(*rows, purpose="detect", trials=30, minutes=1, random_state=0)
    assert finding.taken == bool(gain)
    if gain:
        assert finding.best["learning_rate"] > 0.003
        assert finding.model.model_.settings["learning_rate"] == finding.best["learning_rate"]
        assert max(finding.importance, key=finding.importance.__getitem__) == "learning_rate"
    else:
        assert finding.verdict.startswith(("the recipe was within noise", "nothing tried was better"))
