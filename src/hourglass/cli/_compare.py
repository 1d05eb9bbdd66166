"""`hourglass compress --compare`: a picture codec beside what everybody has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hourglass.cli import _places
from hourglass.cli._voice import answer, say, show, working
from hourglass.errors import BadOption

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder

__all__ = ["told"]


def told(files: Sequence[str], found: Autoencoder | None, aim: dict[str, Any], output: str | None, force: bool) -> None:
    """A table of one picture, and where it is wanted a PNG."""
    target = None if output is None else _places.file(output, force, (".png",))
    if len(files) > 1:
        raise BadOption(f"--compare takes one picture; {len(files)} are given")
    _places.missing(files[0])
    from hourglass import photos
    from hourglass.kinds import image
    from hourglass.report.beside import beside, drawn
    from hourglass.writing import atomic

    by = photos.shipped() if found is None else photos.of_model(found.model_)
    if by is None:
        raise BadOption("--compare is for picture codecs: leave -m out for the shipped one, or fit one with --purpose compress")
    picture = image.single(files[0])
    with working("comparing"):
        shown = beside(by, picture, photos.Aim(**aim))
    rows = [(each.codec, each.setting, f"{each.bytes:,}", f"{each.psnr:.2f}", f"{each.ssim:.4f}") for each in shown]
    show("", ("codec", "setting", "bytes", "PSNR, dB", "SSIM"), rows, ("bytes", "PSNR, dB", "SSIM"))
    if target is not None:
        with atomic(target) as temporary:
            drawn(picture.pixels, shown).save(temporary, "PNG")
        say(str(target))
    codecs = [{name: value for name, value in each._asdict().items() if name != "pixels"} for each in shown]
    answer({"file": files[0], "output": None if target is None else str(target), "codecs": codecs})
