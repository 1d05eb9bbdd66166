"""The recipes: every "auto" is filled in, what is given stays, what cannot be meant is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from hourglass import Autoencoder, Part, named, recipes
from hourglass.errors import BadOption
from hourglass.model import Model
from hourglass.parts import find, listing

TABLE = {"shape": [12], "fields": [["number", 0, 12]]}
MIXED = {"shape": [12], "fields": [["number", 0, 6], ["category", 6, 6]]}
SMALL = {"shape": [1, 8, 8], "fields": [["number", 0, 1]]}
LARGE = {"shape": [3, 64, 64], "fields": [["number", 0, 3]]}


def resolved(facts: dict[str, Any], count: int = 5000, **settings: Any) -> dict[str, Any]:
    kind = "table" if len(facts["shape"]) == 1 else "image"
    return recipes.resolve(Autoencoder(**settings).get_params(deep=False), kind, facts, count)


@pytest.mark.parametrize("purpose", recipes.PURPOSES)
@pytest.mark.parametrize("facts", [TABLE, MIXED, SMALL, LARGE], ids=["table", "mixed", "small", "large"])
def test_every_purpose_has_a_recipe_whose_parts_exist(purpose: str, facts: dict[str, Any]) -> None:
    settings = resolved(facts, purpose=purpose)
    assert "auto" not in settings.values()
    assert json.loads(json.dumps(settings)) == settings
    for name, folder in (("network", "networks"), ("bottleneck", "bottlenecks"), ("loss", "losses")):
        assert find(folder, Part.parse(settings[name]).name)
    assert Part.parse(settings["spoil"]).name in ("none", *listing("spoils"))
    assert settings["epochs"] >= 1
    assert settings["loss"] == ("mixed" if facts is MIXED else "gaussian")


@pytest.mark.parametrize("purpose", recipes.PURPOSES)
@pytest.mark.parametrize(
    ("kind", "shape"), [("series", [3, 64]), ("audio", [2, 24]), ("audio", [1, 4096]), ("video", [3, 4, 16, 16]), ("text", [16])]
)
def test_recipes_of_every_kind_can_be_built(purpose: str, kind: str, shape: list[int]) -> None:
    facts = {"shape": shape, "fields": [["number", 0, shape[0]]], "resolution": torch.zeros(1)} | (
        {"symbols": 257} if kind == "text" else {}
    )
    settings = recipes.resolve(Autoencoder(purpose=purpose).get_params(deep=False), kind, facts, 500)
    model = Model.build(kind, facts, settings)
    assert (settings["bottleneck"] == "gaussian") == (purpose == "generate")
    if kind == "audio":
        assert (len(model.code_shape) == 2) == (purpose not in ("detect", "generate")), (
            "sound is heard again by a code for every few samples"
        )


def test_what_is_given_stays() -> None:
    given = {
        "network": "dense:widths=[7]",
        "bottleneck": Part("gaussian", beta=3),
        "code_size": 5,
        "members": 2,
        "epochs": 9,
        "spoil": "mask",
    }
    settings = resolved(TABLE, purpose="detect", **given)
    assert settings["bottleneck"] == "gaussian:beta=3"
    assert {name: settings[name] for name in given if name != "bottleneck"} == {k: v for k, v in given.items() if k != "bottleneck"}


def test_the_budget() -> None:
    few, many = resolved(TABLE, 300)["epochs"], resolved(TABLE, 100_000)["epochs"]
    assert few > 20 * many  # about as many steps
    assert resolved(TABLE, minutes=2)["epochs"] is None
    assert resolved(TABLE, minutes=2, epochs=3)["epochs"] == 3
    assert resolved(TABLE, 10)["batch_size"] == 10


def test_numbers_of_numpy_become_plain() -> None:
    settings = resolved(TABLE, code_size=np.int64(3), learning_rate=np.float32(0.5), epochs=np.int16(4), minutes=np.float64(1))
    assert [type(settings[name]) for name in ("code_size", "learning_rate", "epochs", "minutes")] == [int, float, int, float]


@pytest.mark.parametrize("name", named.LIMITS)
def test_limits(name: str) -> None:
    sort, least, most = named.LIMITS[name]
    for good in (least, most):
        recipes.check(Autoencoder(**{name: int(good) if sort is int else good}).get_params(deep=False))
    wrong = [least - 1, most + 1, "many", True, [1], np.array([1, 2]), float("nan"), {}]
    for value in wrong + ([1.5] if sort is int else []) + ([None, "auto"] if name in named.ALWAYS_GIVEN else []):
        with pytest.raises(BadOption, match=f"^{name}="):
            recipes.check(Autoencoder(**{name: value}).get_params(deep=False))


def test_seeds() -> None:
    assert recipes.seed_of(3) == recipes.seed_of(np.random.RandomState(3)) == recipes.seed_of(np.int64(3)) != recipes.seed_of(4)
    assert recipes.seed_of(None) != recipes.seed_of(None)
    assert recipes.seed_of(np.random.default_rng(1)) == recipes.seed_of(np.random.default_rng(1))
    with pytest.raises(BadOption, match="random_state=-1"):
        recipes.seed_of(-1)


@pytest.mark.parametrize(("network", "sized"), [("dense", True), ("conv", True), ("conv:code=spatial", False), ("patch", False)])
def test_the_size_of_flat_codes_alone_is_searched(network: str, sized: bool) -> None:
    facts = {"shape": [1, 16, 16], "fields": [["number", 0, 1]]}
    settings = Autoencoder(network=network).get_params(deep=False)
    assert recipes.resolve(settings, "image", facts, 500)["sized"] is sized
    assert not recipes.resolve(settings | {"code_size": 4}, "image", facts, 500)["sized"]


@pytest.mark.parametrize(("shared", "apart"), [(0.0, 1), (0.6, 2)])
def test_noisy_pictures_have_a_recipe_of_their_own(shared: float, apart: int) -> None:
    noise = {"level": 0.1, "low": 0.1, "high": 0.1, "floor": 0.01, "slope": 0.0, "dark": 0.2, "bright": 0.8, "contrast": 0.5}
    noisy = LARGE | {"noise": noise | {"correlation": [shared, 0.1, 0.0, 0.0]}}
    settings = resolved(noisy, purpose="denoise")
    assert settings["spoil"] == f"neighbours:apart={apart}"
    assert settings["network"].startswith("unet")
    faint = noisy | {"noise": noisy["noise"] | {"level": 0.001}}
    assert resolved(faint, purpose="denoise")["spoil"] == "noise:0.1"
    assert resolved(noisy, purpose="embed")["spoil"] == "none"
