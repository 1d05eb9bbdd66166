"""What is learned from pictures: size, colour, range of values; and how values come to [0, 1] and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hourglass.errors import BadData, SchemaMismatch
from hourglass.kinds import _pixels
from hourglass.kinds._pixels import split

__all__ = ["Tally", "channelled", "from_values", "span", "to_values"]

FULL = {"bool": 1.0, "uint8": 255.0, "uint16": 65535.0}
ROUND = (1.0, 16.0, 255.0, 65535.0)  # tops of whole numbers that are common: masks, scikit-learn's digits, 8 and 16 bits


def channelled(pixels: NDArray[Any], name: str = "the array") -> NDArray[Any]:
    """(n, H, W) or (n, H, W, C) as (n, H, W, C); everything else, and values that are not finite, raise `BadData`."""
    if pixels.ndim == 4 and pixels.shape[-1] not in (1, 2, 3, 4):
        hint = "; channels stand first: use X.transpose(0, 2, 3, 1)" if pixels.shape[1] in (1, 3, 4) else ""
        raise BadData(f"{name} has shape {pixels.shape}: pictures are (n, H, W) or (n, H, W, C) with 1 to 4 channels{hint}")
    if pixels.ndim not in (3, 4) or 0 in pixels.shape[1:] or pixels.dtype.kind not in "buif":
        raise BadData(f"{name} has shape {pixels.shape} of {pixels.dtype}: pictures are numbers, (n, H, W) or (n, H, W, C)")
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        bad = ~np.isfinite(pixels).reshape(len(pixels), -1).all(axis=1)
        rows = ", ".join(map(str, np.flatnonzero(bad)[:10]))
        raise BadData(
            f"{name} has values that are not finite (NaN or infinite) in {bad.sum()} of its pictures, such as {rows}; replace them first"
        )
    return pixels if pixels.ndim == 4 else pixels[..., None]


def span(dtype: np.dtype[Any], facts: dict[str, Any], *, file: bool) -> tuple[float, float]:
    """The values of `dtype` that are black and white: of files the full range of their type, of arrays the learned one."""
    low, high = (float(value) for value in facts["range"])
    name, own = str(dtype), str(facts["dtype"])
    if name == own and (not file or dtype.kind == "f"):
        return low, high
    if not file and (low, high) not in {(0.0, top) for top in (1.0, 255.0, 65535.0)}:
        return low, high
    if name in FULL:
        return 0.0, FULL[name]
    return (low, high) if np.dtype(own).kind == dtype.kind else (0.0, 1.0 if dtype.kind == "f" else 255.0)


def to_values(pixels: NDArray[Any], facts: dict[str, Any], *, file: bool) -> Tensor:
    """Pixels (n, H, W, C) as a tensor (n, C', H, W) with black at 0 and white at 1, in the model's colours."""
    colour, _ = split(pixels)
    low, high = span(pixels.dtype, facts, file=file)
    if pixels.dtype.kind == "f" and (low, high) == (0.0, 1.0) and colour.size and colour.max() > 10:
        raise SchemaMismatch(
            f"float pictures are taken to run from 0 to 1, as the model was trained; these go up to {colour.max():g}. "
            "Divide them by their white value, or give integers"
        )
    wide = np.float64 if pixels.dtype == np.float64 and not file else np.float32
    values = torch.from_numpy(np.ascontiguousarray(np.moveaxis(colour, -1, 1), dtype=wide))
    return _pixels.recolour((values - low) / (high - low), facts["channels"])


def from_values(values: Tensor, facts: dict[str, Any], dtype: np.dtype[Any], *, file: bool) -> NDArray[Any]:
    """Undo `to_values`: (n, C, H, W) to (n, H, W, C) of `dtype`; integers are rounded and clipped, floats are not."""
    low, high = span(dtype, facts, file=file)
    wide = torch.float64 if dtype.kind in "iuf" and dtype.itemsize > 4 else torch.float32  # exact for 16 bits, half the memory
    array = np.moveaxis(values.detach().to("cpu", wide).numpy(), 1, -1) * (high - low) + low
    if dtype.kind in "bui":
        array = np.rint(array.clip(low, high))
    return np.ascontiguousarray(array.astype(dtype))


@dataclass
class Tally:
    """What one pass over the pictures counts."""

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    sums: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    low: float = np.inf
    high: float = -np.inf
    whole: bool = True
    bytewise: bool = True
    colour: bool = False

    def add(self, pixels: NDArray[Any]) -> None:
        """Count pictures (n, H, W, C) of one type."""
        colour, _ = split(pixels)
        name, count = str(pixels.dtype), len(pixels)
        self.sizes[colour.shape[1], colour.shape[2]] += count
        self.counts[name] += count
        self.colour |= colour.shape[-1] == 3
        self.sums[name] = self.sums.get(name, 0.0) + colour.mean(axis=(1, 2), dtype=np.float64).sum(axis=0) * np.ones(3)
        self.low, self.high = min(self.low, float(colour.min())), max(self.high, float(colour.max()))
        if pixels.dtype.kind == "f":
            self.whole = self.whole and bool((colour == np.rint(colour)).all())
            steps = colour * colour.dtype.type(255)
            self.bytewise = self.bytewise and bool((np.abs(steps - np.rint(steps)) < 1e-3).all())

    @property
    def dtype(self) -> str:
        """The commonest type."""
        return self.counts.most_common(1)[0][0]

    def range(self, *, file: bool) -> tuple[float, float]:
        """The values of black and white."""
        if self.dtype in FULL and (file or self.high not in (1.0, 16.0)):
            return 0.0, FULL[self.dtype]
        if self.dtype in FULL:
            return 0.0, self.high
        real = np.dtype(self.dtype).kind == "f"
        if real and self.low >= 0 and self.high <= 1:
            return 0.0, 1.0
        if self.low >= 0 and self.high <= ROUND[-1] and (self.whole or not real):
            return 0.0, next(top for top in ROUND if self.high <= top)
        return self.low, self.high if self.high > self.low else self.low + 1.0

    def step(self, *, file: bool) -> float:
        """The smallest step between values, where black is 0 and white is 1; 0 if there is none to be seen."""
        low, high = self.range(file=file)
        if np.dtype(self.dtype).kind != "f" or (self.whole and high > 1):
            return 1.0 / (high - low)
        return 1 / 255 if self.bytewise and (low, high) == (0.0, 1.0) else 0.0

    def mean(self, facts: dict[str, Any], *, file: bool) -> list[float]:
        """Mean per channel, in [0, 1]."""
        total = np.zeros(3)
        for name, sums in self.sums.items():
            low, high = span(np.dtype(name), facts, file=file)
            total += (sums / self.counts[name] - low) / (high - low) * self.counts[name]
        mean = total / self.counts.total()
        return [float(value) for value in (mean if self.colour else mean[:1])]

    def facts(self, size: Sequence[int] | None, *, file: bool, axes: int, label: str | None) -> dict[str, Any]:
        """The facts of kind `image`."""
        channels = 3 if self.colour else 1
        height, width = size or _pixels.learned_size(list(self.sizes.elements()))
        low, high = self.range(file=file)
        facts: dict[str, Any] = {"shape": [channels, height, width], "channels": channels, "size": [height, width], "dtype": self.dtype}
        facts |= {"range": [low, high], "levels": high - low, "resolution": torch.full((1, 1, 1), self.step(file=file))}
        facts |= {
            "fields": [["number", 0, channels]],
            "source": "files" if file else "array",
            "axes": axes,
            "label": label,
            "uniform": len(self.sizes) == 1,
        }
        return facts | {"mean": self.mean(facts, file=file), "notes": self._notes((height, width))}

    def _notes(self, size: tuple[int, int]) -> list[str]:
        notes = []
        if len(self.sizes) > 1:
            notes.append(f"pictures of {len(self.sizes)} sizes are brought to {size[1]} x {size[0]} pixels")
        elif size not in self.sizes:
            (height, width), _ = self.sizes.most_common(1)[0]
            notes.append(f"pictures of {width} x {height} are brought to {size[1]} x {size[0]} pixels")
        if len(self.counts) > 1:
            notes.append(f"types of value are mixed: {', '.join(f'{count} {name}' for name, count in self.counts.most_common())}")
        if self.low == self.high:
            notes.append(f"all values are {self.low:g}: there is nothing to learn")
        return notes
