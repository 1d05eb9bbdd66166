"""Convolutions with a residual connection."""

from __future__ import annotations

from torch import Tensor, nn

from hourglass.layers.linear import activation

__all__ = ["Residual"]


class Residual(nn.Module):
    """Two 3 x 3 convolutions around an activation, added to their input: (B, C, H, W) to the same shape (He et al. 2016)."""

    def __init__(self, channels: int, active: str) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.between = activation(active)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H, W)."""
        return x + self.second(self.between(self.first(x)))  # type: ignore[no-any-return]
