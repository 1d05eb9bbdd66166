"""Numbers in sentences."""

from __future__ import annotations

__all__ = ["spoken"]


def spoken(value: float) -> str:
    """A number in four digits, larger ones whole: nobody reads `4.677e+04` as an amount.

    >>> spoken(46774.32), spoken(0.012345), spoken(1e20)
    ('46774', '0.01235', '1e+20')
    """
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
