"""A user's own network: how its two factories are named in settings, and the checks that they keep the contract of networks.

`encoder(shape, *, code_size, ...) -> (module, code_shape)` and `decoder(code_shape, shape, outputs, *, ...) -> module`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

from hourglass.errors import BadOption, BadType
from hourglass.model import Factories, Model
from hourglass.parts import Batch, options_of

__all__ = ["check_factories", "check_network", "factories", "takes_members", "text"]

ROLES = ("encoder", "decoder")
PLACES = {"encoder": ("shape",), "decoder": ("code_shape", "shape", "outputs")}


def factories(network: Any) -> Factories:
    """The pair's factories by the names that settings and the model file have for them; of anything that is no pair, none."""
    return dict(zip(_names(network), network, strict=True)) if isinstance(network, tuple) else {}


def text(network: tuple[Any, Any]) -> str:
    """The pair as settings have it, such as `own:encoder=my_encoder,decoder=my_decoder`."""
    return "own:" + ",".join(f"{role}={name}" for role, name in zip(ROLES, _names(network), strict=True))


def takes_members(network: tuple[Any, Any]) -> bool:
    """Whether both factories can make several networks in one."""
    return all("members" in options_of(factory) for factory in network)


def check_factories(network: tuple[Any, ...]) -> None:
    """Refuse a pair that is none, or whose factories cannot be called as those of networks are."""
    if len(network) != 2:
        raise BadOption(f"network is a name or a pair (encoder, decoder) of factories; this has {len(network)} items")
    for role, factory in zip(ROLES, network, strict=True):
        if not callable(factory) or isinstance(factory, torch.nn.Module):
            raise BadType(f"network: the {role} is a factory, a function that makes a module; this is {type(factory).__name__}")
        given = {name: 1 for name in ("code_size", "members") if name in options_of(factory)}
        try:
            inspect.signature(factory).bind(*PLACES[role], **given)
        except TypeError as trouble:
            wanted = (
                f"{role}({', '.join(PLACES[role])}, *, code_size, ...)"
                if role == "encoder"
                else f"{role}({', '.join(PLACES[role])}, *, ...)"
            )
            found = f"{_name(factory)}{inspect.signature(factory)}"
            raise BadOption(
                f"network: the {role} is called as {wanted}, options by keyword alone; {found} does not fit: {trouble}"
            ) from None


def check_network(make: Callable[[], Model], kept: tuple[Any, ...]) -> Model:
    """Make the model and pass two samples through it: what does not fit raises `BadOption`, with the shapes that came out."""
    names = " and ".join(_names(kept))
    try:
        model = make().train(False)
    except (TypeError, ValueError, AttributeError, IndexError) as trouble:
        if isinstance(trouble, BadOption):
            raise
        raise BadOption(
            f"network: {names} made no network; an encoder gives (module, code_shape), a decoder a module: {trouble}"
        ) from trouble
    first = next(iter(model.encoder.parameters()), torch.zeros(()))
    x = torch.zeros(2, *model.shape, dtype=first.dtype)
    try:
        with torch.no_grad():
            code, output, _ = model.forward(Batch(x))
            back = model.loss.data(output)  # type: ignore[operator]
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as trouble:
        raise BadOption(f"network: two samples {tuple(x.shape)} do not pass through {names}: {trouble}") from trouble
    if tuple(code.z.shape) != (2 * model.members, *model.code_shape) or tuple(back.shape[1:]) != model.shape:
        raise BadOption(
            f"network: of samples {tuple(x.shape)} {names} made codes {tuple(code.z.shape)} and samples {tuple(back.shape)}; "
            f"codes should be {(2, *model.code_shape)}, as the encoder said, and samples as they came"
        )
    return model


def _names(network: tuple[Any, ...]) -> tuple[str, str]:
    """The factories' own names where these tell them apart, else their roles."""
    first, second = (_name(factory) for factory in network)
    return (first, second) if first != second and first.isidentifier() and second.isidentifier() else ROLES


def _name(factory: Any) -> str:
    return str(getattr(factory, "__name__", type(factory).__name__))
