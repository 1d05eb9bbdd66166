"""The record: built from settings, in other precisions, with members."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from hourglass.errors import BadOption
from hourglass.model import Model, seeded
from hourglass.parts import Batch, Code

FACTS = {"shape": [6], "fields": [["number", 0, 6]], "resolution": torch.zeros(6)}
SETTINGS = {"network": "dense:widths=[8]", "bottleneck": "plain", "loss": "gaussian", "code_size": 2, "members": 1}


def build(**changes: object) -> Model:
    with seeded(0):
        return Model.build("table", dict(FACTS), {**SETTINGS, **changes}).train(False)


def batch(count: int = 5) -> Batch:
    return Batch(torch.randn(count, 6, generator=torch.Generator().manual_seed(0)))


def test_sizes() -> None:
    model = build(bottleneck="gaussian")
    assert (model.shape, model.input_size, model.code_shape, model.code_size, model.members) == ((6,), 6, (2,), 2, 1)
    code = model.encode(batch())
    assert (code.z.shape, code.cost.shape) == ((5, 2), (5,))
    assert model.reconstruct(batch()).shape == (5, 6)


def test_the_same_seed_builds_the_same_and_leaves_the_global_generator(untouched_generators: None) -> None:
    for mine, theirs in zip(build().parameters(), build().parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_members_agree_with_their_rows() -> None:
    model = build(members=3)
    loss, cost = model.nats(batch())
    assert loss.shape == cost.shape == (15,)
    rows = model.loss.data(model.forward(batch()).output)  # type: ignore[operator]
    torch.testing.assert_close(model.reconstruct(batch()), rows.unflatten(0, (3, 5)).mean(0))
    assert torch.equal(model.first(rows), rows[:5])
    each = batch().x.expand(3, 5, 6)
    torch.testing.assert_close(model.nats(Batch(each))[0], loss)


def test_double_is_a_copy_that_training_forgets() -> None:
    model = build()
    exact = model.double()
    assert exact is model.double()
    assert next(exact.parameters()).dtype == torch.float64
    assert next(model.parameters()).dtype == torch.float32
    torch.testing.assert_close(exact.reconstruct(Batch(batch().x.double())).float(), model.reconstruct(batch()))
    model.train()
    with torch.no_grad():
        next(model.parameters()).add_(1)
    model.train(False)
    torch.testing.assert_close(model.double().reconstruct(Batch(batch().x.double())).float(), model.reconstruct(batch()))


def test_a_spoiled_batch_is_compared_with_the_target() -> None:
    model, goal = build(), batch()
    spoiled = Batch(torch.zeros_like(goal.x))
    passed = model.forward(spoiled, goal)
    assert torch.equal(passed.target.x, goal.x)
    assert not torch.equal(model.nats(spoiled, goal)[0], model.nats(spoiled)[0])


@pytest.mark.parametrize("name", ["network", "bottleneck", "loss"])
def test_options_that_no_part_has(name: str) -> None:
    with pytest.raises(BadOption, match="no option 'odd'"):
        build(**{name: str(SETTINGS[name]).split(":")[0] + ":odd=1"})


def test_what_is_masked_stays_zero_where_a_bottleneck_changes_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    model, mask = build(), torch.ones(5, 6, dtype=torch.bool)
    mask[:, 2] = False
    seen: list[torch.Tensor] = []

    def twice(h: torch.Tensor, encode: Callable[..., torch.Tensor]) -> Code:
        seen.append(encode(lambda x: x + 1))
        return Code(h, torch.zeros(len(h)))

    monkeypatch.setattr(model.bottleneck, "forward", twice)
    model.encode(Batch(batch().x * mask, mask))
    torch.testing.assert_close(seen[0], model.encoder((batch().x + 1) * mask))
