"""The code as it is, at no cost: what squeezes is its size alone. When `code_size` is not well below the data's width, it can copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from hourglass.parts import Code

inputs = 1


class Plain(nn.Module):
    """h (B, ...) to a code of the same numbers; cost zero."""

    free = True  # passes the code unchanged at no cost: gradients by hand may skip it

    def forward(self, h: Tensor, encode: Callable[[Tensor], Tensor] | None = None) -> Code:
        """h (B, ...) to Code(z=h, cost=0)."""
        return Code(h, h.new_zeros(h.shape[0]))


def bottleneck(code_shape: Sequence[int], *, members: int = 1) -> nn.Module:
    """No options."""
    return Plain()
