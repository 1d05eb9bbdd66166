"""Kinds of data: file to rows to tensor and back; one file each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hourglass.errors import BadData, BadFile, BadOption
from hourglass.parts import find, listing, options_of

__all__ = ["infer"]


def infer(source: Any, options: Iterable[str] = ()) -> str:
    """The kind of some data, from path and content: the one that claims them most strongly, among those that have the `options` given.

    `BadData` where no kind takes them, `BadOption` where more than one does.
    """
    able = [name for name in listing("kinds") if set(options) <= _options(name)]
    if len(able) == 1:
        return able[0]
    claims = {name: int(find("kinds", name).claims(source)) for name in able or listing("kinds")}
    claiming = [name for name, strength in claims.items() if strength and strength == max(claims.values())]
    if len(claiming) == 1:
        return claiming[0]
    told = _told(source)
    if claiming:
        raise BadOption(
            f"{told} could be read as {' or as '.join(claiming)}: say which, such as kind={claiming[0]!r} (--kind {claiming[0]})"
        )
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        if not any(sign in str(source) for sign in "*?[:") and not Path(source).exists():
            raise BadFile(f"there is no file or folder {source}; check the path")
        if Path(source).is_dir():
            told += f", a folder with {_inside(Path(source))}"
    if options and able and any(int(find("kinds", name).claims(source)) for name in set(listing("kinds")) - set(able)):
        raise BadOption(f"{told}: only {', '.join(able)} can have {', '.join(options)}, and these data are none of these; leave that out")
    raise BadData(f"{told}: no kind of data takes this; hourglass reads {', '.join(listing('kinds'))}; name one by kind= (--kind)")


def _inside(folder: Path) -> str:
    """What lies in a folder and the folders inside, counted by suffix."""
    files = (path for path in folder.rglob("*") if path.is_file())
    counts = Counter(path.suffix.lower() or "without a suffix" for path, _ in zip(files, range(10_000), strict=False))
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(5)) or "nothing in it"


def _options(name: str) -> set[str]:
    """The options that a kind has."""
    module = find("kinds", name)
    return {*options_of(module.read), *options_of(module.learn)}


def _told(source: Any) -> str:
    """A source in a few words."""
    shape = getattr(source, "shape", None)
    return (
        f"data of type {type(source).__name__}, shape {tuple(shape)}"
        if shape is not None
        else repr(str(source) if hasattr(source, "__fspath__") else source)[:80]
    )
