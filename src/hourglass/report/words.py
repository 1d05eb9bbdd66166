"""What the judges of a report share: what a verdict is, and how numbers are said."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["CLOSE", "LOSES", "Measures", "Verdict", "around", "counted", "number", "purpose", "ratio", "said", "wide"]

Measures = dict[str, Any]

# Errors are compared after adding a thousandth of the variance to each, so that nobody loses by rounding.
SLACK = 1e-3
LOSES, CLOSE = 1.25, 1.03  # against PCA: clearly worse, and no longer equal


class Verdict(NamedTuple):
    """One judgement: `name`, `level`, a `sentence` with its number, and `advice` ("" when all is well).

    `level` is good, warn or bad, or note for what is neither, but must be known to read the numbers.
    """

    name: str
    level: str
    sentence: str
    advice: str = ""


def number(value: float) -> str:
    """Three digits, no needless exponent.

    >>> number(0.012345), number(1234.5)
    ('0.0123', '1,230')
    """
    short = float(f"{value:.3g}")
    return f"{short:,.0f}" if 100 <= abs(short) < 1e6 else f"{short:.3g}"


def said(measures: Measures, *names: str) -> list[str]:
    """Errors as text; where mistakes are counted (texts) as shares."""
    show = "{:.1%}".format if counted(measures) else number
    return [show(measures["error"][name]) for name in names]


def counted(measures: Measures) -> bool:
    """Whether errors are shares of wrong symbols, as those of texts are."""
    return bool((measures.get("setting") or {}).get("counted"))


def purpose(measures: Measures) -> str:
    """What the network was trained for."""
    return str((measures.get("setting") or {}).get("purpose") or "embed")


def ratio(measures: Measures, above: str, below: str) -> float | None:
    """One error over another, each with a little slack; None where one is missing or nothing varies."""
    error = measures.get("error") or {}
    first, second, variance = error.get(above), error.get(below), error.get("mean")
    if first is None or second is None or not variance:
        return None
    slack = SLACK * variance
    return float((first + slack) / (second + slack))


def wide(measures: Measures) -> bool:
    """Whether the code is as wide as the data: PCA and a random encoder then lose nothing, and are no rivals of a network that repairs."""
    sizes = measures.get("dimensions")
    return sizes is not None and bool(sizes) and sizes["code"] >= sizes["width"]


def around(measures: Measures) -> bool:
    """Whether detail travels around the code, so that comparisons with the same code size say nothing."""
    return (measures.get("error") or {}).get("code") is not None
