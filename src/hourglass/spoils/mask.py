"""Elements blotted out at random: masking noise (Vincent et al. 2010), the usual spoil for tables."""

from __future__ import annotations

import torch
from torch import Tensor

from hourglass.spoils._draw import check_share, hits

__all__ = ["in_cells", "spoil"]


def spoil(x: Tensor, generator: torch.Generator, *, share: float = 0.25) -> Tensor:
    """Set a random `share` of the elements to 0, each by its own draw. x is (B, ...) or (M, B, ...), of any type.

    In a standardised table 0 is the mean of a column; in a picture it is black. See `patches` for whole regions.

    >>> spoil(torch.ones(2, 3), torch.Generator(), share=1.0)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    check_share(share)
    return x.masked_fill(hits(x.shape, x, generator, share), 0)


def in_cells(x: Tensor, generator: torch.Generator, cells: Tensor, *, share: float = 0.25) -> Tensor:
    """The same for tables (..., F), whose element `i` is part of cell `cells[i]`: cells go as a whole.

    A category goes with all its elements, a value with the flag that says that it is there: what is hidden looks as if it were missing.
    """
    check_share(share)
    hidden = hits((*x.shape[:-1], int(cells.max()) + 1), x, generator, share)
    return x.masked_fill(hidden[..., cells.to(x.device)], 0)
