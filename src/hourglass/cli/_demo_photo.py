"""The demo's third story: a photograph, cleaned by a network that saw only another part of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hourglass.cli._demo_page import Chapter, keep
from hourglass.cli._voice import say

__all__ = ["story"]

SAMPLES = Path(__file__).parent / "samples"
SIDE, HOP = 8, 2  # patches of 8 x 8 pixels, every second pixel
NOISE = 0.1  # standard deviation; white is 1
SEAM = 256  # columns left of it train, those right of it are cleaned


def story(folder: Path) -> Chapter:
    """Train on patches of the left part, clean the right part patch by patch."""
    import numpy as np
    from PIL import Image

    from hourglass import Autoencoder

    chapter = Chapter("A noisy photograph", "photo.html")
    photo = np.asarray(Image.open(SAMPLES / "photo.png").convert("RGB"))
    model = Autoencoder(
        "denoise", network="dense:widths=[256]", bottleneck="plain", code_size=32, spoil=f"noise:{NOISE}", random_state=0
    ).fit(_cut(photo[:, :SEAM]))
    clean = photo[:, SEAM:]
    grain = np.random.default_rng(0).normal(0, 255 * NOISE, clean.shape)
    noisy = (clean + grain).clip(0, 255).round().astype(np.uint8)
    cleaned = _join(model.reconstruct(_cut(noisy)), clean.shape)
    seam = np.full((len(clean), 6, 3), 255, np.uint8)
    Image.fromarray(np.concatenate([clean, seam, noisy, seam, cleaned], 1).repeat(2, 0).repeat(2, 1)).save(folder / "photo-cleaned.png")
    before, after = _psnr(noisy, clean), _psnr(cleaned, clean)
    chapter.told.append(
        f"A network was trained to repair patches of {SIDE} x {SIDE} pixels from the left part of a photograph, to which noise was added. "
        f"Then it repaired the right part, which it had never seen: {before:.1f} dB before, {after:.1f} dB after (more is closer; every "
        "6 dB halve the error)."
    )
    chapter.picture("photo-cleaned.png", "The right part: as it is, with noise, and cleaned.")
    chapter.found |= {"psnr_before": round(before, 2), "psnr_after": round(after, 2)}
    say(f"  {before:.1f} dB with noise, {after:.1f} dB cleaned: {folder / 'photo-cleaned.png'}")
    keep(model, folder, chapter)
    return chapter


def _cut(picture: Any) -> Any:
    """Overlapping patches (n, SIDE, SIDE, 3)."""
    import numpy as np

    views = np.lib.stride_tricks.sliding_window_view(picture, (SIDE, SIDE), axis=(0, 1))[::HOP, ::HOP]  # (y, x, 3, SIDE, SIDE)
    return np.ascontiguousarray(views.transpose(0, 1, 3, 4, 2).reshape(-1, SIDE, SIDE, 3))


def _join(patches: Any, shape: tuple[int, ...]) -> Any:
    """Patches back in their places, averaged where they overlap."""
    import numpy as np

    total, count = np.zeros(shape), np.zeros((*shape[:2], 1))
    places = [(y, x) for y in range(0, shape[0] - SIDE + 1, HOP) for x in range(0, shape[1] - SIDE + 1, HOP)]
    for patch, (y, x) in zip(patches, places, strict=True):
        total[y : y + SIDE, x : x + SIDE] += patch
        count[y : y + SIDE, x : x + SIDE] += 1
    return (total / count).round().clip(0, 255).astype(np.uint8)


def _psnr(picture: Any, clean: Any) -> float:
    import numpy as np

    error = np.mean((picture.astype(float) - clean) ** 2)
    return float(10 * np.log10(255**2 / error))
