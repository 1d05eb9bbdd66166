"""What a user names is looked at before any data are: names, options, and values that no data could make right."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from hourglass import Autoencoder, Part
from hourglass.errors import BadOption, HourglassError
from hourglass.named import check_parts
from hourglass.parts import find, listing, options_of

SETTINGS = {"network": "networks", "bottleneck": "bottlenecks", "loss": "losses", "spoil": "spoils"}
MADE = {"network": ("encoder", "decoder"), "bottleneck": ("bottleneck",), "loss": ("loss",), "spoil": ("spoil",)}
GIVEN = {"code_size", "members", "symbols"}  # what is no user's option
NONSENSE: list[Any] = [-1, math.nan, math.inf, "nonsense", [[]], {}, 10**12]
BESIDE = {"k": {"style": "topk"}, "target": {"style": "kl"}, "levels": {"style": "scalar"}}  # options of a style
UNBOUNDED = ("beta", "free_bits", "weight", "commitment", "step", "sigma", "level", "stretch")  # however large, these still mean something


def options() -> Iterator[Any]:
    """Every option of every variant."""
    for setting, folder in SETTINGS.items():
        for name in listing(folder):
            for factory in MADE[setting]:
                for option in set(options_of(getattr(find(folder, name), factory))) - GIVEN:
                    yield pytest.param(setting, name, option, id=f"{name}-{option}")


@pytest.mark.parametrize(("setting", "name", "option"), sorted({case.id: case for case in options()}.values(), key=lambda case: case.id))
def test_nonsense_is_refused_with_the_option_and_the_value(setting: str, name: str, option: str) -> None:
    for value in [*NONSENSE, *([] if _truth(setting, name, option) else [True])]:
        if value == 10**12 and option in UNBOUNDED:
            continue
        part = Part(name, **{**BESIDE.get(option, {}), option: value})
        with pytest.raises(BadOption) as told:
            check_parts({setting: part})
        assert option in str(told.value), str(told.value)
        assert repr(value) in str(told.value), str(told.value)


def _truth(setting: str, name: str, option: str) -> bool:
    """Whether an option may be true."""
    factories: list[Callable[..., Any]] = [getattr(find(SETTINGS[setting], name), factory) for factory in MADE[setting]]
    defaults = [inspect.signature(factory).parameters[option].default for factory in factories if option in options_of(factory)]
    return isinstance(defaults[0], bool) or (name, option) == ("conv", "beside")


@pytest.mark.parametrize(
    "wrong",
    [{"network": "dnse"}, {"bottleneck": "gaussian:bta=1"}, {"loss": "gausian"}, {"spoil": "noise:-1"}, {"kind": "tabel"}],
    ids=str,
)
def test_wrong_parts_are_told_before_the_data_are_read(wrong: dict[str, str]) -> None:
    class Unread:
        shape = (100, 4)

        def __array__(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("the data were read")

    with pytest.raises(HourglassError, match=r"did you mean|from 0 up"):
        Autoencoder(**wrong).fit(Unread())


@pytest.mark.parametrize(
    "right",
    [
        {"network": "attention:patch=4000"},
        {"network": "patch:patch=500"},
        {"network": "recurrent:fold=9"},
        {"bottleneck": "vector:groups=7"},
        {"bottleneck": "ordered:sizes=[3,100]"},
        {"bottleneck": "sparse:style=topk,k=200"},
        {"spoil": "noise:log_uniform=[0.1,1]"},
        {"network": ("encoder", "decoder")},
        {"network": "auto:widths=[4]"},
        {"spoil": "none"},
    ],
    ids=str,
)
def test_what_some_data_allow_is_not_refused_and_nothing_is_drawn(right: dict[str, Any]) -> None:
    before = torch.random.get_rng_state()
    check_parts(right)
    assert torch.equal(before, torch.random.get_rng_state())
