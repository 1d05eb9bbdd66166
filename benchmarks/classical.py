"""Denoisers that learn nothing, written out: Gaussian blur, wavelets, non-local means, and the two steps of BM3D.

BM3D is after Dabov et al. 2007, with cosine transforms in both steps; the table of Set12 says how it compares with the published numbers.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

REACH, SIDE, STEP = 12, 8, 4  # pixels: how far alike patches are looked for, their size, from one to the next
HARD = 2.7  # times the noise: smaller coefficients are dropped


def white(x: Tensor) -> float:
    """The spread of white noise by the finest diagonal details; x is (H, W) with even sides.

    Their root mean square, not their median (Donoho 1994): where noise grows with brightness, that of the dark majority is far too little.
    """
    details = (x[::2, ::2] - x[1::2, ::2] - x[::2, 1::2] + x[1::2, 1::2]) / 2
    return float(details.square().mean().sqrt())


def blurred(x: Tensor, sigma: float) -> Tensor:
    from scipy.ndimage import gaussian_filter

    return torch.from_numpy(gaussian_filter(x.numpy(), sigma))


def wavelets(x: Tensor, sigma: float, levels: int = 4, shifts: int = 4) -> Tensor:
    """Haar wavelets with thresholds after BayesShrink (Chang et al. 2000), averaged over shifts; sides are multiples of 2**levels."""
    made = torch.zeros_like(x)
    for down in range(shifts):
        for across in range(shifts):
            moved = x.roll((down, across), (0, 1))
            made += _shrunk(moved, sigma, levels).roll((-down, -across), (0, 1))
    return made / shifts**2


def _shrunk(x: Tensor, sigma: float, levels: int) -> Tensor:
    if not levels:
        return x
    a, b, c, d = x[::2, ::2], x[::2, 1::2], x[1::2, ::2], x[1::2, 1::2]
    inner = _shrunk((a + b + c + d) / 2, sigma, levels - 1)
    across, down, both = (_soft(part / 2, sigma) for part in (a - b + c - d, a + b - c - d, a - b - c + d))
    whole = torch.empty_like(x)
    whole[::2, ::2], whole[::2, 1::2] = (inner + across + down + both) / 2, (inner - across + down - both) / 2
    whole[1::2, ::2], whole[1::2, 1::2] = (inner + across - down - both) / 2, (inner - across - down + both) / 2
    return whole


def _soft(details: Tensor, sigma: float) -> Tensor:
    signal = max(float(details.square().mean()) - sigma**2, 1e-12) ** 0.5
    return details.sign() * (details.abs() - sigma**2 / signal).clamp_min(0)


def nonlocal_means(x: Tensor, sigma: float, side: int = 5, strength: float = 0.8) -> Tensor:
    """Each pixel as the mean of those whose surroundings are alike (Buades et al. 2005)."""
    around = pad(x[None, None], (REACH,) * 4, mode="reflect")[0, 0]
    summed, weights = torch.zeros_like(x), torch.zeros_like(x)
    for down in range(2 * REACH + 1):
        for across in range(2 * REACH + 1):
            other = around[down : down + x.shape[0], across : across + x.shape[1]]
            apart = avg_pool2d(pad((x - other).square()[None, None], (side // 2,) * 4, mode="reflect"), side, 1)[0, 0]
            weight = torch.exp(-(apart - 2 * sigma**2).clamp_min(0) / (strength * sigma) ** 2)
            summed, weights = summed + weight * other, weights + weight
    return summed / weights


def bm3d(x: Tensor, sigma: float) -> Tensor:
    """Alike patches as one block, whose small coefficients are dropped; then once more, weighed by what the first pass found."""
    down, across = _alike(x, 16)
    cosine, waves = _cosine(SIDE), _haar(16)
    blocks, weights = [], []
    for some in torch.arange(len(down)).split(8192):
        there = _into(_taken(x, down[some], across[some]), cosine, waves)
        kept = there.abs() > HARD * sigma
        kept[:, 0, 0, 0] = True
        blocks.append(_out(there * kept, cosine, waves))
        weights.append(1 / kept.flatten(1).sum(1).float())
    basic = _put(x, down, across, torch.cat(blocks), torch.cat(weights))
    down, across = _alike(basic, 32)
    waves, blocks, weights = _haar(32), [], []
    for some in torch.arange(len(down)).split(8192):
        power = _into(_taken(basic, down[some], across[some]), cosine, waves).square()
        share = power / (power + sigma**2)
        blocks.append(_out(_into(_taken(x, down[some], across[some]), cosine, waves) * share, cosine, waves))
        weights.append(1 / share.square().flatten(1).sum(1).clamp_min(1e-6))
    return _put(x, down, across, torch.cat(blocks), torch.cat(weights))


def _alike(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """For each patch, row by row, where the `count` patches lie that are most alike: rows and columns (n, count)."""
    height, width = x.shape
    rows, columns = (torch.tensor(sorted({*range(0, side - SIDE + 1, STEP), side - SIDE})) for side in (height, width))
    around = pad(x[None, None], (REACH,) * 4)[0, 0]
    steps = [(down, across) for down in range(-REACH, REACH + 1) for across in range(-REACH, REACH + 1)]
    far = []
    for down, across in steps:
        other = around[REACH + down : REACH + down + height, REACH + across : REACH + across + width]
        apart = avg_pool2d((x - other).square()[None, None], SIDE, 1)[0, 0][rows][:, columns]
        outside = [(at + step < 0) | (at + step > side - SIDE) for at, step, side in ((rows, down, height), (columns, across, width))]
        apart[outside[0]], apart[:, outside[1]] = math.inf, math.inf
        far.append(apart)
    nearest = torch.stack(far).flatten(1).topk(count, 0, largest=False).indices
    moved = torch.tensor(steps)[nearest]  # (count, n, 2)
    return (rows.repeat_interleave(len(columns)) + moved[..., 0]).T, (columns.repeat(len(rows)) + moved[..., 1]).T


def _taken(x: Tensor, down: Tensor, across: Tensor) -> Tensor:
    at = torch.arange(SIDE)
    return x[down[..., None, None] + at[:, None], across[..., None, None] + at]


def _put(x: Tensor, down: Tensor, across: Tensor, blocks: Tensor, weights: Tensor) -> Tensor:
    """Patches (n, count, SIDE, SIDE) back to where they lie, overlapping ones averaged by their weights."""
    at, window = torch.arange(SIDE), torch.from_numpy(np.kaiser(SIDE, 2.0)).float()
    places = ((down[..., None, None] + at[:, None]) * x.shape[1] + across[..., None, None] + at).flatten()
    each = (weights[:, None, None, None] * (window[:, None] * window)).expand(blocks.shape)
    summed = torch.zeros(x.numel()).index_add_(0, places, (blocks * each).flatten())
    return (summed / torch.zeros(x.numel()).index_add_(0, places, each.flatten()).clamp_min(1e-12)).view(x.shape)


def _into(blocks: Tensor, cosine: Tensor, waves: Tensor) -> Tensor:
    return torch.einsum("ij,rcjk,lk,mc->rmil", cosine, blocks, cosine, waves)


def _out(blocks: Tensor, cosine: Tensor, waves: Tensor) -> Tensor:
    return torch.einsum("ji,rmjk,kl,mc->rcil", cosine, blocks, cosine, waves)


def _cosine(size: int) -> Tensor:
    at = np.arange(size)
    made = np.cos(np.pi * (2 * at + 1) * at[:, None] / (2 * size)) * np.sqrt(2 / size)
    made[0] /= np.sqrt(2)
    return torch.from_numpy(made).float()


def _haar(size: int) -> Tensor:
    if size == 1:
        return torch.ones(1, 1)
    means = torch.kron(_haar(size // 2), torch.tensor([[1.0, 1.0]]))
    return torch.cat([means, torch.kron(torch.eye(size // 2), torch.tensor([[1.0, -1.0]]))]) / math.sqrt(2)
