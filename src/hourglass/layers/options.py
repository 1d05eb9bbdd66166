"""Values of options that variants refuse alike: numbers out of range, and what is no number at all."""

from __future__ import annotations

import math

from hourglass.errors import BadOption

__all__ = ["checked_flag", "checked_number", "checked_whole"]


def checked_whole(owner: str, name: str, value: object, least: int, most: int, also: str = "") -> int:
    """A whole number from `least` to `most`, else `BadOption` with the option's owner and name; `also`: what else may be given.

    >>> checked_whole("unet", "blocks", 2, 0, 64)
    2
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadOption(f"{owner}:{name}={value!r}: give a whole number from {least} to {most}{also and f', or {also}'}")
    return value


def checked_number(owner: str, name: str, value: object, least: float, most: float) -> float:
    """A number from `least` to `most`, never infinite, else `BadOption`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most or math.isinf(value):
        told = f"from {least:g} on" if math.isinf(most) else f"from {least:g} to {most:g}"
        raise BadOption(f"{owner}:{name}={value!r}: give a number {told}")
    return float(value)


def checked_flag(owner: str, name: str, value: object) -> bool:
    """True or false, else `BadOption`; 0 and 1 will do."""
    if not isinstance(value, int) or value not in (0, 1):
        raise BadOption(f"{owner}:{name}={value!r}: give true or false")
    return bool(value)
