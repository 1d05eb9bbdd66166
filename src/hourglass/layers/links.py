"""Between probabilities and what a decoder puts out."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Choices", "elements", "logits"]


def logits(mean: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and offset of the logit at probabilities `mean` (F,), bounded so that rare events do not start at infinity."""
    held = mean.clamp(0.02, 0.98)
    return 1 / (held * (1 - held)).clamp_min(0.1), torch.logit(held)


def elements(fields: list[list[object]], sort: str) -> Tensor:
    """The numbers of all elements in fields of one sort; real numbers even while networks are built without memory."""
    numbers = [at for kind, start, width in fields if kind == sort for at in range(int(start), int(start) + int(width))]  # type: ignore[call-overload]
    return torch.tensor(numbers, dtype=torch.long, device="cpu")


class Choices:
    """The one-hot fields among F elements: log-probabilities and probabilities within each, all fields at once.

    `fields` is `facts["fields"]`; only those of type `category` matter here.
    """

    def __init__(self, fields: list[list[object]]) -> None:
        spans = [(int(start), int(width)) for sort, start, width in fields if sort == "category"]  # type: ignore[call-overload]
        widest = max((width for _, width in spans), default=0)
        grid = [[start + at if at < width else -1 for at in range(widest)] for start, width in spans]
        gather = torch.tensor(grid, dtype=torch.long, device="cpu").reshape(len(spans), widest)
        self.inside = gather >= 0  # (fields, widest)
        self.gather = gather.clamp_min(0)
        self.elements = elements(fields, "category")  # (all one-hot elements,)

    def __len__(self) -> int:
        return len(self.elements)

    def log_probabilities(self, rows: Tensor) -> Tensor:
        """Outputs (..., F) to log-probabilities (..., elements), in the order of `elements`."""
        grouped = rows[..., self.gather].masked_fill(~self.inside, -torch.inf)
        return torch.log_softmax(grouped, -1)[..., self.inside]
