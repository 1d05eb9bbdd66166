"""Several networks of any sort side by side, one after the other."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["Members", "per_member"]


class Members(nn.Module):
    """`members` modules made by `make`, each with its own slice of the first axis: (M, B, ...) to (M, B, ...)."""

    def __init__(self, make: Callable[[], nn.Module], members: int) -> None:
        super().__init__()
        self.each = nn.ModuleList([make() for _ in range(members)])

    def forward(self, x: Tensor) -> Tensor:
        """(M, B, ...) to (M, B, ...)."""
        return torch.stack([module(part) for module, part in zip(self.each, x, strict=True)])


def per_member(rows: Tensor, members: int) -> Tensor:
    """(M * B, ...) as (M, B, ...)."""
    return rows.unflatten(0, (members, -1))  # type: ignore[no-any-return]
