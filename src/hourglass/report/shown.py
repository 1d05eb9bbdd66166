"""A few held-out samples beside what came back, to look at or to listen to: what suits their sort."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hourglass.model import Model
from hourglass.parts import Batch, find
from hourglass.report import films, pictures, rows, sensors, sounds, texts
from hourglass.report.passes import square_error
from hourglass.uses.embed import rebuilt

__all__ = ["shown"]

POOL, NUMBERS = 400, 4e6  # samples, and numbers in them, of which some are chosen
MANY = {"picture": 10, "clip": 3, "sound": 3, "window": 3, "row": 8, "text": 16}


class Chosen(NamedTuple):
    """Samples from the one that came back best to the one that came back worst: all that were passed, and which are shown."""

    samples: Batch
    back: Tensor
    errors: Tensor
    order: list[int]

    @property
    def given(self) -> Tensor:
        """Those that are shown, as they went in."""
        return self.samples.x[self.order]

    @property
    def returned(self) -> Tensor:
        """Those that are shown, as they came back."""
        return self.back[self.order]

    @property
    def mask(self) -> Tensor | None:
        """What is real of those that are shown."""
        return None if self.samples.mask is None else self.samples.mask[self.order]

    @property
    def titles(self) -> list[str]:
        """How each stands among all."""
        return [f"{name} of {self.samples.count}" for name in _ranks(len(self.order))]


def shown(model: Model, held_out: Batch) -> list[str]:
    """Cards of HTML with samples of `held_out`, which the network never saw."""
    facts, sort = model.facts, _sort(model)
    few = _chosen(model, held_out, MANY[sort])
    note = f"Held-out samples, from the one that comes back best to the one that comes back worst, of {few.samples.count:,}."
    if sort == "picture":
        cleaned = facts.get("noise") is not None and model.settings.get("purpose") == "denoise"
        return [pictures.card_of(few.given, few.returned.clamp(0, 1), note, cleaned=cleaned)]
    if sort == "clip":
        return [films.card_of(facts, few.given.float(), few.returned.float(), few.titles, note)]
    if sort == "text":
        return [texts.card_of(few.given, few.returned, few.mask, note)]
    if sort == "sound":
        titles = few.titles if facts.get("whole") else [f"around {title}" for title in few.titles]
        return [sounds.card_of(facts, _heard(facts, few), titles, note)]
    if sort == "window":
        real = None if few.mask is None else few.mask.numpy()
        return [sensors.card_of(facts, (_numpy(few.given), _numpy(few.returned), real), few.titles, note)]
    module = find("kinds", model.kind)
    return [rows.card_of(*(module.from_tensor(part, facts) for part in (few.given.float(), few.returned.float())))]


def _sort(model: Model) -> str:
    """What the samples are, told by their facts: a kind's name says nothing here."""
    if "symbols" in model.facts:
        return "text"
    if len(model.shape) == 2:
        return "sound" if "rate" in model.facts else "window"
    return {1: "row", 3: "picture"}.get(len(model.shape), "clip")


def _chosen(model: Model, held_out: Batch, count: int) -> Chosen:
    """Samples evenly over the order of their errors; of those that are mostly padding none, if there are others."""
    pool = held_out[: max(count, min(POOL, int(NUMBERS / model.input_size)))]
    back = rebuilt(model, pool).cpu()
    mask = None if pool.mask is None else pool.mask.flatten(1)
    wrong = (pool.x != back).float() if not pool.x.is_floating_point() else pool.x - back
    errors = square_error(wrong.flatten(1), torch.zeros_like(wrong.flatten(1)), mask).nan_to_num(torch.inf)
    order = errors.argsort(stable=True)
    if mask is not None and "symbols" not in model.facts:
        full = mask.float().mean(1)[order] >= 0.5
        order = order[full] if bool(full.any()) else order
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return Chosen(pool, back, errors, order[torch.from_numpy(places)].tolist())


def _ranks(count: int) -> list[str]:
    """From the best to the worst, in words."""
    if count == 1:
        return ["one"]
    return ["the best", *["one in the middle"] * (count - 2), "the worst"]


def _heard(facts: dict[str, Any], few: Chosen) -> list[tuple[Any, Any]]:
    """Whole sounds without their padding; where samples are windows of longer ones, stretches of several."""
    if facts.get("whole"):
        real = [x.shape[-1] if few.mask is None else int(few.mask[i, 0].sum()) for i, x in enumerate(few.given)]
        return [(_numpy(x[:, :n]), _numpy(y[:, :n])) for x, y, n in zip(few.given, few.returned, real, strict=True)]
    return sounds.stretches(_numpy(few.samples.x), _numpy(few.back), few.order, int(sounds.LONGEST * facts["rate"]))


def _numpy(part: Tensor) -> Any:
    return part.double().numpy()
