"""When training ends before its budget is used: patience with held-out samples, and Ctrl-C."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Patience", "interruptible"]

SHARE = 0.25  # of the budget without a better held-out loss, after which training stops
JUDGED = 8  # looks at held-out samples that must have passed as well


class Patience:
    """Told every held-out loss, it knows when enough is enough; it follows from what it was told alone, so that a resumed fit agrees."""

    def __init__(self) -> None:
        self.best, self.reached, self.waited, self.over = math.inf, 0.0, 0, False

    def hear(self, held_out: float | None, fraction: float) -> bool:
        """Whether training should stop, given the loss at this `fraction` of the budget (None: not measured)."""
        if held_out is not None and held_out < self.best:
            self.best, self.reached, self.waited = held_out, fraction, 0
        elif held_out is not None:
            self.waited += 1
        self.over = self.best < math.inf and self.waited >= JUDGED and fraction - self.reached > SHARE
        return self.over


@contextmanager
def interruptible(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C calls `stop`, at whatever moment it comes; the second interrupts as usual.

    Only in the main thread, and only where Ctrl-C would have interrupted: a program with manners of its own keeps them.
    """
    usual = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not usual:
        yield
        return

    def asked(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, usual)
        stop()

    signal.signal(signal.SIGINT, asked)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
