"""Principal components, and linear paths that start at them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize, pad

from hourglass.layers.linear import Linear
from hourglass.layers.sides import fill
from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["decomposed", "lead", "principal", "start_beside", "start_blocks"]

ROWS, WIDE_ROWS = 4096, 1000  # samples that PCA looks at when a network starts: enough for its leading directions
BLOCK = 1024  # columns worked on at a time
NARROW = 512  # numbers in a sample, up to which all are looked at


def principal(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean (F,) and the first `count` principal directions (count, F) of rows `x` (B, F), in float64.

    Directions beyond the rank of the data are zero.
    """
    mean, rows, _ = decomposed(x, count)
    return mean, rows


def decomposed(x: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The same with the variances along all directions, largest first. Wide data go through the Gram matrix of their rows."""
    mean = x.mean(0, dtype=torch.float64)
    if wide := x.shape[1] > x.shape[0]:
        products = sum((part @ part.T for part in _centred(x, mean)), torch.zeros((), dtype=torch.float64))
    else:
        x = x - mean
        products = x.T @ x
    values, vectors = torch.linalg.eigh(products)
    spectrum = values.flip(0)
    values, vectors = spectrum[:count], vectors.flip(1)[:, :count]
    rows = normalize(torch.cat([part.T @ vectors for part in _centred(x, mean)]).T if wide else vectors.T, dim=1)
    rows = rows * (values > 1e-10 * values[:1].clamp_min(1e-30))[:, None]
    return mean, pad(rows, (0, 0, 0, count - rows.shape[0])), spectrum.clamp_min(0) / len(x)


def _centred(x: Tensor, mean: Tensor) -> Iterator[Tensor]:
    """Blocks of columns without their mean, in float64, of which all together would take more memory than the data."""
    return (x[:, at : at + BLOCK] - mean[at : at + BLOCK] for at in range(0, x.shape[1], BLOCK))


def start_beside(model: Model, batch: Batch, enter: tuple[Linear, Any], leave: tuple[Linear, Any]) -> None:
    """Set two linear paths to the PCA of `batch`: standardised scores into the code, their reconstruction out of it.

    `enter` and `leave` are each the path and the last layer that it stands beside, which is silent at first. Losses whose
    output is not in the units of the data (logits) say so by `link(mean) -> slope, offset`.
    """
    into, out, shift, offset = _maps(model, batch.x.flatten(1), model.code_size)
    lead(*enter, into, shift)
    lead(*leave, out, offset)


def lead(path: Linear, last: Any, weight: Tensor, bias: Tensor) -> None:
    """Set a linear path to weight (outputs, inputs) and bias, and make the last layer that it stands beside silent."""
    _put(path, weight, bias)
    _hush(last)


def start_blocks(model: Model, batch: Batch, enter: tuple[Any, Any], leave: tuple[Any, Any]) -> None:
    """The same for spatial codes: the PCA of blocks as large as the paths' kernels, drawn from `batch` (B, C, ...)."""
    channels, step = batch.x.shape[1], enter[0].kernel_size[0]
    if leave[0].out_channels != channels:
        return
    blocks = _blocks(batch.x[:256], step)
    thin = max(1, len(blocks) // ROWS)
    into, out, shift, offset = _maps(model, blocks[::thin], model.code_shape[0])
    with torch.no_grad():
        kept = enter[0].weight * 0.1
        kept[: len(into)] = into.reshape(-1, *kept.shape[1:]).to(kept.dtype)
        enter[0].weight.copy_(kept)
        enter[0].bias.copy_(pad(shift, (0, kept.shape[0] - len(shift))).to(kept.dtype))
        leave[0].weight.copy_(out.T.reshape(leave[0].weight.shape).to(kept.dtype))
        leave[0].bias.copy_(offset.reshape(channels, -1).mean(1).to(kept.dtype))
    _hush(enter[1], leave[1])


def _blocks(x: Tensor, step: int) -> Tensor:
    """Samples (B, C, ...) cut into blocks (blocks, C * step * ...); what is left over at the ends is no whole block."""
    short = any(side < step for side in x.shape[2:])
    cut = fill(x, step) if short else x
    for side in range(2, x.dim()):
        cut = cut.unfold(side, step, step)  # (B, C, blocks along each side, step along each)
    return cut.movedim(1, x.dim() - 1).flatten(0, x.dim() - 2).flatten(1)


def _maps(model: Model, x: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Linear maps into the code (count, F) and out of it (F, count), each with its offset, from the PCA of rows `x` (B, F)."""
    if x.shape[1] > NARROW:  # from everywhere: samples may be in order of time
        x = x[:: -(-len(x) // (ROWS if x.shape[1] <= ROWS else WIDE_ROWS))]
    mean, rows = principal(x, count)
    spread = ((x.double() - mean) @ rows.T).std(0, correction=0).clamp_min(1e-6)
    link = getattr(model.loss, "link", None)
    slope, offset = (torch.ones_like(mean), mean) if link is None else link(mean)
    into = rows / spread[:, None]
    return into, (rows * spread[:, None]).T * slope[:, None], -into @ mean, offset


def _hush(*layers: Any) -> None:
    """Make layers silent, so that the start is PCA itself: the least noise would be many times the error of series that PCA nearly keeps.

    The layers behind them learn from the second step on.
    """
    with torch.no_grad():
        for last in layers:
            last.weight.zero_()
            last.bias.zero_()


def _put(layer: Linear, weight: Tensor, bias: Tensor) -> None:
    """Copy weight (outputs, inputs) and bias into a layer, the same for each member; rows beyond those given are small."""
    with torch.no_grad():
        layer.weight.mul_(0.1)
        layer.bias.zero_()
        layer.weight[..., : weight.shape[0], :] = weight.to(layer.weight.dtype)
        layer.bias[..., : bias.shape[0]] = bias.to(layer.bias.dtype)
