"""Holes in series: what stands there for a network to read."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["bridged"]


def bridged(x: Tensor, mask: Tensor | None) -> Tensor:
    """(..., T) with straight lines across what is not real; where one side of it is open, the last real value goes on.

    A hole read as 0, the mean, is a leap that no sensor makes, and the code would be spent on it. Without a real value all are 0.

    >>> bridged(torch.tensor([1.0, 9.0, 3.0, 9.0]), torch.tensor([True, False, True, False]))
    tensor([1., 2., 3., 3.])
    """
    if mask is None or bool(mask.all()):
        return x
    last = x.shape[-1] - 1
    steps = torch.arange(last + 1, device=x.device).expand(x.shape)
    before = torch.where(mask, steps, -1).cummax(-1).values
    after = torch.where(mask, steps, last + 1).flip(-1).cummin(-1).values.flip(-1)
    left = torch.where(before < 0, after, before).clamp_max(last)
    right = torch.where(after > last, before, after).clamp_min(0)
    share = (steps - left) / (right - left).clamp_min(1)
    line = torch.lerp(x.gather(-1, left), x.gather(-1, right), share.to(x.dtype))
    return torch.where(mask, x, torch.where(mask.any(-1, keepdim=True), line, 0))
