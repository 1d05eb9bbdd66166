"""Principal components, and linear paths that start at them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize, pad

from hourglass.layers.linear import Linear
from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["principal", "start_beside"]

ROWS, WIDE_ROWS = 4096, 1000  # samples that PCA looks at when a network starts: enough for its leading directions


def principal(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean (F,) and the first `count` principal directions (count, F) of rows `x` (B, F), in float64.

    Directions beyond the rank of the data are zero. Wide data go through the Gram matrix of their rows.
    """
    x = x.double()
    mean = x.mean(0)
    x = x - mean
    wide = x.shape[1] > x.shape[0]
    values, vectors = torch.linalg.eigh(x @ x.T if wide else x.T @ x)
    values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
    rows = normalize((x.T @ vectors).T if wide else vectors.T, dim=1)
    rows = rows * (values > 1e-10 * values[:1].clamp_min(1e-30))[:, None]
    return mean, pad(rows, (0, 0, 0, count - rows.shape[0]))


def start_beside(model: Model, batch: Batch, enter: tuple[Linear, Any], leave: tuple[Linear, Any]) -> None:
    """Set two linear paths to the PCA of `batch`: standardised scores into the code, their reconstruction out of it.

    `enter` and `leave` are each the path and the last layer that it stands beside, which is made small at first. Losses whose
    output is not in the units of the data (logits) say so by `link(mean) -> slope, offset`.
    """
    x = batch.x.flatten(1)
    x = x[: ROWS if x.shape[1] <= ROWS else WIDE_ROWS]
    mean, rows = principal(x, model.code_size)
    spread = ((x.double() - mean) @ rows.T).std(0, correction=0).clamp_min(1e-6)
    link = getattr(model.loss, "link", None)
    slope, offset = (torch.ones_like(mean), mean) if link is None else link(mean)
    into = rows / spread[:, None]
    _put(enter[0], into, -into @ mean)
    _put(leave[0], (rows * spread[:, None]).T * slope[:, None], offset)
    for _, last in (enter, leave):
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.zero_()


def _put(layer: Linear, weight: Tensor, bias: Tensor) -> None:
    """Copy weight (outputs, inputs) and bias into a layer, the same for each member; rows beyond those given become small."""
    with torch.no_grad():
        layer.weight.mul_(0.1)
        layer.bias.zero_()
        layer.weight[..., : weight.shape[0], :] += weight.to(layer.weight.dtype) - layer.weight[..., : weight.shape[0], :] * 0.9
        layer.bias[..., : bias.shape[0]] = bias.to(layer.bias.dtype)
