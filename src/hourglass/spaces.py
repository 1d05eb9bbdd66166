"""What a search may change of a recipe: for each kind and purpose the settings worth trying, around what the recipe takes."""

from __future__ import annotations

from typing import Any

from hourglass.layers.linear import ACTIVATIONS
from hourglass.parts import Part

__all__ = ["RECIPE", "changed", "space"]

RECIPE = "recipe"  # the choice that leaves a setting as the recipe has it
RATES = (0.25, 0.5, 1.0, 2.0, 4.0)  # times the recipe's learning rate
SIZES = (0.5, 1.0, 2.0)  # times its batch size
CODES = (0.25, 0.5, 1.0, 2.0)  # times its code size
NOISE = ("none", "noise:0.1", "noise:0.2", "noise:0.5", "noise:1.0", "mask:0.2")
Choices = dict[str, tuple[Any, ...]]


def space(kind: str, purpose: str, settings: dict[str, Any], free: bool, labelled: bool) -> Choices:
    """Choices for each setting, the recipe's first. `settings` are the recipe's, resolved.

    `free`: larger codes are not better by themselves, so that their size may be searched: a cost, labels or a surrogate judges them.
    `labelled`: codes are judged by labels, so that bottlenecks and losses that do not compare in nats may be tried.
    """
    found: Choices = {f"network.{name}": (RECIPE, *values) for name, values in _network(settings["network"]).items()}
    found["learning_rate"] = (RECIPE, *(settings["learning_rate"] * times for times in RATES if times != 1))
    found["batch_size"] = (RECIPE, *sorted({max(8, int(settings["batch_size"] * times)) for times in SIZES} - {settings["batch_size"]}))
    if free:
        sizes = {max(1, round(settings["code_size"] * times)) for times in CODES} - {settings["code_size"]}
        found["code_size"] = (RECIPE, *sorted(sizes))
    spoils = _spoils(kind, purpose, labelled)
    if spoils:
        found["spoil"] = (RECIPE, *(spoil for spoil in spoils if spoil != settings["spoil"]))
    if labelled and purpose == "embed":
        found["bottleneck"] = (RECIPE, *(name for name in ("plain", "sparse", "gaussian") if name != settings["bottleneck"]))
    if purpose == "detect" and settings["loss"] == "gaussian" and kind in ("table", "series"):
        found["loss"] = (RECIPE, "laplace")
    return {name: choices for name, choices in found.items() if len(choices) > 1}


def _network(text: str) -> Choices:
    """Widths, activations and the linear path, where the network has them."""
    part = Part.parse(text)
    if part.name not in ("dense", "conv"):
        return {}
    widths = list(part.options.get("widths", (64,) if part.name == "dense" else (32, 64)))
    last = widths[-1]
    if part.name == "dense":
        tried: list[list[int]] = [[max(8, last // 2)], [2 * last], [last, last], [2 * last, last], []]
    else:
        tried = [[max(4, width // 2) for width in widths], [2 * width for width in widths], [*widths, last]]
    found: Choices = {"widths": tuple(str(each).replace(" ", "") for each in tried if each != widths)}
    found["activation"] = tuple(
        name for name in ACTIVATIONS if name != part.options.get("activation", "relu" if part.name == "dense" else "silu")
    )
    if part.name == "dense":
        found["beside"] = (not part.options.get("beside", True),)
    return found


def _spoils(kind: str, purpose: str, labelled: bool) -> tuple[str, ...]:
    """Damage worth trying; none where the purpose says what is to be repaired."""
    if purpose in ("compress", "denoise") or kind in ("text", "audio", "video"):
        return ()
    if kind == "image":
        back = ("moves:shift=3,turn=0.2,scale=0.15,back=true",) if labelled else ()
        return ("none", "noise:0.1", "noise:0.5", "patches:0.5", "moves", *back)
    return NOISE


def changed(settings: dict[str, Any], chosen: dict[str, Any]) -> dict[str, Any]:
    """Constructor keywords for the settings that were chosen, those of the recipe left out.

    >>> changed({"network": "dense:widths=[64],activation=relu"}, {"network.widths": "[32]", "spoil": "recipe", "batch_size": 64})
    {'batch_size': 64, 'network': 'dense:widths=[32],activation=relu'}
    """
    given = {name: value for name, value in chosen.items() if value != RECIPE}
    options = {name.partition(".")[2]: given.pop(name) for name in list(given) if name.startswith("network.")}
    if options:
        part = Part.parse(settings["network"])
        text = ",".join(f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in options.items())
        parsed = Part.parse(f"{part.name}:{text}")
        given["network"] = str(Part(part.name, *part.values, **{**part.options, **parsed.options}))
    return given
