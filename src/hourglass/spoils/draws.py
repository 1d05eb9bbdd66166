"""Grey values as probabilities: every element is drawn anew, black or white, each time it is seen; the drawn picture is the target too.

For the loss `bernoulli`, as generative models of digits are trained and compared (Burda et al. 2016). Held-out samples stay grey, which
gives the same loss on average.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hourglass.errors import BadOption
from hourglass.spoils._draw import uniform

__all__ = ["TARGET", "spoil"]

TARGET = True  # the network is asked for what was drawn


def spoil(x: Tensor, generator: torch.Generator) -> Tensor:
    """1 with probability x, else 0, for every element of x (B, *shape) in [0, 1].

    >>> spoil(torch.tensor([[[0.0, 1.0]]]), torch.Generator()).tolist()
    [[[0.0, 1.0]]]
    """
    if not x.is_floating_point() or x.dim() < 3:
        raise BadOption("the spoil draws is for pictures, whose grey values are probabilities; for other data take noise or mask")
    return (uniform(x.shape, x, generator) < x).to(x.dtype)
