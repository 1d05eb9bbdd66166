"""Series on the page: each sensor a small chart of its own, original and reconstruction on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourglass.report.cards import card
from hourglass.report.charts import legend
from hourglass.report.words import number

__all__ = ["card_of"]

Array = NDArray[np.float64]
MOST, POINTS = 12, 400  # sensors shown; steps drawn of each
WIDTH, HEIGHT = 260, 76


def card_of(facts: dict[str, Any], windows: tuple[Array, Array, NDArray[np.bool_] | None], titles: Sequence[str], note: str) -> str:
    """A card of windows (n, C, T) with what came back, and which steps are real; masked steps are left open."""
    x, back = (_in_units(part, facts) for part in windows[:2])
    real = np.ones(x.shape, dtype=bool) if windows[2] is None else windows[2]
    x, back = np.where(real, x, np.nan), np.where(real & np.isfinite(back), back, np.nan)
    names = [str(name) for name in facts.get("names") or [f"sensor {i + 1}" for i in range(x.shape[1])]]
    shown = _worst(x, back)[:MOST]
    head = "<span></span>" + "".join(f'<span class="over">{escape(title)}</span>' for title in titles)
    body = "".join(_row(names[c], x[:, c], back[:, c]) for c in shown)
    left = f" {x.shape[1] - MOST} more sensors come back better and are not shown." if x.shape[1] > MOST else ""
    keys = legend(["original", "reconstruction"])
    grid = f'<div class="scroll"><div class="sensors" style="--columns:{len(x)}">{head}{body}</div></div>'
    return card("Originals and reconstructions", keys + grid, f"{note} {x.shape[2]:,} steps each.{left}", wide=True)


def _in_units(windows: Array, facts: dict[str, Any]) -> Array:
    """Windows (n, C, T) in the user's own units, where these are known."""
    if "mean" not in facts or len(facts["mean"]) != windows.shape[1]:
        return windows
    mean, scale = (np.asarray(facts[name], dtype=float)[:, None] for name in ("mean", "scale"))
    return np.asarray(windows * scale + mean)


def _worst(x: Array, back: Array) -> list[int]:
    """Numbers of the sensors, those that come back worst first if not all can be shown."""
    if x.shape[1] <= MOST:
        return list(range(x.shape[1]))
    errors = np.nansum((x - back) ** 2, axis=(0, 2)) / np.maximum(np.nansum((x - np.nanmean(x)) ** 2, axis=(0, 2)), 1e-12)
    return [int(c) for c in np.argsort(-errors)]


def _row(name: str, x: Array, back: Array) -> str:
    """One sensor: its name and range, and a chart for each window (n, T), all on one scale."""
    both = np.concatenate([x, back])
    low, high = (float(f(both[np.isfinite(both)])) if np.isfinite(both).any() else 0.0 for f in (np.min, np.max))
    span = f"<br><small>{number(low)} to {number(high)}</small>"
    charts = "".join(_chart([x[i], back[i]], low, high, name) for i in range(len(x)))
    return f'<span class="sensor">{escape(name)}{span}</span>{charts}'


def _chart(curves: Sequence[Array], low: float, high: float, name: str) -> str:
    """Curves (T,) over each other; where there is no number, nothing is drawn."""
    pad = 0.06 * (high - low) or 1.0
    body = ""
    for colour, curve in enumerate(curves):
        thin = np.arange(0, len(curve), max(1, -(-len(curve) // POINTS)))
        across = (thin + 0.5) / len(curve) * WIDTH
        down = HEIGHT - (curve[thin] - low + pad) / (high - low + 2 * pad) * HEIGHT
        body += _path(across, down, colour)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
    return f'<svg role="img" class="window" {size}><title>{escape(name)}</title>{body}</svg>'


def _path(across: Array, down: Array, colour: int) -> str:
    """One line, lifted where there are holes; a step that stands alone is a dot."""
    words, drawing = [], False
    for x, y in zip(across.tolist(), down.tolist(), strict=True):
        real = y == y
        if real:
            words.append(f"{'L' if drawing else 'M'}{x:.1f},{y:.1f}" + ("" if drawing else "h.1"))
        drawing = real
    return f'<path class="line c{colour}" d="{"".join(words)}"/>' if words else ""
