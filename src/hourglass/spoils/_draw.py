"""Draws for spoils: never from a global generator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hourglass.errors import BadOption

__all__ = ["check_share", "hits", "uniform"]


def uniform(shape: Sequence[int], like: Tensor, generator: torch.Generator) -> Tensor:
    """Even draws from [0, 1), in at least float32, on the device of `like`; the generator may live on another."""
    dtype = like.dtype if like.dtype in (torch.float32, torch.float64) else torch.float32
    return torch.rand(tuple(shape), generator=generator, device=generator.device, dtype=dtype).to(like.device)


def hits(shape: Sequence[int], like: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """True at a random `share` of places."""
    return uniform(shape, like, generator) < share


def check_share(share: float) -> None:
    """Refuse a share outside [0, 1]."""
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise BadOption(f"share={share!r}: the share to spoil lies between 0 and 1, such as 0.25")
