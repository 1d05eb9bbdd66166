"""`hourglass denoise`: take the noise out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hourglass.cli import _options, _places
from hourglass.cli._models import each, open_model, suffixes, takes, write
from hourglass.cli._voice import answer, finished, say
from hourglass.errors import BadOption

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder
    from hourglass.cleaning import Cleaned
    from hourglass.kinds.image import Picture

__all__ = ["command"]

SEVERAL, STACKS = (".npy", ".npz"), (".tif", ".tiff")  # files that may hold many pictures


@click.command("denoise", short_help="Take the noise out of pictures, sound or tables.")
@click.argument("files", type=click.Path(), nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-m", "--model", metavar="MODEL", help="The model to denoise with; without one, pictures and sounds by the shipped denoisers."
)
@click.option("--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True, metavar="0..1", help="0 leaves all as it is.")
@click.option("--careful", is_flag=True, help="Average eight looks at each picture: 0.1 dB better, eight times the work.")
@click.option("--before-after", metavar="FILE", help="Also a picture of before, after, and what was removed; a folder for several.")
@_options.output("A file, or a folder for several; else photo.denoised.jpg beside photo.jpg.")
@_options.force
@_options.everywhere
def command(
    files: tuple[str, ...], model: str | None, strength: float, careful: bool, before_after: str | None, output: str | None, force: bool
) -> None:
    """Take the noise out of every FILE (of a folder, every file the model takes); size, depth and format stay as they are.

    Pictures and sounds need no model.
    """
    found = None if model is None else open_model(model)
    pictures = found is None or _takes_pictures(found)
    if not pictures and (careful or before_after is not None):
        raise BadOption("--careful and --before-after are for pictures, and models that take them at their own size; leave them out")
    places = _places.place_each(files, output, lambda path: _cleanable(found, path), beside=_clean, force=force)
    if (careful or before_after is not None) and (sounds := [place for place in places if _heard(found, place.source)]):
        raise BadOption(f"--careful and --before-after are for pictures, and {sounds[0].source} is sound; leave them out")
    shown = {} if before_after is None else _shown(files, before_after, found, force)
    for place in places:
        if not _cleanable(found, place.source) and found is None:
            _picture(place, strength, careful, None, None)  # which says what is wrong
        _places.known(str(place.target), _places.WRITTEN["audio"] if _heard(found, place.source) else suffixes(found))
    told: dict[Path, dict[str, float]] = {}

    def clean(place: _places.Place) -> None:
        if _heard(found, place.source):
            told[place.source] = _sound(place, strength, found)
        elif pictures and (found is None or not _several(found, place.source)):
            told[place.source] = _picture(place, strength, careful, shown.get(place.source), found)
        else:
            from hourglass import denoise

            write(denoise(str(place.source), strength, model=found), found, place.target)
            say(str(place.target))

    done = each(places, found, "denoising", clean)
    results = [{"file": str(place.source), "output": str(place.target), **told.get(place.source, {})} for place in done]
    answer({"files": results, "strength": strength})


def _heard(found: Autoencoder | None, path: Path) -> bool:
    """Whether a file is sound, to be cleaned by the shipped denoiser or by a gate of the user's."""
    from hourglass.kinds import audio
    from hourglass.sounds import gated

    return bool(audio.claims(str(path))) and (found is None or gated(found.model_))


def _cleanable(found: Autoencoder | None, path: Path) -> bool:
    """Whether there is something to clean a file with."""
    return takes(found, path) or _heard(found, path)


def _sound(place: _places.Place, strength: float, found: Autoencoder | None) -> dict[str, float]:
    """One recording, a piece at a time; what there is to tell of it."""
    from hourglass.kinds import audio
    from hourglass.sounds import Cleaning

    with finished(f"denoising {place.source.name}") as progress:
        cleaning = Cleaning(audio.read(str(place.source)), strength, None if found is None else found.model_, progress)
        audio.write(cleaning, str(place.target), {})
    level = cleaning.removed
    say(f"{place.target}: {f'removed noise {-20 * math.log10(level):.0f} dB below the sound' if level else 'nothing to remove'}")
    return {"removed": level}


def _several(found: Autoencoder, path: Path) -> bool:
    """Whether a file may hold many pictures for this model."""
    return path.suffix.lower() in (*SEVERAL, *(STACKS if found.model_.facts.get("stacks") else ()))


def _takes_pictures(found: Autoencoder) -> bool:
    """Whether the model takes pictures at their own size."""
    from hourglass.uses.denoise import native

    return len(found.model_.shape) == 3 and native(found.model_)


def _picture(place: _places.Place, strength: float, careful: bool, shown: Path | None, found: Autoencoder | None) -> dict[str, float]:
    """One picture, or the pages of a stack, by the shipped denoiser or by the user's; what there is to tell of it."""
    from hourglass.cleaning import clean_pages, clean_picture, cleaned_by, pages_of, picture_of
    from hourglass.kinds import image

    pages = pages_of(str(place.source)) if found is None else None
    before = picture_of(str(place.source)) if pages is None else image.pictures(pages.load(0))[0]
    with finished(f"denoising {place.source.name}") as progress:
        if pages is not None:
            cleaned = list(clean_pages(pages, strength, careful, progress))
        elif found is None:
            cleaned = [clean_picture(before, strength, careful, progress)]
        else:
            cleaned = [cleaned_by(found.model_, before, strength, careful)]
            progress(1, 1)
    facts = {"range": [0.0, 1.0], "dtype": str(before.pixels.dtype), "stacks": pages is not None}
    image.write([[each.picture for each in cleaned]], str(place.target), facts)
    level = sum(each.level for each in cleaned) / len(cleaned)
    words = f"removed noise of {100 * level:.2g} % of its range (standard deviation)" if level else "nothing to remove"
    words += f", {len(cleaned)} pages" if pages is not None else ""
    words += "" if shown is None else _beside(shown, before, cleaned[0])
    say(f"{place.target}: {words}")
    return {"removed": level}


def _beside(shown: Path, before: Picture, cleaned: Cleaned) -> str:
    """Write the picture of before, after and what was removed; what to say of it."""
    from hourglass.cleaning import side_by_side
    from hourglass.kinds import image

    _places.make(shown.parent)
    page, times = side_by_side(before, cleaned)
    image.write([page[None]], str(shown), {"range": [0.0, 255.0], "dtype": "uint8"})
    return f"; {shown}: before, after, and what was removed, {times:.3g} times as strong"


def _shown(files: tuple[str, ...], output: str, found: Autoencoder | None, force: bool) -> dict[Path, Path]:
    """Where the picture of before and after of each file goes."""
    places = _places.place_each(files, output, lambda path: takes(found, path), beside=_clean, inside=_compared, force=force)
    for place in places:
        _places.known(str(place.target), suffixes(None)[:-2])
    return {place.source: place.target for place in places}


def _compared(path: Path) -> Path:
    return path.with_name(f"{path.stem}.before-after.png")


def _clean(path: Path) -> Path:
    return Path(_places.beside(str(path), "denoised"))
