"""Chance from the generator that was handed in, wherever that generator lives; and what a copy of a bottleneck leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def normal(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers of the shape, precision and device of `like`."""
    place = like.device if generator is None else generator.device
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=place).to(like.device)


def uniform(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Numbers from 0 to 1 of any shape, in the precision and on the device of `like`."""
    place = like.device if generator is None else generator.device
    return torch.rand(*shape, generator=generator, dtype=like.dtype, device=place).to(like.device)


def chosen(weights: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """Places drawn by their weights, `count` for each row: (L, N) to (L, count). A row of zeros is drawn from evenly."""
    place = weights.device if generator is None else generator.device
    sound = torch.where(weights.sum(1, keepdim=True) > 0, weights, 1.0)
    return torch.multinomial(sound.to(place), count, replacement=True, generator=generator).to(weights.device)


def without_extra(module: nn.Module) -> dict[str, Any]:
    """What a copy or a pickle of a module keeps: all but `extra`, which belongs to one step and hangs on its gradients."""
    return {name: value for name, value in vars(module).items() if name != "extra"}
