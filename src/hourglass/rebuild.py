"""A network from a description that nobody vouches for: sizes are compared before memory is taken, and no code of a file runs."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as registration

from hourglass.errors import BadFile
from hourglass.model import Factories, Model, seeded
from hourglass.parts import Part, listing

__all__ = ["WEIGHTS", "Unfit", "rebuild"]

PART_LIMIT = 4_000  # characters of a part in text form
SHAPE_LIMIT = 1 << 24  # numbers in one sample: losses take memory for some of these, whatever the weights
WEIGHTS = ("encoder.", "bottleneck.", "decoder.", "loss.")
FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


class Unfit(Exception):
    """Why a description and its weights cannot be a model; the reader of the file adds its name."""


def rebuild(texts: Mapping[str, Any], weights: Mapping[str, Tensor], parts: Factories) -> Model:
    """The model that `texts` (kind, settings, facts, record) describe: checked, compared on the `meta` device, and only then built."""
    kind, settings, facts = texts["kind"], texts["settings"], texts["facts"]
    _check(texts, sum(tensor.numel() for tensor in weights.values()))
    own = _own(settings["network"], parts)
    with seeded(0):
        if not own:  # a user's own factories are code of theirs, which may not know the meta device
            with _budget(weights), torch.device("meta"):
                _compare(Model.build(kind, facts, settings, parts), weights)
        with _budget(weights):  # built a second time, since what a network computes for itself is lost on the meta device
            model = Model.build(kind, facts, settings, parts)
    _compare(model, weights)
    model.modules().load_state_dict(dict(weights), assign=True)
    model.record = texts["record"]
    return model.train(False)


def _check(texts: Mapping[str, Any], numbers: int) -> None:
    """Refuse descriptions of the wrong types or with sizes that a network of so many `numbers` cannot have."""
    kind, settings, facts = texts["kind"], texts["settings"], texts["facts"]
    if kind not in listing("kinds"):
        raise Unfit(f"there is no kind {str(kind)[:60]!r} here; known: {', '.join(listing('kinds'))}")
    if not all(isinstance(texts[name], dict) for name in ("settings", "facts", "record")):
        raise Unfit("settings, facts and record must be named values")
    shape = facts.get("shape")
    if not isinstance(shape, list) or not 0 < len(shape) <= 5 or not all(type(n) is int and n > 0 for n in shape):
        raise Unfit(f"the shape of a sample is one to five positive numbers; this is {str(shape)[:60]}")
    if math.prod(shape) > SHAPE_LIMIT:
        raise Unfit(f"a sample of shape {shape} is larger than any that hourglass makes")
    _check_fields(facts.get("fields", []), shape[0])
    _check_settings(settings, max(numbers, 10**6))


def _check_fields(fields: Any, width: int) -> None:
    """Refuse fields that are no `[type, start, width]` within the first axis, or that overlap: losses make lists as long as they say."""
    if not isinstance(fields, list) or not all(isinstance(field, list) and [type(x) for x in field] == [str, int, int] for field in fields):
        raise Unfit("its fields are not a list of [type, start, width]")
    end = 0
    for _, start, size in sorted(fields, key=lambda field: field[1:]):
        if start < end or size < 0 or start + size > width:
            raise Unfit(f"its fields do not divide the {width} places of a sample")
        end = start + size


def _check_settings(settings: Mapping[str, Any], largest: int) -> None:
    """Refuse parts that are no short texts, and any size in them above `largest`."""
    sizes: list[Any] = [settings.get(name) for name in ("code_size", "members")]
    if not all(type(size) is int and size > 0 for size in sizes):
        raise Unfit(f"code_size and members are positive numbers; these are {str(sizes)[:60]}")
    for name in ("network", "bottleneck", "loss"):
        text = settings.get(name)
        if not isinstance(text, str) or len(text) > PART_LIMIT:
            raise Unfit(f"the {name} is named by a short text; this is {str(text)[:60]}")
        part = Part.parse(text)
        for value in (*part.values, *part.options.values()):
            sizes += value if isinstance(value, list) else [value]
    if any(isinstance(size, int) and abs(size) > largest for size in sizes):
        raise Unfit("its settings ask for more than the weights it holds")


def _own(text: str, parts: Factories) -> bool:
    """Whether the network is a user's own one; then its factories must have been given."""
    part = Part.parse(text)
    if part.name != "own":
        return False
    names = [str(part.options.get(name)) for name in ("encoder", "decoder")]
    missing = [name for name in dict.fromkeys(names) if name not in parts]
    if missing:
        raise BadFile(
            f"this model has a network of its maker's own: load(path, parts={{...}}) must give {' and '.join(map(repr, missing))}"
        )
    return True


@contextlib.contextmanager
def _budget(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Stop a build in this thread as soon as it makes far more than a file holds, whatever its settings ask for."""
    thread = threading.get_ident()
    left = {"numbers": 4 * sum(tensor.numel() for tensor in weights.values()) + (1 << 22), "things": 50 * len(weights) + 1000}

    def spend(module: nn.Module, name: str, made: Any) -> None:
        if threading.get_ident() == thread:
            left["things"] -= 1
            left["numbers"] -= made.numel() if isinstance(made, Tensor) else 0
            if min(left.values()) < 0:
                raise Unfit("its settings ask for a far larger network than it holds weights for")

    hooks = [
        registration.register_module_parameter_registration_hook(spend),
        registration.register_module_buffer_registration_hook(spend),
        registration.register_module_module_registration_hook(spend),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _compare(model: Model, weights: Mapping[str, Tensor]) -> None:
    """Refuse weights whose names, shapes or sorts are not those of the network."""
    wanted = model.modules().state_dict()
    if odd := sorted(wanted.keys() ^ weights.keys()):
        raise Unfit(
            f"its weights are not those of its network: {', '.join(odd[:3])} {'is' if len(odd) == 1 else 'are'} missing or too many"
        )
    for name, tensor in weights.items():
        same = tensor.dtype in FLOATS if wanted[name].is_floating_point() else tensor.dtype == wanted[name].dtype
        if not same or tensor.shape != wanted[name].shape:
            raise Unfit(f"{name} should be {tuple(wanted[name].shape)} and is {tuple(tensor.shape)} {tensor.dtype}")
