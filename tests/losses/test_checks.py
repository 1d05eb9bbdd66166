"""What losses refuse, in words that help."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from hourglass.errors import BadOption
from hourglass.parts import find, listing

SHAPES: dict[str, list[int]] = {"mixture": [1, 8, 8], "structural": [1, 8, 8], "spectral": [1, 16]}


def facts_of(name: str) -> dict[str, Any]:
    """Samples that the loss takes."""
    shape = SHAPES.get(name, [4])
    sort = {"categorical": "category", "bernoulli": "flag"}.get(name, "number")
    return {"shape": shape, "fields": [[sort, 0, shape[0]]], "resolution": torch.full((shape[0], *[1] * (len(shape) - 1)), 0.01)}


@pytest.mark.parametrize("name", [name for name in listing("losses") if name != "categorical"])
def test_losses_of_numbers_refuse_text(name: str) -> None:
    text = {"shape": [9], "symbols": 257, "fields": [], "resolution": torch.zeros(1)}
    with pytest.raises(BadOption, match=rf"{name} is for numbers.*257 symbols.*categorical"):
        find("losses", name).loss(text)


@pytest.mark.parametrize("name", ["gaussian", "laplace", "mixed", "spectral", "structural"])
def test_variance_is_shared_or_each(name: str) -> None:
    with pytest.raises(BadOption, match=rf"{name} has no variance='eech'.*'each'"):
        find("losses", name).loss(facts_of(name), variance="eech")


@pytest.mark.parametrize("weight", [-1, float("nan"), "much", True])
@pytest.mark.parametrize("name", ["spectral", "structural"])
def test_weights_are_numbers_from_zero(name: str, weight: Any) -> None:
    with pytest.raises(BadOption, match=f"{name} has no weight="):
        find("losses", name).loss(facts_of(name), weight=weight)


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("spectral", [8], r"\(8,\).*gaussian"),
        ("spectral", [3, 8, 8], r"\(3, 8, 8\).*gaussian"),
        ("spectral", [2, 7], "at least 8 steps; these have 7"),
        ("structural", [8], r"\(8,\).*gaussian"),
        ("structural", [2, 64], r"\(2, 64\).*gaussian"),
        ("mixture", [8], r"\(8,\).*gaussian"),
        ("mixture", [2, 64], r"\(2, 64\).*gaussian"),
        ("categorical", [2, 64], r"\(2, 64\).*gaussian"),
        ("bernoulli", [2, 64], r"\(2, 64\).*gaussian"),
        ("bernoulli", [8], "hold other numbers.*mixed"),
    ],
)
def test_samples_of_another_shape_are_refused(name: str, shape: list[int], words: str) -> None:
    facts = {"shape": shape, "fields": [["number", 0, shape[0]]], "resolution": torch.zeros(1)}
    with pytest.raises(BadOption, match=f"{name} .*{words}"):
        find("losses", name).loss(facts)


@pytest.mark.parametrize(("name", "option"), [("mixture", "components"), ("structural", "scales")])
@pytest.mark.parametrize("number", [0, 100, 2.5, True])
def test_numbers_of_things_are_whole(name: str, option: str, number: Any) -> None:
    with pytest.raises(BadOption, match=f"{name} has no {option}={number}: give a whole number from 1"):
        find("losses", name).loss(facts_of(name), **{option: number})
