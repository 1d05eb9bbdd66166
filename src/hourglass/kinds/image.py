"""Pictures: files, folders and arrays to tensors (B, C, H, W) in [0, 1], and back to pictures.

    read -> pieces of Pictures (or an array) -> to_tensor -> network -> from_tensor -> write

A chunk is a list of `Picture` (from files), an array (n, H, W) or (n, H, W, C), or a `Stack` (an array with labels, from .npz).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from hourglass.errors import BadData, BadOption, BadType
from hourglass.kinds import _picture_masks as masks
from hourglass.kinds import _picture_pieces as parts
from hourglass.kinds import _picture_source as sources
from hourglass.kinds import _pixels
from hourglass.kinds._picture import MOST_PIXELS, Picture
from hourglass.kinds._picture_back import restore, sheet, write
from hourglass.kinds._picture_facts import Tally, channelled, from_values, to_values
from hourglass.kinds._picture_noise import Some
from hourglass.kinds._picture_source import ARRAYS, Stack, bare, claims
from hourglass.kinds._picture_tiles import DETAIL, as_tiles, inside, repeated, tiles, whole
from hourglass.layers.noise import Noise
from hourglass.layers.options import checked_flag
from hourglass.parts import Batch, Cut, Pieces

__all__ = [
    "DETAIL",
    "MOST_PIXELS",
    "Picture",
    "Stack",
    "as_tiles",
    "claims",
    "cut",
    "describe",
    "from_tensor",
    "inside",
    "join",
    "labels",
    "learn",
    "pictures",
    "places",
    "read",
    "restore",
    "sheet",
    "single",
    "to_tensor",
    "training",
    "whole",
    "write",
]

Facts = dict[str, Any]
Chunk = Any  # list[Picture] | NDArray | Stack


def read(
    source: Any,
    *,
    size: Sequence[int] | None = None,
    strict: bool = False,
    label: str | None = None,
    max_pixels: int = MOST_PIXELS,
    stacks: bool = False,
) -> Pieces:
    """Pictures from a file, a folder (recursively), a glob, a list, an array, .npy or .npz, in pieces of up to 256; decoded when loaded.

    Broken pictures are left out with a warning that names each, or raise with `strict`. `label="folder"` takes the name of a picture's
    folder as its label; in an .npz, `label` is the array of labels (by default `y`). Larger pictures than `max_pixels` are refused.
    With `stacks` every page of a TIFF is a picture.

    >>> read(np.zeros((300, 8, 8), np.uint8)).counts
    [256, 44]
    """
    parts.sides(size)
    if sources.is_path(source) and (Path(source).suffix.lower() in ARRAYS or ".npz:" in str(source)):
        pixels, beside = sources.array_file(Path(source), label)
        return parts.of_array(pixels, beside, size, str(source))
    if isinstance(source, Stack):
        return parts.of_array(source.pixels, source.label, size, "the pictures")
    if hasattr(source, "__array__") and not isinstance(source, Image.Image):
        array = np.asarray(source)
        return parts.of_array(array[None] if parts.alone(array) else array, None, size, "the array")
    if parts.in_memory(source):
        return parts.of_memory(source if isinstance(source, list | tuple) else [source], size)
    if label not in (None, "folder"):
        raise BadOption(f"label={label!r}: picture files have no columns; label='folder' takes the name of a picture's folder")
    good, headers = sources.sound(masks.apart(sources.gather(source)), strict=strict, most=max_pixels, stacks=stacks)
    return parts.of_files(good, headers, size, label is not None, max_pixels, str(source))


def single(source: Any) -> Picture:
    """The one picture that a path, a Pillow image or an array (H, W), (H, W, 1 to 4) is; several raise `BadData`."""
    if hasattr(source, "__array__") and not isinstance(source, Image.Image) and np.ndim(source) in (2, 3):
        return parts.as_picture(np.asarray(source))
    pieces = read(source)
    if pieces.count != 1:
        raise BadData(f"{pieces.name}: {pieces.count} pictures; give one at a time")
    return parts.as_picture(pieces.load(0)[0])


def pictures(chunk: Chunk) -> list[Picture]:
    """The pictures of a chunk, one by one."""
    return [parts.as_picture(each) for each in (chunk if _listed(chunk) else bare(chunk))]


def learn(pieces: Pieces, *, size: Sequence[int] | None = None, noise: bool = False, stacks: bool = False, repeats: bool = False) -> Facts:
    """One pass: the size (H, W) that pictures are brought to, grey or colour, the range of values, their smallest step and mean.

    Pictures that all have one size up to 128 x 128 keep it; others come to their median shape within 64 x 64 pixels; `size` overrides.
    `noise`: also what noise they have, whether it grows with brightness and whether neighbours share it. `repeats`: pictures of one folder,
    stack or array show the same scene. `stacks`: as in `read`.
    """
    parts.sides(size)
    some = Some(len(pieces.counts)) if checked_flag("image", "noise", noise) else None
    if not pieces.count:
        raise BadData(f"{pieces.name}: no pictures")
    tally, label, axes, file = Tally(), None, 4, True
    for index in range(len(pieces.counts)):
        chunk = pieces.load(index)
        for pixels, _ in _groups(chunk):
            tally.add(pixels)
            if some is not None:
                some.add(pixels, index)
        file = _listed(chunk)
        axes = axes if file else bare(chunk).ndim
        label = label or (("folder" if file else "y") if labels(chunk, {}) is not None else None)
    facts = tally.facts(size, file=file, axes=axes, label=label)
    facts |= {name: True for name, said in (("stacks", stacks), ("repeats", repeats)) if checked_flag("image", name, said)}
    return facts if some is None else some.told(facts, pieces.count, file=file)


def _listed(chunk: Chunk) -> bool:
    """Is it a list of Pictures (and not an array)?"""
    return isinstance(chunk, list | tuple)


def _groups(chunk: Chunk) -> Iterator[tuple[NDArray[Any], bool]]:
    """Pixels (n, H, W, C) of one size and type, and whether they come from files."""
    if not _listed(chunk):
        if not isinstance(chunk, Stack) and not hasattr(chunk, "__array__"):
            raise BadType(f"a chunk of pictures is an array or a list of Picture; this is a {type(chunk).__name__}")
        yield channelled(bare(chunk)), False
        return
    for picture in chunk:
        yield picture.full[None], True


def to_tensor(chunk: Chunk, facts: Facts, native: bool = False) -> Any:
    """A batch (B, C, H, W) in [0, 1], float32 (float64 for float64 arrays), resized with antialiasing to the learned size.

    With `native` nothing is resized: an array gives one batch, a list of Pictures a list of batches of one picture each. Colour
    pictures given to a grey model are turned to grey with a warning; grey ones given to a colour model are repeated.
    """
    groups = list(_groups(chunk))
    if facts["channels"] == 1 and any(_pixels.split(pixels)[0].shape[-1] == 3 for pixels, _ in groups):
        warnings.warn("the model was trained on grey pictures; colours are turned to grey", UserWarning, stacklevel=2)
    tensors = [to_values(pixels, facts, file=file) for pixels, file in groups]
    if native:
        batches = [Batch(tensor) for tensor in tensors]
        return batches if _listed(chunk) else batches[0]
    size = (facts["size"][0], facts["size"][1])
    if not tensors:
        return Batch(torch.zeros(0, facts["channels"], *size))
    return Batch(torch.cat([_pixels.resized(tensor, size) for tensor in tensors]))


def from_tensor(values: Tensor | Sequence[Tensor], facts: Facts, like: Chunk | None = None) -> Chunk:
    """Undo `to_tensor`: values (B, C, H, W), or a list of (C, h, w), to Pictures or an array as `like` has them.

    Size, type, colours, alpha, name and metadata come from `like`; without it they are as learned. Integers are rounded and clipped.
    """
    rows = [row if row.dim() == 4 else row[None] for row in values]
    if like is None:
        like = _blank(len(rows), facts)
    if _listed(like):
        return [_again(row, facts, picture) for row, picture in zip(rows, like, strict=True)]
    before = channelled(bare(like))
    if len(rows) != len(before):
        raise BadData(f"{len(rows)} results for {len(before)} pictures; give `like` the same pictures")
    if not rows:
        return bare(like)
    colour, alpha = _pixels.split(before)
    sized = _pixels.resized(torch.cat(rows).detach(), (before.shape[1], before.shape[2]))
    made = from_values(_pixels.recolour(sized, colour.shape[-1]), facts, before.dtype, file=False)
    made = made if alpha is None else np.concatenate([made, alpha[..., None]], axis=-1)
    return made[..., 0] if bare(like).ndim == 3 else made


def cut(chunk: Chunk, facts: Facts) -> tuple[Batch, list[list[int]]]:
    """All pictures at their own size, cut into tiles of the learned size (n, C, h, w), and the sizes (H, W) of the pictures."""
    pictures, (height, width) = _native(chunk, facts), facts["size"]
    sizes = [[picture.shape[-2], picture.shape[-1]] for picture in pictures]
    return Batch(torch.cat([tiles(picture, height, width) for picture in pictures])), sizes


def training(chunk: Chunk, facts: Facts, generator: np.random.Generator) -> Cut:
    """Tiles to learn from, and which picture of the chunk each is from; with `repeats`, beside each the mean of the others of its place."""
    pictures = _native(chunk, facts)
    if facts.get("repeats"):
        return repeated(pictures, [picture.name for picture in chunk] if _listed(chunk) else [], facts["size"])
    cuts = [inside(picture, *facts["size"]) for picture in pictures]
    number = torch.repeat_interleave(torch.arange(len(cuts)), torch.tensor([len(each) for each in cuts]))
    return Cut(Batch(torch.cat(cuts)), number, torch.zeros(len(number)), torch.ones(len(number)))


def _native(chunk: Chunk, facts: Facts) -> list[Tensor]:
    """Every picture (C, H, W) at its own size."""
    batches = to_tensor(chunk, facts, native=True)
    return [batch.x[0] for batch in batches] if isinstance(batches, list) else list(batches.x)


def join(values: Tensor, facts: Facts, layout: Sequence[Sequence[int]], like: Chunk | None = None) -> Chunk:
    """Undo `cut`; without `like`, pictures of the sizes of `layout`, of the learned sort (a list where an array cannot hold them)."""
    sizes = [(int(rows), int(columns)) for rows, columns in layout]
    pictures = whole(values, sizes)
    if like is None and (facts["source"] == "files" or len(set(sizes)) > 1):
        pixels = [np.zeros((*size, facts["channels"]), dtype=facts["dtype"]) for size in sizes]
        return from_tensor(pictures, facts, [Picture(each) for each in pixels])
    return from_tensor(pictures, facts, _blank(len(sizes), facts, sizes[0]) if like is None else like)


def _blank(count: int, facts: Facts, size: tuple[int, int] | None = None) -> Chunk:
    """Pictures without content, of the learned sort and size, or of another size."""
    channels, (height, width) = facts["shape"][0], size or facts["size"]
    pixels = np.zeros((height, width, channels), dtype=facts["dtype"])
    if facts["source"] == "files":
        return [Picture(pixels)] * count
    return np.zeros((count, *(pixels.shape if facts["axes"] == 4 or channels == 3 else pixels.shape[:2])), dtype=facts["dtype"])


def _again(row: Tensor, facts: Facts, like: Picture) -> Picture:
    sized = _pixels.recolour(_pixels.resized(row.detach(), like.size), like.pixels.shape[-1])
    pixels = from_values(sized, facts, like.pixels.dtype, file=True)[0]
    return Picture(pixels, like.name, like.alpha, like.metadata, like.label)


def labels(chunk: Chunk, facts: Facts) -> NDArray[Any] | None:
    """The labels of the pictures (n,): from the `y` of an .npz, or the names of their folders; None if there are none."""
    if isinstance(chunk, Stack):
        return chunk.label
    if not _listed(chunk) or not chunk or any(picture.label is None for picture in chunk):
        return None
    return np.array([picture.label for picture in chunk])


def places(chunk: Chunk, facts: Facts) -> dict[str, list[str]]:
    """The file of each picture, where they come from files."""
    return {"file": [picture.name for picture in chunk]} if _listed(chunk) and all(picture.name for picture in chunk) else {}


def describe(facts: Facts) -> list[tuple[str, str]]:
    """What was learned, in words."""
    height, width = facts["size"]
    low, high = facts["range"]
    colour = "grey" if facts["channels"] == 1 else "colour (RGB)"
    tiles = "tiles of " if facts.get("cut") else ""
    rows = [("pictures", f"{tiles}{width} x {height} pixels (width x height), {colour}")]
    rows.append(("values", f"{low:g} to {high:g}, {facts['dtype']}"))
    rows.append(("read from", "picture files" if facts["source"] == "files" else "an array"))
    if facts.get("noise"):
        rows.append(("noise", Noise.of(facts["noise"]).words(low, high)))
    if facts.get("label"):
        rows.append(("label", "the name of the folder" if facts["label"] == "folder" else str(facts["label"])))
    return rows + [("note", note) for note in facts["notes"]]
