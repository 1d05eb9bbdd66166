"""Several networks of any sort side by side, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Members", "per_member"]


class Members(nn.Module):
    """`members` modules made by `make`, each with its own slice of the first axis: (M, B, ...) to (M, B, ...).

    Where modules take or give several tensors (skips beside the code), each of these has the member axis in front. `masked` is theirs.
    """

    def __init__(self, make: Callable[[], nn.Module], members: int) -> None:
        super().__init__()
        self.each = nn.ModuleList([make() for _ in range(members)])
        self.masked = bool(getattr(self.each[0], "masked", False))

    def forward(self, x: Tensor | tuple[Tensor, ...], mask: Tensor | None = None) -> Any:
        """(M, B, ...) to (M, B, ...); `mask`, of the shape of x, goes to modules that are `masked`."""
        shares = zip(*x, strict=True) if isinstance(x, tuple) else x
        others = [()] * len(self.each) if mask is None else [(part,) for part in mask]
        given = [module(share, *other) for module, share, other in zip(self.each, shares, others, strict=True)]
        if isinstance(given[0], tuple):
            return tuple(torch.stack(parts) for parts in zip(*given, strict=True))
        return torch.stack(given)


def per_member(rows: Tensor, members: int) -> Tensor:
    """(M * B, ...) as (M, B, ...)."""
    return rows.unflatten(0, (members, -1))  # type: ignore[no-any-return]
