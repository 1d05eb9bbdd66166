"""How many units the data are worth, found by a short training and measured on held-out samples.

Small fully connected networks are trained side by side as members, each with a code of its own size, so that the error of each size is
that of a network made for it. Where these would be large, one network is trained with an `ordered` code, which can be cut at any size, and
the final network goes on from there.

Most data show a knee: up to their dimension every unit lowers the error by much, beyond it by what noise gives. Where they show none, a
unit is worth it while it explains at least `WORTH` of the variance and more than `NOISE` times what a unit spent on noise would.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from hourglass import files
from hourglass.batches import Stream
from hourglass.errors import BadType
from hourglass.fitting import Fitting
from hourglass.layers.members import per_member
from hourglass.model import Factories, Model
from hourglass.parts import Batch, Cut, Part
from hourglass.progress import told, training

__all__ = ["brief", "curve", "knee", "largest", "model_at", "plan", "rest", "sized"]

SHARE = 0.4  # of the budget, where one network is trained, from which the final one goes on
ASIDE = 0.2  # of the minutes, where members are
BRIEF, SHORT, SECONDS = 250, 100, 6.0  # a budget of fewer steps for members, or for one network, or of less time, is for training alone
STEPS = 1000  # of the members: with 600 sheets of seven dimensions were taken for twelve
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32)
WIDTH = 64  # of the members' hidden layer; 128 found the same sizes in four times the time
MOST = 256  # numbers in a sample, beyond which members would take longer than the training itself
SAMPLES, FEW = 2000, 5
WORTH, NOISE = 0.005, 2.0
STEEP, FLAT, BEND = (
    0.3,
    0.25,
    2.0,
)  # a knee: a unit lowers the logarithm of the error by so much, none later by more than this or that share
TRIFLE = 0.02  # of the variance, added to errors before logarithms: networks leave as much of a curved sheet unexplained


def largest(facts: dict[str, Any]) -> int:
    """The largest code that is looked at: half of the numbers in a sample, at most 32."""
    return max(1, min(SIZES[-1], (int(math.prod(facts["shape"])) + 1) // 2))


def brief(settings: dict[str, Any], facts: dict[str, Any], samples: Batch | Cut | Stream) -> bool:
    """Whether the budget is too small to tell sizes apart: the search would take most of it, and find what PCA finds."""
    if settings["minutes"]:
        return bool(60 * settings["minutes"] < SECONDS)
    return bool(settings["epochs"] * max(1, _count(samples) // settings["batch_size"]) < (BRIEF if _beside(settings, facts) else SHORT))


def _count(samples: Batch | Cut | Stream) -> int:
    """How many samples there are."""
    if isinstance(samples, Cut):
        return samples.samples.count
    return samples.count if isinstance(samples, Batch) else samples.pieces.count


def _beside(settings: dict[str, Any], facts: dict[str, Any]) -> bool:
    """Whether networks of all sizes are trained side by side."""
    return Part.parse(settings["network"]).name == "dense" and math.prod(facts["shape"]) <= MOST


def plan(settings: dict[str, Any], facts: dict[str, Any], count: int) -> dict[str, Any]:
    """Settings of the search: members with a size each where samples are small, else one network with an ordered code."""
    top = largest(facts)
    epochs = None if settings["epochs"] is None else max(1, round(SHARE * settings["epochs"]))
    search = settings | {
        "code_size": top,
        "epochs": epochs,
        "minutes": settings["minutes"] and SHARE * settings["minutes"],
        "bottleneck": "ordered",
    }
    if not _beside(settings, facts):
        return search
    sizes = [size for size in SIZES if size < top] + [top]
    if epochs is not None:
        search["epochs"] = max(1, min(settings["epochs"], round(STEPS * settings["batch_size"] / count)))
    return search | {
        "minutes": settings["minutes"] and ASIDE * settings["minutes"],
        "network": f"dense:widths=[{WIDTH}]",
        "bottleneck": f"ordered:sizes=[{','.join(map(str, sizes))}]",
        "members": len(sizes),
    }


def rest(settings: dict[str, Any], search: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What is left of the budget after a search of so many seconds; members in steps of their own take no epochs from it."""
    epochs, minutes = settings["epochs"], settings["minutes"]
    if epochs is not None and search["members"] == settings["members"]:
        epochs = max(1, epochs - search["epochs"])
    return {"epochs": epochs, "minutes": minutes and max(minutes - seconds / 60, (1 - SHARE) * minutes)}


def sized(
    begin: Callable[[dict[str, Any]], Model],
    samples: Batch | Cut | Stream,
    settings: dict[str, Any],
    seed: int,
    verbose: bool = False,
) -> Model:
    """A model before training, with a code as large as the data are worth; its size and the rest of the budget are put into `settings`.

    `begin(settings)` makes a model. A budget too small to measure by leaves the recipe's size, and says so where `verbose`. The record
    keeps what was measured on held-out samples: `sizes`, their `errors`, the `variance`, and the size `chosen`.
    """
    usual = begin(settings)
    if brief(settings, usual.facts, samples):
        told(f"a code of {usual.code_size}, as usual: so short a training cannot tell what size the data are worth", verbose, "taking")
        return usual
    search = begin(plan(settings, usual.facts, _count(samples)))
    run = Fitting(search, samples, seed, uses=False)
    training(run, verbose, "finding the size of the code")
    judged = run.held_out if run.held_out.count >= FEW else run.training
    sizes, errors, variance = curve(search, judged[:SAMPLES])
    chosen = knee(sizes, errors, variance, search.input_size)
    settings |= {"code_size": chosen, **rest(settings, search.settings, search.record["seconds"])}
    model = begin(settings)
    _take(model, search)
    model.record["sizes"] = {"sizes": sizes, "errors": errors, "variance": variance, "chosen": chosen}
    told(f"a code of {model.code_size}: more is not worth it for these data; code_size sets another", verbose, "taking")
    return model


def curve(model: Model, judged: Batch) -> tuple[list[int], list[float], float]:
    """Sizes of the code, the mean squared error of each, and that of the mean."""
    options = Part.parse(model.settings["bottleneck"]).options
    sizes = options.get("sizes") or [size for size in SIZES if size < model.code_shape[0]] + [model.code_shape[0]]
    with torch.no_grad():
        if "sizes" in options:
            passed = model.forward(judged)
            output, target = model.loss.data(passed.output), passed.target  # type: ignore[operator]
            square = per_member((output - target.x).square(), model.members)
            real = None if target.mask is None else per_member(target.mask, model.members)
            errors = [_mean(square[m], None if real is None else real[m]) for m in range(model.members)]
        else:
            errors = [_at(model, judged, size) for size in sizes]
    mask = torch.ones_like(judged.x, dtype=torch.bool) if judged.mask is None else judged.mask
    mean = (judged.x * mask).sum(0) / mask.sum(0).clamp_min(1)
    return sizes, errors, _mean((judged.x - mean).square(), mask)


def _at(model: Model, judged: Batch, size: int) -> float:
    """The error of an ordered code that is cut to its first units."""
    squares = []
    for at in range(0, judged.count, 256):
        part = judged[at : at + 256]
        code = model.encode(part)
        back = model.loss.data(model.decode(model.bottleneck.at(code.z, size), code.beside))  # type: ignore[operator]
        squares.append((model.mean(back) - part.x).square())
    return _mean(torch.cat(squares), judged.mask)


def _mean(square: Tensor, mask: Tensor | None) -> float:
    return float(square.double().mean() if mask is None else square.double()[mask].mean())


def knee(sizes: Sequence[int], errors: Sequence[float], variance: float, width: int) -> int:
    """The size after which no larger one is worth it.

    >>> knee([1, 2, 3, 4, 5], [0.6, 0.3, 0.02, 0.019, 0.018], 1.0, 50)
    3
    """
    lowest = [min(errors[: place + 1]) for place in range(len(errors))]  # a larger code is never worse: it may leave units unused
    logs = [math.log(error + TRIFLE * variance + 1e-30) for error in (variance, *lowest)]
    places = [0, *sizes]
    drops = [(logs[i] - logs[i + 1]) / (places[i + 1] - places[i]) for i in range(len(sizes))]
    later = [max(drops[i + 1 :], default=0.0) for i in range(len(sizes))]
    bends = [(drops[i] / max(later[i], 1e-3), size) for i, size in enumerate(sizes[:-1]) if drops[i] >= STEEP and later[i] <= FLAT]
    if bends and max(bends)[0] >= BEND:
        return max(bends)[1]
    for i, size in enumerate(sizes):
        gains = [(lowest[i] - lowest[j]) / (sizes[j] - size) for j in range(i + 1, len(sizes))]
        if all(gain <= max(WORTH * variance, NOISE * lowest[i] / max(width - size, 1)) for gain in gains):
            return size
    return sizes[-1]


def _take(model: Model, other: Model) -> None:
    """Give `model`, whose code has the size found, the weights of the network of the search, cut to that size."""
    if other.members != model.members or other.settings["network"] != model.settings["network"]:
        return
    theirs = other.modules().state_dict()
    with torch.no_grad():
        for name, mine in model.modules().state_dict().items():
            if name in theirs and not name.startswith(("loss.", "bottleneck.")):
                mine.copy_(theirs[name][tuple(slice(0, size) for size in mine.shape)])


def model_at(init: Any, parts: Factories) -> Model:
    """The model that another one starts from."""
    if not isinstance(init, str | os.PathLike):
        raise BadType(f"init is a fitted Autoencoder or the path of a model; this is {type(init).__name__}")
    return files.read_model(init, parts)
