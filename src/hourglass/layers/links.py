"""Between probabilities and what a decoder puts out."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Choices", "logits"]


def logits(mean: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and offset of the logit at probabilities `mean` (F,), bounded so that rare events do not start at infinity."""
    held = mean.clamp(0.02, 0.98)
    return 1 / (held * (1 - held)).clamp_min(0.1), torch.logit(held)


class Choices:
    """The one-hot fields among F elements: log-probabilities and probabilities within each, all fields at once.

    `fields` is `facts["fields"]`; only those of type `category` matter here.
    """

    def __init__(self, fields: list[list[object]]) -> None:
        spans = [(int(start), int(width)) for sort, start, width in fields if sort == "category"]  # type: ignore[call-overload]
        widest = max((width for _, width in spans), default=0)
        inside = torch.arange(widest)[None] < torch.tensor([[width] for _, width in spans]).reshape(-1, 1)  # (fields, widest)
        starts = torch.tensor([[start] for start, _ in spans]).reshape(-1, 1)
        self.inside = inside
        self.gather = torch.where(inside, starts + torch.arange(widest)[None], 0)
        self.elements = self.gather[inside]  # (all one-hot elements,)

    def __len__(self) -> int:
        return len(self.elements)

    def log_probabilities(self, rows: Tensor) -> Tensor:
        """Outputs (..., F) to log-probabilities (..., elements), in the order of `elements`."""
        grouped = rows[..., self.gather].masked_fill(~self.inside, -torch.inf)
        return torch.log_softmax(grouped, -1)[..., self.inside]
