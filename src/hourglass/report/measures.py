"""The numbers of a report: what the network does, against what must be beaten."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hourglass.errors import BadData
from hourglass.model import Model
from hourglass.parts import Batch, Part
from hourglass.report import rivals
from hourglass.report.baselines import filled, means, principal
from hourglass.report.passes import Seen, choose, look, spoiled, square_error, take, unlike
from hourglass.report.probes import probe
from hourglass.report.removed import removed
from hourglass.report.sizes import sizes
from hourglass.uses.likelihood import applies, likelihood

__all__ = ["measure", "plain", "settled"]

TRAINING_ROWS, HELD_OUT_ROWS, MAP_POINTS, WORST = 5000, 2000, 1000, 12
PASSED = 2e6  # elements: wide samples are passed through the network in smaller numbers
KEPT = 2.5e7  # elements for PCA, which can afford more
LIKELY, DRAWS = 4e7, 200  # numbers that decoders give for a likelihood, and draws for each sample
FAR = 1000.0  # a row is far out from here, in multiples of the usual squared distance from the mean


def measure(model: Model, training: Batch, held_out: Batch, *, labels: Any = None, seed: int = 0) -> dict[str, Any]:
    """Every number that the verdicts and the page stand on, as JSON values; what cannot be measured is None or absent.

    `labels` belong to the rows of `held_out`. Uses at most 5,000 training and 2,000 held-out rows, chosen by `seed`. Errors are mean
    squared differences over real elements, in network units (of texts: shares of wrong symbols, and `setting.counted` says so); `nats` are
    per sample. Without held-out rows the training rows stand in, and `rows.held_out` is 0.
    """
    was = model.encoder.training
    model.train(False)
    try:
        rows = {"training": training.count, "held_out": held_out.count}
        if training.count + held_out.count == 0:
            raise BadData("there are no rows to measure; give at least one")
        if held_out.count == 0:
            held_out, labels = training, None
        training = held_out if training.count == 0 else training
        width = math.prod(model.shape)
        asked = choose(held_out.count, HELD_OUT_ROWS, 2 * PASSED / width, seed)
        rows["measured"] = len(asked)
        labels = None if labels is None else np.asarray(labels)[asked.numpy()]
        some = take(training, choose(training.count, TRAINING_ROWS, KEPT / width, seed))
        found = _measure(model, some, take(held_out, asked), labels, seed)
    finally:
        model.train(was)
    clean: dict[str, Any] = plain({"rows": rows, **found, **_record(model)})
    return clean


def _measure(model: Model, training: Batch, held_out: Batch, labels: Any, seed: int) -> dict[str, Any]:
    """All that needs passes through the network."""
    near, near_asked = _near(training, training), _near(training, held_out)
    training, held_out = take(training, near), take(held_out, near_asked)
    labels = None if labels is None else labels[near_asked.numpy()]
    passed = take(training, choose(training.count, TRAINING_ROWS, 4 * PASSED / math.prod(model.shape), seed))
    seen, asked, odd = look(model, passed), look(model, held_out), look(model, unlike(model, held_out, seed))
    found: dict[str, Any] = {"nats": {name: _nats(rows) for name, rows in (("training", seen), ("held_out", asked), ("unlike", odd))}}
    found |= {
        "likelihood": _likelihood(model, held_out),
        "code": _code(model, asked),
        "setting": _setting(model),
        "outliers": int((~near).sum() + (~near_asked).sum()),
    }
    if asked.x.is_floating_point():
        found |= {"repair": _repair(model, held_out, asked, seed), "removed": removed(model, held_out)}
        beaten = rivals.of_numbers(model, training, seen, asked, (passed, held_out))
    else:
        found["bits"] = _bits(model, seen, asked)
        beaten = rivals.of_texts(model, seen, asked, (passed, held_out))
        seen, asked, odd = (rivals.mistakes(rows) for rows in (seen, asked, odd))
    found["error"] = _errors(seen, asked, odd, beaten)
    found["dimensions"] = {"code": model.code_size, "width": beaten.width, "effective": beaten.effective}
    found |= {"map": _map(asked, labels), "histogram": _histogram(asked, odd), "columns": _columns(model, asked)}
    if beaten.fitted is not None:
        found["sizes"] = sizes(model, asked, beaten.fitted, found["error"])
        own = beaten.fitted.first(model.code_size)
        found["labels"] = None if labels is None else probe(asked, own, labels)
    return found


def _near(training: Batch, rows: Batch) -> Tensor:
    """Which rows are not so far out that a mean over all rows would be about them alone."""
    everything = torch.ones(rows.count, dtype=torch.bool)
    if not rows.x.is_floating_point():
        return everything
    known = filled(training.x, training.mask).flatten(1)
    some = known[:: -(-known.shape[0] // 500)]
    middle = some.median(0).values
    usual = square_error(some, middle, None).median()
    near = square_error(filled(rows.x, rows.mask).flatten(1), middle, None) <= FAR * usual
    return near if usual > 0 and near.float().mean() > 0.9 else everything


def _errors(seen: Seen, asked: Seen, odd: Seen, beaten: rivals.Rivals) -> dict[str, float | None]:
    """Mean squared errors on held-out rows, of the model, of its code alone where that is not all, and of what it must beat."""
    alone = {} if asked.alone is None else {"code": _over(asked, asked.alone)}
    return alone | {
        "model": _over(asked, asked.back),
        "pca": _over(asked, beaten.pca),
        "random": None if beaten.random is None else _over(asked, beaten.random),
        "mean": _over(asked, beaten.mean),
        "training": _over(seen, seen.back),
        "pca_training": _over(seen, beaten.pca_training),
        "unlike": _over(odd, odd.back),
    }


def _over(seen: Seen, back: Tensor) -> float:
    """Mean squared error over all real elements of all rows, in double precision."""
    square = (seen.x - back).double().square()
    return float(square.mean()) if seen.mask is None else float(square[seen.mask].mean())


def _nats(seen: Seen) -> dict[str, float]:
    return {"loss": float(seen.loss.double().mean()), "cost": float(seen.cost.double().mean())}


def _repair(model: Model, held_out: Batch, asked: Seen, seed: int) -> dict[str, float] | None:
    """Errors of held-out rows that were damaged as in training: before the network, and behind it."""
    damaged = spoiled(model, held_out, seed)
    if damaged is None:
        return None
    return {"damage": _over(asked, damaged.x.flatten(1).cpu().to(asked.x.dtype)), "left": _over(asked, look(model, damaged).back)}


def _bits(model: Model, seen: Seen, asked: Seen) -> dict[str, float]:
    """Bits per symbol of held-out texts: what the decoder leaves open, and for who knows nothing but how common each symbol is."""
    real = asked.x.numel() if asked.mask is None else int(asked.mask.sum())
    left = float(asked.loss.double().sum()) / max(1, real) / math.log(2)
    return {"model": left, "alone": rivals.entropy(seen, asked, int(model.facts["symbols"]))}


def _code(model: Model, seen: Seen) -> dict[str, Any]:
    """How much each unit of the code varies over rows, and which stand still.

    A gaussian code is measured against its prior, of variance 1: a unit whose mean varies by less than 0.01 says nothing (its share of
    the KL is about half of that, in nats). Other codes are measured against their liveliest unit.
    """
    variance = seen.z.double().var(0, correction=0)
    largest = float(variance.max())
    gaussian = Part.parse(model.settings["bottleneck"]).name == "gaussian"
    floor = 0.01 if gaussian else max(1e-3 * largest, 1e-10)
    active = int((variance > floor).sum())
    usage = variance.sort(descending=True).values
    cost = float(seen.cost.double().mean())
    still = seen.z.shape[0] > 1 and active == 0
    found = {"units": variance.numel(), "active": active, "usage": usage[:256].tolist(), "floor": floor, "cost": cost}
    return found | {"gaussian": gaussian, "still": still, "collapsed": gaussian and (still or (cost < 0.01 and largest < 0.05))}


def _likelihood(model: Model, held_out: Batch) -> dict[str, Any] | None:
    """What a variational autoencoder says of held-out samples, by a hundred draws and more; fewer samples where decoding is dear."""
    if not applies(model) or not held_out.count:
        return None
    count = max(8, min(200, int(LIKELY / max(1, model.output_size) / DRAWS)))
    return likelihood(model, held_out[:count], DRAWS)._asdict()


def _setting(model: Model) -> dict[str, Any]:
    names = ("network", "bottleneck", "loss", "spoil", "code_size", "members", "purpose", "learning_rate", "batch_size")
    chosen = {name: model.settings.get(name) for name in names}
    chosen |= {"kind": model.kind, "shape": list(model.shape), "weights": sum(p.numel() for p in model.parameters())}
    return chosen | {"likelihood": bool(getattr(model.loss, "likelihood", True)), "counted": "symbols" in model.facts}


def _map(seen: Seen, labels: Any) -> dict[str, Any]:
    """Codes on their first two principal components, at most 1,000 points, with label and error."""
    step = -(-seen.x.shape[0] // MAP_POINTS)
    part = seen.rows(torch.arange(0, seen.x.shape[0], step))
    places = principal(part.z, 2).encode(part.z)
    places = torch.nn.functional.pad(places, (0, 2 - places.shape[1]))
    errors = square_error(part.x, part.back, part.mask)
    names = None if labels is None else [_name(label) for label in labels[::step]]
    return {"points": places.tolist(), "errors": errors.tolist(), "labels": names}


def _name(label: Any) -> str:
    """A label as text, whole numbers without a point."""
    return str(int(label)) if isinstance(label, float | np.floating) and float(label).is_integer() else str(label)


def _histogram(asked: Seen, odd: Seen, bins: int = 30) -> dict[str, list[float]] | None:
    """How many rows have which error, held-out and unlike, in bins of equal width on a logarithmic scale."""
    both = [square_error(rows.x, rows.back, rows.mask).double() for rows in (asked, odd)]
    both = [errors[errors.isfinite()] for errors in both]
    together = torch.cat(both)
    if not len(together) or together.max() == 0:
        return None
    top = float(together.max())
    low = max(float(together.min()), 1e-6 * top)
    edges = np.geomspace(low, max(top, low * 1.01), bins + 1)
    counts = [np.histogram(errors.numpy().clip(edges[0], edges[-1]), edges)[0].tolist() for errors in both]
    return {"edges": edges.tolist(), "held_out": counts[0], "unlike": counts[1]}


def _columns(model: Model, seen: Seen) -> list[dict[str, float]] | None:
    """The columns of a table, or sensors of a series, that come back worst: their number, error, and variance."""
    if len(model.shape) > 2 or model.shape[0] == 1 or "symbols" in model.facts or "rate" in model.facts:
        return None

    def each(rows: Tensor) -> Tensor:
        """Sums for each column; for each sensor over all steps."""
        return rows.double().sum(0).reshape(model.shape[0], -1).sum(1)

    mask = torch.ones_like(seen.x, dtype=torch.bool) if seen.mask is None else seen.mask
    real = each(mask).clamp(min=1)
    error = each(torch.where(mask, (seen.x - seen.back).square(), 0.0)) / real
    spread = each(torch.where(mask, (seen.x - means(seen.x, seen.mask)).square(), 0.0)) / real
    worst = error.nan_to_num(torch.inf).argsort(descending=True)[:WORST].tolist()
    return [{"column": i, "error": float(error[i]), "variance": float(spread[i])} for i in worst]


def _record(model: Model) -> dict[str, Any]:
    record = model.record
    return {
        "history": list(record.get("history") or []),
        "troubles": [str(text) for text in record.get("troubles") or []],
        "stopped": str(record.get("stopped") or ""),
    }


def settled(model: Model) -> dict[str, Any]:
    """What a report tells of a model and its training, whatever is measured."""
    return {"setting": _setting(model), **_record(model)}


def plain(value: Any) -> Any:
    """JSON that every reader takes: six digits, and None for what is no number.

    >>> plain({"a": [float("nan"), 1 / 3]})
    {'a': [None, 0.333333]}
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
