"""Convolutions with a residual connection."""

from __future__ import annotations

from torch import Tensor, nn

from hourglass.layers.linear import activation
from hourglass.layers.sides import same

__all__ = ["Feeding", "Mixing", "Residual"]


class Residual(nn.Module):
    """Two convolutions three wide around an activation, added to their input: (B, C, ...) to the same shape (He et al. 2016)."""

    def __init__(self, channels: int, active: str, sides: int = 2, bias: bool = True) -> None:
        super().__init__()
        self.first = same(sides, channels, channels, bias=bias)
        self.between = activation(active)
        self.second = same(sides, channels, channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) to (B, C, ...)."""
        return x + self.second(self.between(self.first(x)))  # type: ignore[no-any-return]


class Mixing(nn.Module):
    """Channels mixed, neighbours mixed channel by channel, channels mixed again; added to the input (Sandler et al. 2018).

    The last layer starts at zero, so that the block begins as if it were not there.
    """

    def __init__(self, channels: int, width: int, active: str, sides: int = 2) -> None:
        super().__init__()
        last = same(sides, width, channels, 1)
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        inner = [same(sides, channels, width, 1), activation(active), same(sides, width, width, 3, groups=width), activation(active)]
        self.layers = nn.Sequential(*inner, last)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) to (B, C, ...)."""
        return x + self.layers(x)  # type: ignore[no-any-return]


class Feeding(nn.Module):
    """Two steps in one block: neighbours are mixed, then the channels of each place by themselves; both are added to their input.

    Stronger than `Mixing` for its work, as in transformers (Vaswani et al. 2017). The last layers of both steps start at zero.
    """

    def __init__(self, channels: int, width: int, wider: int, active: str, sides: int = 2) -> None:
        super().__init__()
        self.enter = same(sides, channels, width, 1)
        self.around = same(sides, width, width, 3, groups=width)
        self.leave = same(sides, width, channels, 1)
        self.widen = same(sides, channels, wider, 1)
        self.narrow = same(sides, wider, channels, 1)
        self.first, self.second = activation(active), activation(active)
        for last in (self.leave, self.narrow):
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) to (B, C, ...)."""
        x = x + self.leave(self.around(self.first(self.enter(x))))
        return x + self.narrow(self.second(self.widen(x)))  # type: ignore[no-any-return]
