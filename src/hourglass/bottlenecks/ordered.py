"""A code whose units are sorted by how much they matter, so that it can be cut after training at any size.

In training each sample keeps only its first units, as many as chance says, so the first ones must carry what matters most; one training
gives the codes of all sizes. Small sizes are drawn more often (k units in proportion to 1 / k), and a share `full` of the samples keeps
all units: of the distributions tried only this one was nowhere worse than PCA. Each size is a little worse than a network trained for it
alone; where the size is settled, take `plain`. Rippel et al. 2014 (nested dropout).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hourglass.bottlenecks._chance import uniform
from hourglass.errors import BadOption
from hourglass.parts import Code

inputs = 1


class Ordered(nn.Module):
    """h (B, size, ...) to a code with zeros beyond some number of units (channels, in pictures): any number in training, `kept` in use."""

    kept: Tensor

    def __init__(self, size: int, full: float, sizes: Sequence[int] | None) -> None:
        super().__init__()
        self.size, self.full, self.sizes = size, full, sizes
        self.register_buffer("kept", torch.tensor(size))
        self.generator: torch.Generator | None = None  # set by the loop

    def forward(self, h: Tensor, encode: Callable[..., Tensor] | None = None) -> Code:
        """h (B, size, ...) to Code(z, cost=0)."""
        if self.sizes is not None:
            kept = torch.tensor(self.sizes, device=h.device).repeat_interleave(h.shape[0] // len(self.sizes))
        else:
            kept = self._drawn(h) if self.training else self.kept
        return Code(self.at(h, kept), h.new_zeros(h.shape[0]))

    def at(self, z: Tensor, kept: int | Tensor) -> Tensor:
        """Codes (B, size, ...) with zeros beyond their first `kept` units; one number, or one for each row."""
        count = torch.as_tensor(kept, device=z.device).reshape(-1, 1)
        first = torch.arange(self.size, device=z.device) < count  # (B or 1, size)
        return z * first.reshape(*first.shape, *[1] * (z.dim() - 2))

    def cut(self, kept: int) -> None:
        """From now on use only the first `kept` units; a saved model remembers it."""
        if isinstance(kept, bool) or not isinstance(kept, int) or not 1 <= kept <= self.size:
            raise BadOption(f"a code of {self.size} ordered units can be cut to 1 to {self.size} of them; this is {kept!r}")
        self.kept.fill_(kept)

    def _drawn(self, h: Tensor) -> Tensor:
        """How many units each row keeps, (B,)."""
        chance = uniform((2, h.shape[0]), h, self.generator)
        reached = (1 / torch.arange(1, self.size + 1, device=h.device, dtype=h.dtype)).cumsum(0)
        drawn = torch.searchsorted(reached / reached[-1], chance[0]).clamp_max(self.size - 1) + 1
        return torch.where(chance[1] < self.full, self.size, drawn)


def bottleneck(code_shape: Sequence[int], *, full: float = 0.3, sizes: Sequence[int] | None = None, members: int = 1) -> nn.Module:
    """`full`: share of samples that keep all units in training; more serves the whole code, less serves codes that are cut.

    `sizes`: how many units each member keeps, always: codes of several sizes side by side.
    """
    if isinstance(full, bool) or not isinstance(full, int | float) or not 0 <= full < 1:
        raise BadOption(f"ordered:full={full!r}: give a share from 0 to below 1, such as 0.3")
    if sizes is not None and (
        not isinstance(sizes, list) or len(sizes) != members or not all(type(size) is int and 1 <= size <= code_shape[0] for size in sizes)
    ):
        raise BadOption(f"ordered:sizes={sizes!r}: give one size from 1 to {code_shape[0]} for each of the {members} members")
    return Ordered(code_shape[0], float(full), sizes)
