"""What several losses refuse."""

from __future__ import annotations

from typing import Any

from hourglass.errors import BadOption, did_you_mean

__all__ = ["apart", "need_numbers", "weighed"]


def need_numbers(name: str, facts: dict[str, Any]) -> None:
    """Refuse text: its symbols are choices, and the distance between two of them means nothing."""
    if facts.get("symbols"):
        raise BadOption(f"{name} is for numbers; these samples are text, of {facts['symbols']} symbols: use loss='categorical'")


def apart(name: str, variance: str) -> bool:
    """Whether each element has a spread of its own (`each`), or all share one (`shared`)."""
    if variance not in ("shared", "each"):
        raise BadOption(f"{name} has no variance={variance!r}: {did_you_mean(str(variance), ['shared', 'each'])}")
    return variance == "each"


def weighed(name: str, weight: float) -> float:
    """A weight as a number, 0 or more."""
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1e6:
        raise BadOption(f"{name} has no weight={weight!r}: give a number from 0 to 1000000, such as weight=1")
    return float(weight)
