"""The demo's second story: handwritten digits, where the network meets a nine for the first time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hourglass.cli._demo_page import Chapter, keep, sheet
from hourglass.cli._voice import say

if TYPE_CHECKING:
    from hourglass.autoencoder import Autoencoder

__all__ = ["story"]


class Digits(NamedTuple):
    """Pictures (n, 8, 8) uint8, 0 to 16: training and others of the digits 0 to 8, and all nines."""

    training: Any
    others: Any
    nines: Any


def story(folder: Path) -> Chapter:
    """Train on the digits 0 to 8; use the one model to detect, rebuild and invent."""
    from hourglass import Autoencoder

    chapter = Chapter("Handwritten digits", "digits.html")
    digits = _read()
    model = Autoencoder(random_state=0).fit(digits.training)
    chapter.told.append(f"{len(digits.training):,} handwritten digits of 8 x 8 pixels (scikit-learn's), 0 to 8 but no 9.")
    _detect(model, digits, folder, chapter)
    _rebuild(model, digits, folder, chapter)
    _invent(model, folder, chapter)
    keep(model, folder, chapter)
    return chapter


def _read() -> Digits:
    import numpy as np
    from sklearn.datasets import load_digits

    data = load_digits()
    pictures, kept = data.images.astype(np.uint8), np.random.default_rng(0).permutation(np.flatnonzero(data.target != 9))
    return Digits(pictures[kept[:1300]], pictures[kept[1300:]], pictures[data.target == 9])


def _grey(pictures: Any) -> Any:
    """0 to 16 as dark on light."""
    import numpy as np

    return (255 - np.clip(pictures, 0, 16) * (255 / 16)).round().astype(np.uint8)


def _detect(model: Autoencoder, digits: Digits, folder: Path, chapter: Chapter) -> None:
    """How often a nine is more unusual than a digit that the network knows."""
    nines, others = -model.score_samples(digits.nines), -model.score_samples(digits.others)
    share = float((nines[:, None] > others[None]).mean())
    words = f"A nine that it never saw looks stranger to it than another new digit in {share:.0%} of all pairs (50% would be chance)."
    chapter.told.append(words)
    chapter.found["nines_stranger"] = round(share, 4)
    say(f"  {words}")
    sheet([_grey(digits.nines[nines.argsort()[::-1]][:16]), _grey(digits.others[others.argsort()][:16])], folder / "digits-detect.png")
    chapter.picture(
        "digits-detect.png", "Above: the nines that it finds strangest. Below: the new digits that it finds most ordinary.", True
    )


def _rebuild(model: Autoencoder, digits: Digits, folder: Path, chapter: Chapter) -> None:
    size = model.model_.code_size
    shown = digits.others[:16]
    sheet([_grey(shown), _grey(model.reconstruct(shown))], folder / "digits-rebuilt.png")
    chapter.told.append(f"It keeps {size} numbers of each picture's 64, and rebuilds the picture from these.")
    chapter.picture("digits-rebuilt.png", f"Above: new digits. Below: the same, rebuilt from {size} numbers.", True)
    say(f"  rebuilt from {size} numbers instead of 64: {folder / 'digits-rebuilt.png'}")


def _invent(model: Autoencoder, folder: Path, chapter: Chapter) -> None:
    made = _grey(model.sample(48))
    sheet([made[:16], made[16:32], made[32:]], folder / "digits-invented.png")
    chapter.picture(
        "digits-invented.png", "Invented: codes drawn at random, decoded. (The purpose generate is made for this; here it is embed.)", True
    )
    say(f"  invented ones: {folder / 'digits-invented.png'}")
