"""One contract for every file in networks/, bottlenecks/, losses/ and spoils/: a new variant is tested before its author writes a test.

A variant that takes samples of another shape, or facts of another sort, is named in the tables below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.files import read_model, write_model
from hourglass.model import Model, seeded
from hourglass.parts import Batch, find, listing

TABLE, TEXT, SERIES, GREY, COLOUR, VIDEO = (8,), (12,), (2, 16), (1, 16, 16), (3, 16, 12), (1, 4, 8, 8)
KINDS = {"table": TABLE, "text": TEXT, "series": SERIES, "grey": GREY, "colour": COLOUR, "video": VIDEO}
SYMBOLS = 11
SMALL = {
    "conv": "conv:widths=[6,8]",
    "unet": "unet:widths=[6,8],blocks=1",
    "patch": "patch:patch=4,blocks=1",
    "recurrent": "recurrent:widths=6,fold=2",
    "attention": "attention:width=16,depth=1,patch=4",
    "gate": "gate:width=8,blocks=2",
}  # networks that are large by default, made small for these tests
STYLES = ["vector:style=scalar", "vector:codebook=16,stages=2,groups=2", "sparse:style=kl", "sparse:style=topk", "factor:style=rival"]
FIELDS = {  # what the eight columns of a table are, by loss; numbers where nothing is said
    "bernoulli": [["flag", 0, 8]],
    "categorical": [["category", 0, 5], ["category", 5, 3]],
    "mixed": [["number", 0, 4], ["category", 4, 3], ["flag", 7, 1]],
}
SPOIL_SHAPES = {
    "draws": [GREY, COLOUR],  # where a spoil does not take all three
    "patches": [GREY, COLOUR],
    "defects": [GREY, COLOUR],
    "moves": [GREY, COLOUR, VIDEO],
    "drift": [SERIES],
    "hiss": [SERIES],
    "neighbours": [GREY, COLOUR],
}


class Case(NamedTuple):
    """One combination of parts."""

    network: str
    kind: str
    bottleneck: str
    loss: str

    def __str__(self) -> str:
        return "-".join(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample."""
        return KINDS[self.kind]

    @property
    def facts(self) -> dict[str, Any]:
        """What a kind would have learned."""
        if self.kind == "text":
            return {"shape": [12], "fields": [["symbol", 0, 12]], "resolution": torch.zeros(12), "symbols": SYMBOLS}
        fields = FIELDS.get(self.loss, [["number", 0, 8]])
        if self.kind != "table":
            fields = [["flag" if fields[0][0] == "flag" else "number", 0, self.shape[0]]]
        resolution = torch.full((self.shape[0], *[1] * (len(self.shape) - 1)), 1e-3)
        return {"shape": list(self.shape), "fields": fields, "resolution": resolution}


def fits(case: Case) -> bool:
    """Whether these parts claim to fit together; what refuses says so by `BadOption`."""
    try:
        build(case).train().nats(Batch(data(case)))
    except BadOption:
        return False
    return True


def usual(kind: str) -> str:
    """The loss that the samples of a kind have where nothing else is asked for."""
    return "categorical" if kind == "text" else "gaussian"


def cases() -> Iterator[Case]:
    """Every network with every kind and every bottleneck, and every loss with every kind, where they claim to fit."""
    pairs = [(network, kind) for network in listing("networks") for kind in KINDS if fits(Case(network, kind, "plain", usual(kind)))]
    assert {network for network, _ in pairs} == set(listing("networks")), "a network fits nothing"
    for network, kind in pairs:
        every = [Case(network, kind, bottleneck, usual(kind)) for bottleneck in listing("bottlenecks")]
        yield from (case for case in every if case.bottleneck == "plain" or kind != "text" or fits(case))
        if (network, kind) in (("dense", "table"), ("conv", "grey")):
            yield from (Case(network, kind, bottleneck, usual(kind)) for bottleneck in STYLES)
    for loss in listing("losses"):
        first = {kind: network for network, kind in reversed(pairs)}
        found = [Case(network, kind, "gaussian", loss) for kind, network in first.items() if loss != usual(kind)]
        fitting = [case for case in found if fits(case)]
        assert fitting or loss in ("gaussian", "categorical"), f"losses/{loss}.py fits nothing"
        yield from fitting


def build(case: Case, members: int = 1, seed: int = 0) -> Model:
    network = SMALL.get(case.network, case.network)
    settings = {"network": network, "bottleneck": case.bottleneck, "loss": case.loss, "code_size": 4, "members": members}
    with seeded(seed):
        model = Model.build("table" if case.kind == "table" else "image", case.facts, settings)
    return with_generator(model, seed)


def with_generator(model: Model, seed: int = 0) -> Model:
    if hasattr(model.bottleneck, "generator"):
        model.bottleneck.generator = torch.Generator().manual_seed(seed)
    return model


def data(case: Case, count: int = 6, seed: int = 0) -> Tensor:
    """Random samples that fit the fields: numbers around 0, categories one-hot, flags 0 or 1, symbols of a text."""
    generator = torch.Generator().manual_seed(seed)
    if case.kind == "text":
        return torch.randint(SYMBOLS, (count, *case.shape), generator=generator)
    x = torch.randn(count, *case.shape, generator=generator)
    for sort, start, width in case.facts["fields"]:
        if sort == "category":
            x[:, start : start + width] = torch.eye(width)[torch.randint(width, (count,), generator=generator)]
        elif sort == "flag":
            x[:, start : start + width] = (x[:, start : start + width] > 0).float()
    return x


def exact(x: Tensor) -> Tensor:
    """The same in double precision; symbols stay whole numbers."""
    return x.double() if x.is_floating_point() else x


def masks(case: Case, x: Tensor) -> Tensor:
    """Some elements not real, by whole fields: a category is there or missing as a whole. Texts are padded at their end."""
    generator = torch.Generator().manual_seed(7)
    if case.kind == "text":
        return torch.arange(x.shape[1]) < torch.randint(3, x.shape[1], (len(x), 1), generator=generator)
    mask = torch.ones_like(x, dtype=torch.bool)
    for sort, start, width in case.facts["fields"]:
        real = torch.rand(x[:, start : start + width].shape, generator=generator) < 0.6
        mask[:, start : start + width] = real[:, :1] if sort == "category" else real
    return mask


def train(model: Model, x: Tensor, steps: int = 3) -> dict[str, Tensor]:
    """A few steps; gives the largest gradient each weight has felt: of the objective, and under `loss: NAME` of the loss alone."""
    model.train()
    names, weights = zip(*model.modules().named_parameters(), strict=True)
    optimizer = torch.optim.Adam(weights, lr=0.01)
    felt: dict[str, Tensor] = {}
    for _ in range(steps):
        loss, cost = model.nats(Batch(x))
        extra = getattr(model.bottleneck, "extra", None)
        objective = (loss + cost).mean() + (0 if extra is None else extra.mean())
        alone = torch.autograd.grad(loss.mean(), weights, retain_graph=True, allow_unused=True)
        whole = torch.autograd.grad(objective, weights, allow_unused=True)
        for name, gradient in [*zip(names, whole, strict=True), *((f"loss: {n}", g) for n, g in zip(names, alone, strict=True))]:
            size = torch.zeros(()) if gradient is None else gradient.abs().max()
            felt[name] = torch.maximum(felt.get(name, torch.zeros(())), size)
        for weight, gradient in zip(weights, whole, strict=True):
            weight.grad = gradient
        optimizer.step()
    return felt


@cache
def in_use(case: Case, members: int = 1) -> Model:
    """A model that has been trained a little, in double precision, switched to use."""
    model = build(case, members)
    train(model, data(case))
    return with_generator(model.to(torch.float64)).train(False)


each_case = pytest.mark.parametrize("case", list(cases()), ids=str)


def close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-9, atol=1e-9)


def test_there_are_cases() -> None:
    assert len(list(cases())) >= len(listing("networks")) * len(listing("bottlenecks"))


@each_case
def test_shapes_are_right(case: Case) -> None:
    model, x = in_use(case), exact(data(case))
    code, output, _ = model.forward(Batch(x))
    assert code.z.shape == (6, *model.code_shape)
    assert code.cost.shape == (6,)
    asked = find("losses", case.loss).outputs(model.facts)
    assert output.shape == (6, asked * case.shape[0], *case.shape[1:])
    assert model.reconstruct(Batch(x)).shape == x.shape
    assert output.dtype == torch.float64
    assert code.z.dtype == torch.float64


@each_case
def test_loss_is_finite_and_cost_never_negative(case: Case) -> None:
    for training in (True, False):
        model = build(case).train(training)
        for scale in (1.0, 30.0):
            far = data(case) * scale if data(case).is_floating_point() else data(case)
            loss, cost = model.nats(Batch(far), Batch(data(case)))
            assert torch.isfinite(loss).all()
            assert torch.isfinite(cost).all()
            assert (cost >= 0).all()
            assert loss.shape == cost.shape == (6,)


@each_case
def test_gradients_reach_all_weights(case: Case) -> None:
    """All feel the objective; encoder and decoder feel the loss by itself, so a bottleneck that rounds must let it through."""
    felt = [train(build(case, seed=seed), data(case, 16, seed)) for seed in (0, 1)]
    assert all(torch.isfinite(value) for gradients in felt for value in gradients.values())
    numb = [name for name in felt[0] if all(gradients[name] == 0 for gradients in felt)]
    assert not [name for name in numb if not name.startswith(("loss: bottleneck", "loss: loss"))]


@pytest.mark.parametrize("name", listing("bottlenecks"))
def test_a_prior_has_its_price(name: str) -> None:
    case = Case("dense", "table", name, "gaussian")
    if hasattr(in_use(case).bottleneck, "sample"):
        assert (in_use(case).encode(Batch(exact(data(case)))).cost > 0).all()
        assert (build(case).train().encode(Batch(data(case))).cost > 0).all()


@each_case
def test_use_is_repeatable_and_independent_of_the_batch(case: Case) -> None:
    model, x = in_use(case), exact(data(case))

    def results(rows: Tensor) -> tuple[Tensor, ...]:
        code, output, target = model.forward(Batch(rows))
        return code.z, code.cost, output, model.loss(output, target.x, target.mask)

    together = results(x)
    assert all(torch.equal(one, other) for one, other in zip(together, results(x), strict=True))
    alone = [torch.cat(rows) for rows in zip(*(results(x[i : i + 1]) for i in range(6)), strict=True)]
    assert all(close(one, other) for one, other in zip(together, alone, strict=True))


@each_case
def test_padding_changes_nothing(case: Case) -> None:
    model, x = in_use(case), exact(data(case))
    mask = masks(case, x)
    output = model.decode(model.encode(Batch(x * mask)).z)
    unlike = exact(data(case, seed=5))
    other = torch.where(mask, x, unlike * 1e3 if x.is_floating_point() else unlike)
    assert close(model.loss(output, x * mask, mask), model.loss(output, other, mask))
    assert not close(model.loss(output, x, mask), model.loss(output, x))
    assert close(model.loss(output, x), model.loss(output, x, torch.ones_like(mask)))
    assert close(model.loss(output, x, torch.zeros_like(mask)), torch.zeros(6, dtype=torch.float64))
    if getattr(model.encoder, "masked", False):
        assert close(model.encode(Batch(x * mask, mask)).z, model.encode(Batch(other, mask)).z)


@each_case
def test_the_code_alone_can_be_decoded(case: Case) -> None:
    model, x = in_use(case), exact(data(case))
    assert torch.isfinite(model.decode(model.encode(Batch(x)).z)).all()


@each_case
def test_errors_of_the_elements_are_the_loss(case: Case) -> None:
    model, x = in_use(case), exact(data(case))
    mask = masks(case, x)
    _, output, _ = model.forward(Batch(x))
    errors = model.loss.errors(output, x, mask)  # type: ignore[operator]
    assert errors.shape == x.shape
    assert (errors[~mask] == 0).all()
    if getattr(model.loss, "likelihood", True):
        assert torch.allclose(errors.flatten(1).sum(1), model.loss(output, x, mask), rtol=1e-6)


def part_of(many: dict[str, Tensor], name: str, member: int, like: Tensor) -> Tensor:
    """One member's share of a stored tensor: a slice of the first axis, or the tensor under the member's own number."""
    if name in many:
        tensor = many[name]
        return tensor if tensor.shape == like.shape else tensor.chunk(3)[member].reshape(like.shape)
    numbered = [key for key in many if re.search(rf"\.{member}\.", key) and re.sub(rf"\.\w+\.{member}\.", ".", key, count=1) == name]
    assert len(numbered) == 1, f"no share of {name} for member {member} in {sorted(many)}"
    return many[numbered[0]]


@each_case
def test_members_equal_networks_alone(case: Case) -> None:
    together, x = in_use(case, members=3), exact(data(case))
    many = together.modules().state_dict()
    rows = together.forward(Batch(x))
    nats = together.nats(Batch(x))
    for member in range(3):
        alone = build(case).to(torch.float64).train(False)
        shapes = alone.modules().state_dict()
        alone.modules().load_state_dict({name: part_of(many, name, member, like) for name, like in shapes.items()})
        own = slice(6 * member, 6 * member + 6)
        code, output, _ = alone.forward(Batch(x))
        assert close(code.z, rows.code.z[own])
        assert close(output, rows.output[own])
        assert all(close(one, all_rows[own]) for one, all_rows in zip(alone.nats(Batch(x)), nats, strict=True))
    assert not close(rows.code.z[:6], rows.code.z[6:12])


@each_case
def test_saving_loses_nothing(case: Case, tmp_path: Path) -> None:
    model = build(case)
    train(model, data(case))
    model.train(False)
    write_model(model, tmp_path / "m.hourglass")
    again = read_model(tmp_path / "m.hourglass").train(False)
    stored, found = model.modules().state_dict(), again.modules().state_dict()
    assert stored.keys() == found.keys()
    assert all(torch.equal(stored[name], found[name]) and stored[name].dtype == found[name].dtype for name in stored)
    assert torch.equal(model.reconstruct(Batch(data(case))), again.reconstruct(Batch(data(case))))
    assert all(torch.equal(one, other) for one, other in zip(model.nats(Batch(data(case))), again.nats(Batch(data(case))), strict=True))


@pytest.mark.parametrize("name", listing("bottlenecks"))
def test_samples_fit_the_decoder_and_repeat(name: str, untouched_generators: None) -> None:
    model = in_use(Case("dense", "table", name, "gaussian"))
    if not hasattr(model.bottleneck, "sample"):
        pytest.skip("draws no codes")
    draw: Callable[[int, torch.Generator], Tensor] = model.bottleneck.sample  # type: ignore[assignment]
    codes = draw(5, torch.Generator().manual_seed(3))
    assert codes.shape == (5, *model.code_shape)
    assert torch.equal(codes, draw(5, torch.Generator().manual_seed(3)))
    assert not torch.equal(codes, draw(5, torch.Generator().manual_seed(4)))
    assert torch.isfinite(model.decode(codes.double())).all()


@each_case
def test_chance_comes_from_the_generator_alone(case: Case) -> None:
    def once(seed: int) -> tuple[Tensor, Tensor]:
        return with_generator(build(case), seed).train().nats(Batch(data(case)))

    first, again = build(case), torch.random.get_rng_state()
    first.train().nats(Batch(data(case)))
    assert torch.equal(again, torch.random.get_rng_state())
    assert all(torch.equal(one, other) for one, other in zip(once(1), once(1), strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
@pytest.mark.parametrize(
    ("name", "shape"), [(name, shape) for name in listing("spoils") for shape in SPOIL_SHAPES.get(name, [TABLE, GREY, COLOUR])], ids=str
)
def test_spoils_keep_their_input(name: str, shape: tuple[int, ...], dtype: torch.dtype, untouched_generators: None) -> None:
    spoil = find("spoils", name).spoil
    x = torch.randn(32, *shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    before = x.clone()

    def damaged(seed: int) -> tuple[Tensor, Tensor]:
        """What is shown and what is asked for: the samples as they were, where the spoil makes no pairs."""
        made = spoil(x, torch.Generator().manual_seed(seed))
        return made if getattr(find("spoils", name), "PAIR", False) else (made, x)

    shown, asked = damaged(1)
    assert torch.equal(x, before)
    assert (shown.shape, shown.dtype) == (asked.shape, dtype)
    assert torch.isfinite(shown).all()
    assert not torch.equal(shown, asked), "nothing was damaged"
    assert torch.equal(shown, damaged(1)[0])
    assert not torch.equal(shown, damaged(2)[0])
