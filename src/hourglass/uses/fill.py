"""Missing values filled in: what the network expects of a row of which it sees the rest.

Best by a network that learned it: one under the spoil `mask`, which hides cells of the training rows and asks for them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.uses.embed import rebuilt

__all__ = ["KINDS", "filled", "prepare"]

KINDS = ("table", "series")


def prepare(model: Model, training: Batch, held_out: Batch) -> dict[str, Tensor]:
    """The lowest and highest real value of every element of tables: no hole is filled with anything beyond."""
    if len(model.shape) > 1 or not training.count or not training.x.is_floating_point():
        return {}
    real = torch.ones_like(training.x, dtype=torch.bool) if training.mask is None else training.mask
    ends = [training.x.masked_fill(~real, far).float() for far in (torch.inf, -torch.inf)]
    low, high = ends[0].amin(0), ends[1].amax(0)
    empty = ~real.any(0)  # such a column stays what the network says
    return {"fill.low": low.masked_fill(empty, -torch.inf), "fill.high": high.masked_fill(empty, torch.inf)}


def filled(model: Model, batch: Batch) -> Tensor:
    """The samples (B, *shape) as the network gives them back, every cell of tables said to be there."""
    if model.kind not in KINDS:
        raise BadOption(f"fill is for tables and series, where cells can be missing; this model is for {model.kind}")
    values = rebuilt(model, batch)
    if "presence" not in model.facts or len(model.shape) > 1:
        return values
    first = model.facts["presence_start"]
    low, high = (model.arrays.get(f"fill.{end}") for end in ("low", "high"))
    values = values.clone() if low is None or high is None else values.clamp(low.to(values.dtype), high.to(values.dtype))
    values[:, first : first + len(model.facts["presence"])] = 1.0
    return values
