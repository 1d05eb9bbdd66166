"""Weights to start from, which another training has learned: a model that the user names, or one that comes with hourglass."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from hourglass.errors import BadOption
from hourglass.files import read_model
from hourglass.model import Model
from hourglass.networks import unet
from hourglass.parts import Part

__all__ = ["started", "take_over"]

SHIPPED = Path(__file__).parent / "pretrained"


def started(model: Model, init: Model | None) -> Model:
    """The model with the weights of `init`, else with those of the shipped model that its recipe names as `start`, if it names one."""
    if init is None and (name := model.settings.get("start")):
        init = read_model(SHIPPED / f"{name}.hourglass")
    if init is not None:
        take_over(model, init)
    return model


def take_over(model: Model, other: Model) -> None:
    """Copy the weights of another model; shapes that differ raise `BadOption` with their names.

    What the loss has learned (its variance) is learned anew: it belongs to the other's data and training. A `unet` for colours becomes one
    for grey pictures, where such are to be learned from.
    """
    mine, theirs = _weights(model), _weights(other)
    names = [Part.parse(each.settings["network"]).name for each in (model, other)]
    if names == ["unet", "unet"] and (model.shape[0], other.shape[0]) == (1, 3):
        theirs = unet.grey(theirs)
    wrong = [name for name in mine if name not in theirs or mine[name].shape != theirs[name].shape]
    if wrong:
        raise BadOption(f"init is another network: {', '.join(wrong[:5])} do not fit; give the same network, code_size and data columns")
    model.modules().load_state_dict(theirs, strict=False)


def _weights(model: Model) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in model.modules().state_dict().items() if not name.startswith("loss.")}
