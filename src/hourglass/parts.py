"""How a part is named, found and built, and the small records that pass between parts.

A variant is one file: `networks/dense.py` is the network called dense. The folder listing is the registry.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hourglass.errors import BadOption, BadType, did_you_mean

__all__ = ["Batch", "Code", "Cut", "Part", "Pieces", "find", "listing", "options_of"]

FOLDERS = ("networks", "bottlenecks", "losses", "kinds", "spoils")


class Code(NamedTuple):
    """What leaves a bottleneck: `z` (B, ...) for the decoder, `cost` (B,) in nats, `symbols` (B, ...) or None for the coder.

    `beside` are tensors that travel from the encoder to the decoder beside the code (skips), which no bottleneck narrows.
    """

    z: Tensor
    cost: Tensor
    symbols: Tensor | None = None
    beside: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples on their way: `x` (B, *shape), `mask` of the same shape (True = real; None = all are), `condition` or None."""

    x: Tensor
    mask: Tensor | None = None
    condition: Tensor | None = None

    def __getitem__(self, rows: Any) -> Batch:
        """The samples `rows`; all three fields are cut alike."""
        return self.each(lambda part: part[rows])

    def each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The same change made to all fields that are there."""
        rest = (None if part is None else change(part) for part in (self.mask, self.condition))
        return Batch(change(self.x), *rest)

    def with_x(self, x: Tensor) -> Batch:
        """The same samples with other values."""
        return Batch(x, self.mask, self.condition)

    @property
    def count(self) -> int:
        """How many samples."""
        return self.x.shape[0]


class Cut(NamedTuple):
    """Parts of recordings to learn from: `samples`, the number (B,) of the recording that is their `source`, and where in it they are.

    `begin` and `end` (B,) are the shares of the recording that lie before the part's begin and end.
    """

    samples: Batch
    source: Tensor
    begin: Tensor
    end: Tensor


def concatenate(batches: list[Batch]) -> Batch:
    """One batch of several; a mask is made where only some have one. A single one is given back as it is."""
    if len(batches) == 1:
        return batches[0]
    x = torch.cat([batch.x for batch in batches])
    known = [batch.condition for batch in batches if batch.condition is not None]
    condition = torch.cat(known) if len(known) == len(batches) else None
    if all(batch.mask is None for batch in batches):
        return Batch(x, None, condition)
    masks = [torch.ones_like(batch.x, dtype=torch.bool) if batch.mask is None else batch.mask for batch in batches]
    return Batch(x, torch.cat(masks), condition)


@dataclass(frozen=True)
class Pieces:
    """Rows that are read a piece at a time: `load(i)` gives piece `i`, a chunk of `counts[i]` rows.

    `name` says in messages where the rows come from; `memory` is the estimated size of all rows as tensors, in bytes.
    """

    counts: list[int]
    load: Callable[[int], Any]
    name: str = "the data"
    memory: int = 0

    @property
    def count(self) -> int:
        """All rows."""
        return sum(self.counts)


class Part:
    """A part by name, with options: `Part("gaussian", beta=4)`. In text: `gaussian:beta=4`.

    Works as a scikit-learn parameter: `bottleneck__beta` in a grid search reaches the option of the part. The part's name is free
    text here; it is looked up, and its options checked, when the model is built.

    >>> Part.parse("dense:widths=[64,32],activation=gelu")
    Part('dense', widths=[64, 32], activation='gelu')
    >>> str(Part("gaussian", beta=4))
    'gaussian:beta=4'
    """

    def __init__(self, name: str, /, *values: Any, **options: Any) -> None:
        if not isinstance(name, str):
            raise BadType(f"a part is called by its name, a text such as 'dense'; this is {name!r}")
        self.name = name
        self.values = values
        self.options = options

    @classmethod
    def parse(cls, text: str | Part) -> Part:
        """Read the text form: `name`, `name:value` (its first option) or `name:key=value,key=value`, lists in brackets."""
        if isinstance(text, Part):
            return text
        if not isinstance(text, str):
            raise BadType(f"a part is a name or a Part, such as 'dense' or Part('dense', widths=[64]); this is {text!r}")
        name, _, rest = text.partition(":")
        if not name.strip():
            raise BadOption(f"no name before the colon in {text!r}; write name:key=value, such as dense:widths=[64,32]")
        values: list[Any] = []
        options: dict[str, Any] = {}
        for item in _split(rest):
            key, equals, value = item.partition("=")
            if equals and not item.lstrip().startswith('"'):
                options[key.strip().replace("-", "_")] = _value(value)
            elif options or values:
                raise BadOption(f"{item!r} in {text!r} has no key; only the first option may go without: name:key=value,key=value")
            else:
                values.append(_value(item))
        return cls(name.strip(), *values, **options)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The options, as scikit-learn asks for them."""
        return dict(self.options)

    def set_params(self, **options: Any) -> Part:
        """Change options in place, as scikit-learn does it; returns itself."""
        self.options.update(options)
        return self

    def __sklearn_clone__(self) -> Part:
        return Part(self.name, *self.values, **self.options)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and (self.name, self.values, self.options) == (other.name, other.values, other.options)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        values = [repr(value) for value in self.values]
        return f"Part({', '.join([repr(self.name), *values, *(f'{k}={v!r}' for k, v in self.options.items())])})"

    def __str__(self) -> str:
        items = [_text(value) for value in self.values] + [f"{key}={_text(value)}" for key, value in self.options.items()]
        return f"{self.name}:{','.join(items)}" if items else self.name


def _split(text: str) -> list[str]:
    """Cut at the commas that stand outside brackets and quotes."""
    quoted = r'"(?:[^"\\]|\\.)*"'
    pieces = re.findall(rf'(?:\[(?:{quoted}|[^\]"])*\]|{quoted}|[^,\["]|["\[])+', text)
    return [piece for piece in pieces if piece.strip()]


def _value(text: str) -> Any:
    """A number, true, false, none, a bracketed list of these, or the text itself."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        return [_value(item) for item in _split(text[1:-1])]
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return json.loads(text)
        except ValueError:
            return text
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _text(value: Any) -> str:
    """The opposite of `_value`."""
    if isinstance(value, list | tuple):
        return f"[{','.join(_text(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and (not value or _value(value) != value or re.search(r'[,\[\]"=]', value)):
        return json.dumps(value)
    return str(value)


@cache
def listing(folder: str) -> tuple[str, ...]:
    """The variants in a folder, which are its files.

    >>> "dense" in listing("networks")
    True
    """
    return tuple(sorted(path.stem for path in (Path(__file__).parent / folder).glob("[a-z]*.py")))


def find(folder: str, name: str) -> Any:
    """The module of a variant. An unknown name raises `BadOption` with the nearest one; nothing outside the folder is imported."""
    if name not in listing(folder):
        raise BadOption(
            f"there is no {folder.rstrip('s') if folder != 'losses' else 'loss'} called {name!r}: {did_you_mean(name, listing(folder))}"
        )
    return importlib.import_module(f"hourglass.{folder}.{name}")


def options_of(factory: Callable[..., Any]) -> list[str]:
    """The names of a factory's keyword-only arguments, in order."""
    return [name for name, p in inspect.signature(factory).parameters.items() if p.kind is p.KEYWORD_ONLY]


def options_for(part: Part, *factories: Callable[..., Any], given: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The part's options shared out to factories by their signatures, each with those of `given` that it takes.

    A value without a key goes to the first option that is not in `given`. An option that no factory takes raises `BadOption`.
    """
    given = dict(given or {})
    known = [options_of(factory) for factory in factories]
    free = [name for names in known for name in names if name not in given]
    options = dict(part.options)
    for value, name in zip(part.values, free, strict=False):
        options[name] = value
    if len(part.values) > len(free):
        raise BadOption(f"{part.name!r} takes no options; this is {str(part)!r}")
    for name in options:
        if name not in free:
            raise BadOption(f"{part.name!r} has no option {name!r}: {did_you_mean(name, dict.fromkeys(free))}")
    everything = {**given, **options}
    return [{name: everything[name] for name in names if name in everything} for names in known]
