"""Heads: where features are taken, what a probe says, how an encoder is trained further."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hourglass import Autoencoder
from hourglass.parts import Batch
from hourglass.uses import heads


def model(network: str, shape: tuple[int, ...], **settings: object) -> Autoencoder:
    X = np.random.default_rng(0).normal(size=(40, *shape)).astype(np.float32)
    return Autoencoder(network=network, code_size=3, epochs=1, random_state=0, **settings).fit(X)


@pytest.mark.parametrize(
    ("network", "shape", "width"),
    [("dense:widths=[7]", (6,), 7), ("conv:widths=[4]", (8, 8, 1), 4 * 4 * 4), ("attention", (16, 2), None), ("dense:widths=[]", (6,), 0)],
)
def test_the_layer_before_the_code_is_found(network: str, shape: tuple[int, ...], width: int | None) -> None:
    fitted = model(network, shape, kind="image" if len(shape) == 3 else "auto").model_
    if width == 0:
        assert heads.taps(fitted) == ("code",)
        return
    assert heads.taps(fitted) == ("code", "hidden")
    found = heads.seen(fitted, Batch(torch.randn(5, *fitted.shape)), "hidden")
    assert found.shape[0] == 5
    assert width in (None, found.shape[1])
    assert heads.seen(fitted, Batch(torch.randn(5, *fitted.shape)), "code").shape == (5, 3)


def test_the_code_is_linear_in_the_layer_before() -> None:
    fitted = model("dense:widths=[7],beside=false", (6,)).model_
    batch = Batch(torch.randn(50, 6))
    hidden, code = (heads.seen(fitted, batch, tap).double() for tap in ("hidden", "code"))
    whole = torch.cat([hidden, torch.ones(50, 1, dtype=torch.float64)], 1)
    assert (whole @ torch.linalg.lstsq(whole, code).solution - code).abs().max() < 1e-4


def test_members_have_no_layer_of_their_own() -> None:
    assert heads.taps(model("dense", (6,), members=2).model_) == ("code",)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_probe_separates_what_a_line_separates(classes: int) -> None:
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] * 10).long().clamp(0, classes - 1).numpy()
    head = heads.probe(x, y, classes, 1.0)
    assert float((head(x).argmax(1).numpy() == y).mean()) > 0.85


def test_a_class_that_a_fold_lacks_is_never_said() -> None:
    x = torch.randn(50, 5, generator=torch.Generator().manual_seed(0))
    head = heads.probe(x, np.array([0, 2] * 25), 3, 1.0)
    assert 1 not in head(x).argmax(1)


def test_a_fresh_network_forgot_everything() -> None:
    fitted = model("dense:widths=[7]", (6,)).model_
    made = heads.fresh(fitted, 0)
    assert not made.record
    assert {name: weights.shape for name, weights in made.encoder.state_dict().items()} == {
        name: weights.shape for name, weights in fitted.encoder.state_dict().items()
    }
    assert not torch.equal(made.encoder.stack.layers[0].weight, fitted.encoder.stack.layers[0].weight)
    assert torch.equal(made.encoder.stack.layers[0].weight, heads.fresh(fitted, 0).encoder.stack.layers[0].weight)


def test_training_lowers_the_loss_and_first_layers_move_least() -> None:
    fitted = model("dense:widths=[16]", (6,)).model_
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] * x[:, 1] > 0).long()
    batch = Batch(x)
    head = heads.Head.blank(heads.seen(fitted, batch, "code"), 2)
    stages = [
        (step, float(torch.nn.functional.cross_entropy(heads.outputs(own, trained, batch, "code"), y)))
        for step, own, trained in heads.tuned(fitted, head, batch, y, "code", heads.Plan(400, 32, 1e-2), 0)
    ]
    assert [step for step, _ in stages] == heads.Plan(400, 32, 1e-2).stages
    assert stages[-1][1] < 0.5 < stages[0][1]
    assert heads.plan(100).steps == 300
    assert heads.plan(10**6).batch == 128
