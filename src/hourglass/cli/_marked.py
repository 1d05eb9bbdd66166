"""What `detect` does with the map of each picture: a picture with the unusual places marked, and the comparison with masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from hourglass.cli import _places

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder
    from hourglass.uses.truth import Truth

__all__ = ["flags", "marking", "told"]

MAPS = "Of pictures: write each of them here with its unusual places marked."
MASKS = "Compare with masks: a folder of them, or what their names have after those of the pictures, such as .png or _mask.png."


def flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags of what concerns maps."""
    command = click.option("--masks", metavar="SUFFIX|DIR", help=MASKS)(command)
    return click.option("--maps", type=click.Path(), metavar="DIR", help=MAPS)(command)


def marking(
    found: Autoencoder, source: Any, maps: str | None, masks: str | None, force: bool
) -> tuple[Callable[[Any, Any], object] | None, Truth | None]:
    """What to call with each picture and its map (None: nothing), and the comparison with masks, where it was asked for."""
    if maps is None and masks is None:
        return None, None
    from hourglass.kinds._picture_source import gather
    from hourglass.uses.overlay import overlaid
    from hourglass.uses.truth import Truth

    paths = {file.name: file.path for file in gather(source)}
    truth = None if masks is None else Truth(paths, masks)
    threshold = -found.offset_
    home = None if maps is None else _places.folder(maps, [f"{name}.png" for name in paths], force)

    def each(picture: Any, values: Any) -> None:
        if truth is not None:
            truth(picture, values)
        if home is not None:
            overlaid(picture, values, threshold, home / f"{picture.name}.png")

    return each, truth


def told(figures: dict[str, Any] | None) -> list[str]:
    """The comparison with masks in words; nothing where there was none."""
    if figures is None:
        return []
    rates = {"pictures": figures["image_auroc"], "pixels": figures["pixel_auroc"]}
    known = [f"{value:.3f} of {name}" for name, value in rates.items() if value is not None]
    area = f"; area under the ROC curve: {', '.join(known)}" if known else "; all pictures or none have some: nothing to tell apart"
    return [f"{figures['defects']} pictures have defects by their masks{area}"]
