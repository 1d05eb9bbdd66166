"""Brightness on the scale that eyes and lamps work on: a shadow, or less light, takes away the same everywhere.

Of a picture that is lit unevenly, what differs by the same factor differs by the same amount. For networks that look for what is wrong with
surfaces, and for what is painted on them to train these. Not for pictures below 0: what lies there counts as black.
"""

from __future__ import annotations

from torch import Tensor

__all__ = ["BLACK", "brightness", "light"]

BLACK = 0.02  # of the range of pictures, added before logarithms are taken: darker differences are noise


def light(x: Tensor) -> Tensor:
    """The logarithm of brightness, of pictures in [0, 1] from -3.9 to 0.02."""
    return (x.clamp_min(0) + BLACK).log()


def brightness(y: Tensor) -> Tensor:
    """What `light` makes y of."""
    return y.exp() - BLACK
