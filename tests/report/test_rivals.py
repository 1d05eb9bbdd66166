"""What a network is compared with: PCA of rows with holes, of texts, at several code sizes; and what detail around the code hides."""

from __future__ import annotations

import copy

import pytest
import torch

from hourglass.model import Model, seeded
from hourglass.parts import Batch
from hourglass.report.baselines import principal
from hourglass.report.measures import measure
from hourglass.report.page import page
from hourglass.report.passes import look, spoiled, unlike
from hourglass.report.rivals import mistakes
from hourglass.report.verdicts import Verdict, conclusion, verdicts

END, LENGTH = 256, 6


def levels(measures: dict) -> dict[str, str]:
    return {verdict.name: verdict.level for verdict in verdicts(measures)}


# Holes


def holed(batch: Batch, share: float = 0.3) -> Batch:
    mask = torch.rand(batch.x.shape, generator=torch.Generator().manual_seed(4)) > share
    return Batch(batch.x * mask, mask)


def test_holes_do_not_count_for_pca(make):
    """Fitted to rows of which a third is missing, PCA finds the same plane, and judges rows by what is there."""
    whole, given = make.rows(2000), holed(make.rows(2000))
    fitted, known = principal(given.x, 3, given.mask), principal(whole.x, 3)
    asked = holed(make.rows(300, 1))
    back = fitted.reconstruct(asked.x, asked.mask)
    error = (back - make.rows(300, 1).x).square()[asked.mask].mean()
    best = (known.reconstruct(asked.x, asked.mask) - make.rows(300, 1).x).square()[asked.mask].mean()
    assert error < 1.1 * best
    naive = principal(given.x, 3).reconstruct(asked.x)
    assert error < 0.2 * (naive - asked.x).square()[asked.mask].mean()


def test_codes_of_rows_with_holes_fit_best(make):
    fitted, asked = principal(make.rows(500).x, 3), holed(make.rows(5, 1))
    found = fitted.encode(asked.x, asked.mask)
    for i in range(5):
        real = asked.mask[i]
        expected = torch.linalg.lstsq(fitted.components[:, real].T, (asked.x[i] - fitted.mean)[real, None]).solution[:, 0]
        assert torch.allclose(found[i], expected, atol=0.05)
    assert torch.allclose(fitted.encode(asked.x, torch.ones_like(asked.mask)), fitted.encode(asked.x), atol=0.01)


def test_nonsense_has_the_same_holes(make):
    given = holed(make.rows(100))
    odd = unlike(make.build(), Batch(given.x[..., None], given.mask[..., None]), 0)
    assert float(odd.x[~odd.mask].abs().max()) == 0
    assert torch.equal(odd.mask[..., 0], given.mask)


def test_holes_are_no_errors(make):
    """PCA is hardly worse on rows of which a tenth is missing."""
    training, held_out = make.rows(300), make.rows(100, 1)
    whole, some = (
        measure(make.build(), *rows)["error"]["pca"] for rows in ((training, held_out), (holed(training, 0.1), holed(held_out, 0.1)))
    )
    assert some < 1.5 * whole


# Texts


def names(count: int, seed: int = 0) -> Batch:
    """Four letters that follow from the first, an end, and one symbol of padding."""
    first = torch.randint(0, 16, (count,), generator=torch.Generator().manual_seed(seed))
    letters = torch.stack([97 + (first * k + k) % 16 for k in (1, 3, 5, 7)], 1)
    x = torch.cat([letters, torch.full((count, 1), END), torch.zeros(count, 1, dtype=torch.long)], 1)
    return Batch(x, torch.arange(LENGTH).expand(count, -1) < 5)


def reader(code_size: int = 2) -> Model:
    facts = {"shape": [LENGTH], "symbols": 257, "fields": [["symbol", 0, LENGTH]], "resolution": torch.zeros(LENGTH), "cut": True}
    settings = {"network": "conv:widths=[8]", "bottleneck": "plain", "loss": "categorical", "code_size": code_size, "members": 1}
    with seeded(1):
        return Model.build("text", facts, settings)


class Knowing(torch.nn.Linear):
    """An encoder that gives the first letter as a number; given numbers, a decoder that knows what follows from it."""

    def __init__(self) -> None:
        super().__init__(1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not x.is_floating_point():
            return x[:, :1].float().expand(-1, 2)
        first = x[:, 0].long() - 98  # the first letter is 97 + (first + 1) % 16
        letters = torch.stack([97 + (first * k + k) % 16 for k in (1, 3, 5, 7)], 1)
        whole = torch.cat([letters, torch.full((len(x), 2), END)], 1)
        return 20 * torch.nn.functional.one_hot(whole, 257).float().transpose(1, 2).flatten(1)


def test_an_untrained_reader_fails():
    measures = measure(reader(), names(300), names(100, 1))
    found = levels(measures)
    assert found["untrained"] == found["loses to PCA"] == found["no better than random"] == "bad"
    assert measures["setting"]["counted"]
    assert measures["error"]["model"] > 0.9
    assert measures["bits"]["model"] > 4
    assert "symbols" in verdicts(measures)[1].sentence
    assert "Share of wrong symbols" in page(reader(), measures, verdicts(measures))


def test_a_reader_that_knows_passes():
    model = reader()
    model.encoder, model.decoder = Knowing(), Knowing()
    measures = measure(model, names(300), names(100, 1))
    assert measures["error"]["model"] == 0
    assert measures["error"]["pca"] > 0.2
    found = levels(measures)
    assert found["learning"] == found["PCA"] == found["copying"] == "good"
    assert "untrained" not in found
    assert measures["bits"]["model"] < 0.01 < 2 < measures["bits"]["alone"] < 4.5


def test_the_rivals_of_texts_are_right():
    """The end stands always at the same place; each of 16 letters is about as common at the others."""
    error = measure(reader(), names(2000), names(500, 1))["error"]
    assert error["mean"] == pytest.approx(0.8 * 15 / 16, abs=0.03)
    assert measure(reader(16), names(500), names(200, 1))["error"]["pca"] < 0.01  # 16 texts in all


def test_mistakes_are_counted_where_symbols_are_real():
    asked = look(reader(), names(10))
    wrong = mistakes(asked)
    assert torch.equal(wrong.back.bool(), asked.x != asked.back)
    assert not wrong.x.any()


def test_unlike_texts_keep_their_letters_and_ends():
    given = names(50)
    odd = unlike(reader(), given, 0)
    assert torch.equal(odd.x == END, given.x == END)
    assert torch.equal(odd.x[given.mask].sort().values, given.x[given.mask].sort().values)
    assert not torch.equal(odd.x, given.x)
    assert torch.equal(odd.mask, given.mask)


# Detail around the code


class Leaking(torch.nn.Linear):
    """Sends its input beside a code that says nothing."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return 0.01 * x[:, :3], x


class Receiving(torch.nn.Linear):
    def forward(self, given: object) -> torch.Tensor:
        return given[1] if isinstance(given, tuple) else torch.zeros(len(given), 8)


def leaking(make, purpose: str) -> Model:
    model = make.build()
    model.encoder, model.decoder = Leaking(1, 1), Receiving(1, 1)
    model.settings["purpose"] = purpose
    return model


@pytest.mark.parametrize(("purpose", "level"), [("detect", "bad"), ("compress", "bad"), ("embed", "bad"), ("denoise", "note")])
def test_detail_around_the_code_is_told(make, purpose, level):
    model = leaking(make, purpose)
    measures = measure(model, make.rows(200), make.rows(100, 1))
    assert measures["error"]["model"] == 0
    assert measures["error"]["code"] > 0.9 * measures["error"]["mean"]
    found = levels(measures)
    assert found["detail around the code"] == level
    assert not {"PCA", "learning", "random encoder", "copying"} & set(found)  # none of these says anything here
    assert "its code alone" in page(model, measures, verdicts(measures))
    measures["setting"]["loss"] = "defect"  # what finds defects says so of every place, not of the code
    assert levels(measures)["detail around the code"] == "note"


def test_repairing_is_measured(make):
    """A network that copies repairs nothing, one that knows the plane takes damage away."""
    training, held_out = make.rows(300), make.rows(100, 1)
    wrong, right = leaking(make, "denoise"), make.learned(training)
    for model in (wrong, right):
        model.settings |= {"purpose": "denoise", "spoil": "noise:0.5"}
    assert levels(measure(wrong, training, held_out))["repairs nothing"] == "bad"
    found = measure(right, training, held_out)
    assert levels(found)["repair"] == "good"
    assert found["repair"]["damage"] == pytest.approx(0.25, rel=0.3)
    damaged = spoiled(right, holed(held_out), 0)
    assert float(damaged.x[~damaged.mask].abs().max()) == 0


def test_a_loss_that_is_no_likelihood_is_told(make):
    model = make.learned(make.rows(100))
    model.loss = copy.copy(model.loss)
    model.loss.likelihood = False
    model.record = {"history": [{"epoch": i, "step": i * 99, "training": 1.0, "held_out": 1.0, "seconds": 1} for i in range(1, 9)]}
    measures = measure(model, make.rows(100), make.rows(50, 1))
    assert levels(measures)["no nats"] == "note"
    html = page(model, measures, verdicts(measures))
    assert "which are no nats" in html
    assert "nats per sample" not in html


# Sizes


def test_an_ordered_code_is_judged_at_each_size(make):
    """Three dimensions among eight columns: three units are enough, and PCA's errors are those of the same rows."""
    training, held_out = make.rows(400), make.rows(200, 1)
    model = make.learned(training, 6)
    ordered = make.build("ordered", 6)
    model.bottleneck = ordered.bottleneck.train(False)
    measures = measure(model, training, held_out)
    found = measures["sizes"]
    assert found["from"] == "ordered"
    assert found["sizes"] == [1, 2, 3, 4, 6]
    axes = principal(training.x, 8)
    for size, error in zip(found["pca_sizes"], found["pca"], strict=True):
        expected = (axes.first(size).reconstruct(held_out.x) - held_out.x).square().mean()
        assert error == pytest.approx(float(expected), rel=1e-3)
    assert found["errors"][:3] == pytest.approx(found["pca"][:3], rel=1e-2)
    assert "Error against code size" in page(model, measures, verdicts(measures))


def test_a_code_that_is_too_large_is_told():
    sizes = {"code": 16, "model": 0.1, "from": "search", "sizes": [1, 2, 3, 4, 5], "errors": [0.9, 0.5, 0.1, 0.099, 0.098], "enough": 3}
    sizes |= {"pca_sizes": [1], "pca": [0.9], "needs": 9, "looked": 32}
    found = {verdict.name: verdict for verdict in verdicts({"sizes": sizes})}["code size"]
    assert found.level == "warn"
    assert found.sentence == "A code of 3 is enough: one of 5 would lower the error by 2%; this one has 16."
    assert found.advice == "Choose code_size=3."
    found = verdicts({"sizes": {**sizes, "code": 3}})[0]
    assert found.level == "good"
    assert found.sentence.endswith("by 2%; PCA needs 9 units for what this code holds in 3.")


def test_a_size_that_saves_much_is_not_called_enough():
    sizes = {"code": 2, "model": 0.1, "from": "search", "sizes": [1, 2, 4], "errors": [0.9, 0.5, 0.1], "enough": 2, "variance": 1.0}
    found = verdicts({"sizes": {**sizes, "pca_sizes": [1], "pca": [0.9], "needs": 2, "looked": 32}})[0]
    assert found.sentence == "In short trainings a code of 2 explains 50.0% of the variance, one of 4 90.0%."


def test_the_search_for_the_size_is_shown(make):
    training = make.rows(400)
    model = make.learned(training)
    model.record["sizes"] = {"sizes": [1, 2, 3, 4], "errors": [0.9, 0.4, 0.01, 0.0099], "chosen": 3, "variance": 1.0}
    measures = measure(model, training, make.rows(200, 1))
    assert measures["sizes"]["enough"] == measures["sizes"]["needs"] == 3
    assert "short trainings" in page(model, measures, verdicts(measures))


# The first line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (0.5, "Yes."),
        (0.99, "No more than PCA does."),
        (1.02, "No more than PCA does."),
        (1.1, "No: it loses to PCA."),
        (2.0, "No: it loses"),
    ],
)
def test_the_first_line_says_how_it_stands_to_pca(error, line):
    measures = {"error": {"model": error, "pca": 1.0, "mean": 5.0, "random": 3.0}, "dimensions": {"code": 2, "width": 9, "effective": 4}}
    found = verdicts(measures)
    assert conclusion(found).startswith(line)
    assert found[0].name == {"Y": "PCA", "N": found[0].name}[line[0]]
    assert "PCA" in found[0].name


def test_losing_to_pca_comes_before_all_else():
    found = sorted(
        [Verdict("broken thing", "bad", "x"), Verdict("loses to PCA", "warn", "y"), Verdict("few rows", "warn", "z")], key=lambda v: v.name
    )
    assert conclusion(found) == "No: it loses to PCA; broken thing."
