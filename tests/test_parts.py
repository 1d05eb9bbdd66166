"""How a part is named and found, and the small records that pass between parts."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hourglass import parts
from hourglass.errors import BadOption, BadType
from hourglass.parts import Batch, Part, concatenate, find, listing, options_for, options_of

VALUES = st.one_of(st.integers(-999, 999), st.booleans(), st.none(), st.floats(-1e6, 1e6), st.text("abc xyz-,=[]\":'.1", max_size=8))
LISTS = st.lists(st.one_of(st.integers(0, 99), st.text('ab],["', max_size=4)), min_size=1)
OPTIONS = st.dictionaries(st.sampled_from(["widths", "activation", "beta", "free_bits"]), VALUES | LISTS)


@given(OPTIONS)
def test_the_text_form_loses_nothing(options: dict[str, object]) -> None:
    part = Part("dense", **options)
    again = Part.parse(str(part))
    assert again == part
    assert {name: type(value) for name, value in again.options.items()} == {name: type(value) for name, value in part.options.items()}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("dense", Part("dense")),
        ("gaussian:4", Part("gaussian", 4)),
        ("noise:0.5", Part("noise", 0.5)),
        ("dense:widths=[64,32],activation=gelu", Part("dense", widths=[64, 32], activation="gelu")),
        ("gaussian:free-bits=0.1", Part("gaussian", free_bits=0.1)),
        ('table:label="a, b"', Part("table", label="a, b")),
        ("table:ignore=[id,name]", Part("table", ignore=["id", "name"])),
        ("dense:beside=false", Part("dense", beside=False)),
    ],
)
def test_parts_in_text(text: str, part: Part) -> None:
    assert Part.parse(text) == part
    assert Part.parse(part) is part
    assert eval(repr(part), {"Part": Part}) == part


@pytest.mark.parametrize("text", [":beta=1", "  ", "dense:widths=[1],3", "dense:1,2"])
def test_text_that_names_no_part(text: str) -> None:
    with pytest.raises(BadOption):
        Part.parse(text)


@pytest.mark.parametrize("value", [3, None, ["dense"], {"name": "dense"}])
def test_what_is_no_part(value: object) -> None:
    with pytest.raises(BadType):
        Part.parse(value)  # type: ignore[arg-type]
    with pytest.raises(BadType):
        Part(value)  # type: ignore[arg-type]


def test_the_folder_is_the_registry() -> None:
    for folder in parts.FOLDERS:
        assert listing(folder)
        assert not [name for name in listing(folder) if name.startswith("_")]
        assert all(find(folder, name).__name__.endswith(f".{name}") for name in listing(folder))
    with pytest.raises(BadOption, match="no loss called 'gausian': did you mean 'gaussian'"):
        find("losses", "gausian")
    for name in ("__init__", "../errors", "os", "_csv", ""):
        with pytest.raises(BadOption):
            find("kinds", name)


def first(shape: tuple[int, ...], *, width: int = 1, members: int = 1) -> None: ...


def second(shape: tuple[int, ...], *, width: int = 1, depth: int = 2) -> None: ...


def test_options_go_where_they_are_taken() -> None:
    assert options_of(first) == ["width", "members"]
    assert options_for(Part("x", 5, depth=3), first, second, given={"members": 4}) == [{"width": 5, "members": 4}, {"width": 5, "depth": 3}]
    with pytest.raises(BadOption, match="no option 'dept': did you mean 'depth'"):
        options_for(Part("x", dept=3), first, second)
    with pytest.raises(BadOption, match="no option 'members'"):
        options_for(Part("x", members=3), first, given={"members": 1})
    with pytest.raises(BadOption, match="takes no options"):
        options_for(Part("x", 3), lambda shape: None)


def test_a_part_is_a_parameter_of_scikit_learn() -> None:
    part = Part("gaussian", 2, beta=4)
    twin = part.__sklearn_clone__()
    assert twin == part
    assert twin.set_params(beta=5) is twin
    assert part.get_params() == {"beta": 4}
    assert twin != part
    assert hash(copy.deepcopy(part)) == hash(part)


def test_batches_are_cut_and_joined_with_their_masks() -> None:
    x = torch.arange(12.0).reshape(4, 3)
    mask = x > 2
    whole = concatenate([Batch(x[:2], mask[:2]), Batch(x[2:])])
    assert whole.count == 4
    assert whole.mask is not None
    assert torch.equal(whole.mask, torch.cat([mask[:2], torch.ones(2, 3, dtype=torch.bool)]))
    some = whole[torch.tensor([3, 0])]
    assert torch.equal(some.x, x[[3, 0]])
    assert some.mask is not None
    assert some.mask.tolist() == [[True] * 3, [False] * 3]
    assert concatenate([Batch(x), Batch(x)]).mask is None
