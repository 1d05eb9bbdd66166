"""Opening a model for a command, and saying what stands in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hourglass.cli import _places
from hourglass.cli._options import says
from hourglass.cli._voice import counted
from hourglass.errors import BadData, BadFile

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder

__all__ = ["each", "open_model", "suffixes", "takes", "write"]


def open_model(path: str, **settings: Any) -> Autoencoder:
    """The model in a file, with settings changed where they are given, that draws progress bars where they are wanted."""
    _places.missing(path)
    from hourglass import load

    found = load(path)
    given = {name: value for name, value in settings.items() if value is not None}
    return found.set_params(verbose=not (says("quiet") or says("json")), **given)


def each(
    places: Sequence[_places.Place], found: Autoencoder | None, text: str, work: Callable[[_places.Place], None]
) -> list[_places.Place]:
    """Do the work for each file; of several that are no tables, those that cannot be read are left out with a warning.

    Returns what was done.
    """
    done = []
    for place in counted(places, text):
        _places.make(place.target.parent)
        try:
            work(place)
        except (BadData, BadFile) as trouble:
            if len(places) == 1 or found is None or found.model_.kind in _places.TABULAR:
                raise
            warnings.warn(f"left out: {trouble}", UserWarning, stacklevel=2)
        else:
            done.append(place)
    if not done:
        raise BadData(f"none of the {len(places)} files can be read")
    return done


def suffixes(found: Autoencoder | None) -> Sequence[str]:
    """The suffixes under which data of the model's kind are written; without a model, those of pictures."""
    return _places.WRITTEN.get("image" if found is None else found.model_.kind, ())


def takes(found: Autoencoder | None, path: Path) -> bool:
    """Whether a file looks like data of the model's kind; without a model, whether it looks like a picture."""
    from hourglass.parts import find

    return bool(find("kinds", "image" if found is None else found.model_.kind).claims(str(path)))


def write(chunk: Any, found: Autoencoder | None, target: Path) -> None:
    """A result of the model's kind to a file."""
    from hourglass.parts import find

    assert found is not None
    find("kinds", found.model_.kind).write([chunk], str(target), found.model_.facts)
