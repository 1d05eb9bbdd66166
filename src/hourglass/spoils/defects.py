"""Pictures with painted-on defects: specks, blots, cracks, scratches, stains, darker or brighter, of another texture or smudged.

For finding defects in pictures when only good ones are there to train on, as in DRAEM (Zavrtanik et al. 2021), with the loss `defect`. A
defect changes a place and leaves the rest of the picture as it is, to the bit. Not for pictures whose anomalies are no places.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from hourglass.errors import BadOption
from hourglass.layers.light import brightness, light
from hourglass.spoils._draw import check_share, uniform
from hourglass.spoils._shapes import between, normal, stains, strokes

STAINED = 0.15  # share of the shapes that are stains, not strokes
SMUDGE = 9  # pixels across, over which a smudge and the ground of a defect are blurred
STRENGTH = (0.5, 5.0)  # of a darker or brighter place, in spreads of the picture: what is faint in one is plain in another
DARK = 0.65  # share of the toned defects that are dark: most are holes, dirt and shadow
FAINT, SEEN = 0.1, 0.15  # less opaque than this, or changed by less than so many spreads, is not damaged at all
QUIET = 1 / 255  # the least spread


def spoil(x: Tensor, generator: torch.Generator, *, share: float = 0.75) -> Tensor:
    """Paint a defect on a random `share` of the pictures, and a second one on half as many. x is (B, C, H, W) or (M, B, C, H, W).

    >>> picture = torch.full((1, 1, 16, 16), 0.5)
    >>> damaged = spoil(picture, torch.Generator().manual_seed(1), share=1.0)
    >>> 0 < int((damaged != picture).sum()) < 256
    True
    """
    check_share(share)
    if x.dim() < 4 or not x.is_floating_point():
        raise BadOption("the spoil defects is for pictures; for other data take noise or mask")
    damaged = x.flatten(0, -4) if x.dim() > 4 else x
    for chance in (share, share / 2):
        rows = torch.nonzero(uniform((len(damaged),), x, generator) < chance).flatten()
        if len(rows):
            damaged = damaged.index_copy(0, rows, _damaged(damaged[rows], damaged, generator))
    return damaged.reshape(x.shape)


def _damaged(pictures: Tensor, all_pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Each of the pictures with one defect: mostly of another tone, else of another picture's texture, or smudged."""
    count, seen = len(pictures), light(pictures)
    shape = strokes(count, pictures, generator)
    stained = uniform((count, 1, 1), pictures, generator) < STAINED
    if bool(stained.any()):
        shape = torch.where(stained, stains(count, pictures, generator), shape)
    opaque = shape.unsqueeze(1) * (0.4 + 0.6 * uniform((count, 1, 1, 1), pictures, generator))
    opaque = torch.where(opaque > FAINT, opaque, 0).to(pictures.dtype)
    ground = avg_pool2d(pad(seen, [SMUDGE // 2] * 4, mode="replicate"), SMUDGE, 1)
    spread = seen.std((1, 2, 3), keepdim=True).clamp_min(QUIET)
    paint = _paint(seen, ground, spread, generator)
    sort = uniform((count, 1, 1, 1), pictures, generator)
    paint = torch.where(sort < 0.75, paint, torch.where(sort < 0.9, light(_elsewhere(pictures, all_pictures, generator)), ground))
    painted = torch.lerp(seen, paint.to(pictures.dtype), opaque)
    changed = (painted - seen).abs().amax(1, keepdim=True) > SEEN * spread
    low, high = pictures.amin().clamp(max=0), pictures.amax().clamp(min=1)
    return torch.where(changed, brightness(painted).clamp(low, high), pictures)


def _paint(pictures: Tensor, ground: Tensor, spread: Tensor, generator: torch.Generator) -> Tensor:
    """Another tone, with some of the texture beneath and some grain of its own."""
    each = (len(pictures), 1, 1, 1)
    sign = torch.where(uniform(each, pictures, generator) < DARK, -1.0, 1.0)
    tone = ground + uniform(each, pictures, generator) * (pictures - ground) + sign * between(*STRENGTH, each, pictures, generator) * spread
    return tone + 0.3 * spread * uniform(each, pictures, generator) * normal(tuple(pictures.shape), pictures, generator)


def _elsewhere(pictures: Tensor, all_pictures: Tensor, generator: torch.Generator) -> Tensor:
    """As many other pictures, moved and mirrored."""
    rows = torch.argsort(uniform((len(all_pictures),), pictures, generator))[: len(pictures)]
    down, across = (int(float(uniform((1,), pictures, generator)) * side) for side in pictures.shape[-2:])
    mirrored = 2 if float(uniform((1,), pictures, generator)) < 0.5 else 3
    return all_pictures[rows].roll((down, across), (2, 3)).flip(mirrored)
