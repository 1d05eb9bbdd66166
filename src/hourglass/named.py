"""Whether what a user named can be meant, numbers and parts with their options: asked before anything is read.

What an option may be can depend on the data. Where it does, the part is made for samples of several sorts, without memory, and its values
are refused here only if none of them can do with them; the rest is found out when the network is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from hourglass.errors import BadOption
from hourglass.parts import FOLDERS, Part, find, options_for, options_of

__all__ = ["ALWAYS_GIVEN", "LIMITS", "check_number", "check_pairs", "check_parts"]

LIMITS: dict[str, tuple[type | tuple[type, ...], float, float]] = {
    "code_size": (int, 1, 65_536),
    "members": (int, 1, 256),
    "epochs": (int, 1, 1_000_000),
    "minutes": ((int, float), 1e-6, 1e6),
    "batch_size": (int, 1, 1_000_000),
    "learning_rate": ((int, float), 1e-12, 1e4),
    "anomalies": ((int, float), 0.0, 0.5),
    "false_alarms": ((int, float), 0.0, 1.0),
}
SHARES = {
    "anomalies": ", a share: 5 % is 0.05; where more than half of the rows are anomalies, nothing tells which of them are the normal ones",
    "false_alarms": ", a share: 5 % is 0.05",
}
ALWAYS_GIVEN = ("anomalies", "false_alarms")  # have no "auto"

LONG, WIDE, SYMBOLS = 1 << 14, 1 << 9, 257
SHAPES = ((LONG,), (1, LONG), (3, WIDE, WIDE), (3, 64, WIDE, WIDE))  # table, series and sound, pictures, video
SMALL = ((4,), (1, 4), (1, 4, 4), (1, 2, 4, 4))
CODE = 16


def check_number(name: str, value: Any) -> None:
    """Refuse what is no number or out of range; "auto" and None only where a recipe can fill them in."""
    sort, least, most = LIMITS[name]
    automatic = name not in ALWAYS_GIVEN
    if automatic and (value is None or (isinstance(value, str) and value == "auto")):
        return
    whole = "a whole number" if sort is int else "a number"
    good = isinstance(value, sort) or (hasattr(value, "__index__") if sort is int else hasattr(value, "__float__"))
    if isinstance(value, bool | str) or not good or bool(np.ndim(value)) or not least <= value <= most:
        more = ", or auto" if automatic else SHARES.get(name, "")
        raise BadOption(f"{name}={value!r}: give {whole} from {least:g} to {most:g}{more}")


def check_pairs(settings: Mapping[str, Any], chosen: dict[str, Any], instead: str) -> None:
    """Pairs of smaller pictures are for networks that take any size; where another was named, `instead` is done to them."""
    part = Part.parse(chosen["spoil"])
    if (
        part.name == "none"
        or not getattr(find("spoils", part.name), "PAIR", False)
        or Part.parse(chosen["network"]).name in ("unet", "own")
    ):
        return
    if settings.get("spoil") not in (None, "auto"):
        raise BadOption(f"spoil={chosen['spoil']!r} shows pictures at half their size: take network='unet', which works at any size")
    chosen["spoil"] = instead


def check_parts(settings: Mapping[str, Any]) -> None:
    """Refuse names and options that no data could make right; `BadOption` says which and what is allowed."""
    trials = (_network, _bottleneck, _loss, None, _spoil)
    for folder, trial in zip(FOLDERS, trials, strict=True):
        given = settings.get(folder.removesuffix("es") if folder == "losses" else folder.removesuffix("s"))
        if given is None or isinstance(given, tuple):
            continue
        part = Part.parse(given)
        if part.name == "auto" or (part.name == "none" and folder == "spoils"):
            continue
        module = find(folder, part.name)
        if trial is not None:
            trial(part, module)


def _network(part: Part, module: Any) -> None:
    reads = "symbols" in options_of(module.encoder)
    given = {"code_size": CODE, "members": 1, **({"symbols": 0} if reads else {})}
    options, _ = options_for(part, module.encoder, module.decoder, given=given)
    shapes: list[tuple[tuple[int, ...], dict[str, Any]]] = [(shape, options) for shape in SHAPES]
    if reads:
        shapes.append(((LONG,), {**options, "symbols": SYMBOLS}))
    _tried(part, (partial(module.encoder, shape, **these) for shape, these in shapes))


def _bottleneck(part: Part, module: Any) -> None:
    (options,) = options_for(part, module.bottleneck, given={"members": 1})
    given = [((size,), 1) for size in range(1, 257)] + [((CODE, 8, 8), 1)] + [((1 << 16,), members) for members in (1, 2, 3, 4)]
    _tried(part, (partial(module.bottleneck, shape, **{**options, "members": members}) for shape, members in given))


def _loss(part: Part, module: Any) -> None:
    options, others = options_for(part, module.loss, module.outputs, given={"members": 1})
    facts = [{"shape": shape, "fields": [["number", 0, shape[0]]], "resolution": torch.zeros(1)} for shape in SHAPES]
    _tried(part, (partial(_measured, module, each, others, options) for each in facts))


def _measured(module: Any, facts: dict[str, Any], others: dict[str, Any], options: dict[str, Any]) -> None:
    module.outputs(facts, **others)
    module.loss(facts, **options)


def _spoil(part: Part, module: Any) -> None:
    (options,) = options_for(part, module.spoil)
    generator = torch.Generator().manual_seed(0)
    _tried(part, (partial(module.spoil, torch.zeros(1, *shape), generator, **options) for shape in SMALL), "cpu")


def _tried(part: Part, trials: Iterable[Callable[[], Any]], device: str = "meta") -> None:
    """Raise what a trial said of one of the part's own options, where no trial went well."""
    if not (part.options or part.values):
        return
    said = None
    values = [*(f"{name}={value!r}" for name, value in part.options.items()), *(f"={value!r}" for value in part.values)]
    for trial in trials:
        try:
            with torch.device(device):
                trial()
        except BadOption as trouble:
            said = trouble if any(value in str(trouble) for value in values) else said
        except (RuntimeError, NotImplementedError):  # what cannot be tried without memory
            return
        else:
            return
    if said is not None:
        raise said
