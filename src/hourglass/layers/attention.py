"""Blocks of a transformer: every token looks at all others."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["Blocks"]


class Block(nn.Module):
    """Attention, then two layers for each token by itself; each is added to its normalised input (Vaswani 2017, Xiong 2020)."""

    def __init__(self, width: int, heads: int, depth: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask, self.answer = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        with torch.no_grad():  # what the blocks add up to is as large as what goes in, however many they are
            for last in (self.answer, self.narrow):
                last.weight.mul_(1 / math.sqrt(2 * depth))

    def forward(self, x: Tensor, real: Tensor | None = None) -> Tensor:
        """(B, N, width) to the same; nobody looks at tokens that are not `real` (B, 1, 1, N)."""
        asked = self.ask(self.before(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (3, B, heads, N, share)
        heard = scaled_dot_product_attention(asked[0], asked[1], asked[2], attn_mask=real)
        x = x + self.answer(heard.transpose(1, 2).flatten(2))
        return x + self.narrow(nn.functional.gelu(self.widen(self.between(x))))  # type: ignore[no-any-return]


class Blocks(nn.Module):
    """`depth` blocks one after the other, and a last normalisation."""

    def __init__(self, width: int, heads: int, depth: int) -> None:
        super().__init__()
        self.each = nn.ModuleList([Block(width, heads, depth) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, real: Tensor | None = None) -> Tensor:
        """(B, N, width) to the same; `real` (B, N), or None where all tokens are."""
        shown: Any = None if real is None else real[:, None, None]
        for block in self.each:
            x = block(x, shown)
        return self.norm(x)  # type: ignore[no-any-return]
