"""Charts as inline SVG: they follow the page's colours (`.c0` to `.c9`) and need no script."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

__all__ = ["bars", "histogram", "legend", "lines", "scatter", "strip", "ticks", "usage"]

COLOURS = 10
USUAL, LONG = (560, 280), (1040, 240)  # width and height; of charts as wide as the page
DOTS = 24  # more points of a curve than these are no longer marked each
Points = Sequence[tuple[float, float]]
Marks = Sequence[tuple[float, str]]


class Frame(NamedTuple):
    """A plotting area and the values at its edges."""

    left: float
    right: float
    low: float
    high: float
    width: int = USUAL[0]
    height: int = USUAL[1]
    margin: tuple[int, int, int, int] = (12, 12, 44, 62)  # top, right, bottom, left

    def x(self, value: float) -> float:
        """Where a value stands from the left."""
        room = self.width - self.margin[1] - self.margin[3]
        return round(self.margin[3] + room * (value - self.left) / ((self.right - self.left) or 1.0), 1)

    def y(self, value: float) -> float:
        """Where a value stands from the top."""
        room = self.height - self.margin[0] - self.margin[2]
        return round(self.height - self.margin[2] - room * (value - self.low) / ((self.high - self.low) or 1.0), 1)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round values from `low` to `high`.

    >>> ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999), power)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{i * step:.10g}") for i in range(first, last + 1)]


def lines(series: Mapping[str, Points], x_name: str, y_name: str, marked: bool = False) -> str:
    """Curves over a common axis. What stands far above the rest (first losses often do) is cut off at the top.

    `marked`: points have dots, the axis of y is logarithmic and nothing is cut off.
    """
    if marked:
        series = {name: [(x, math.log10(y)) for x, y in points if y > 0] for name, points in series.items()}
    shown = {name: [p for p in points if math.isfinite(p[0]) and math.isfinite(p[1])] for name, points in series.items()}
    shown = {name: points for name, points in shown.items() if points}
    if not shown:
        return ""
    xs, ys = zip(*(point for points in shown.values() for point in points), strict=True)
    low, high = min(ys), max(ys) if marked else _top(ys)
    pad = 0.04 * (high - low) or abs(high) * 0.1 or 1.0
    beside = 0.015 * (max(xs) - min(xs))
    frame = Frame(min(xs) - beside, max(xs) + beside, low - pad, high + pad)
    body = _axes(frame, x_name, y_name, heights=_powers(frame) if marked else None)
    clip = f"clip-{zlib.crc32((x_name + y_name).encode()):08x}"
    top, right, bottom, left = frame.margin
    inside = f'width="{frame.width - left - right}" height="{frame.height - top - bottom}"'
    body += f'<clipPath id="{clip}"><rect x="{left}" y="{top}" {inside}/></clipPath><g clip-path="url(#{clip})">'
    for i, points in enumerate(shown.values()):
        path = " ".join(f"{frame.x(x)},{max(-1e4, frame.y(y))}" for x, y in points)
        body += f'<polyline class="line c{i}" points="{path}"/>' if len(points) > 1 else ""
        dots = points if (marked and len(points) <= DOTS) or len(points) == 1 else []
        body += "".join(_dot(frame, point, i, 6.0 if marked and len(points) == 1 else 3.5) for point in dots)
    return legend(list(shown)) + _svg(frame, body + "</g>", f"{y_name} over {x_name}")


def _powers(frame: Frame) -> list[tuple[float, str]]:
    """Marks of a logarithmic axis: 1, 2 and 5 times powers of ten, or these powers alone where that would be many."""
    powers = range(math.floor(frame.low), math.ceil(frame.high) + 1)
    fine = [(math.log10(m * 10.0**p), _short(float(f"{m * 10.0**p:.3g}"))) for p in powers for m in (1, 2, 5)]
    inside = [mark for mark in fine if frame.low <= mark[0] <= frame.high]
    if len(inside) < 3:
        return [(math.log10(value), _short(value)) for value in ticks(10**frame.low, 10**frame.high) if value > 0]
    return inside if len(inside) <= 8 else [mark for mark in inside if mark[0] == round(mark[0])]


def _top(values: Sequence[float]) -> float:
    """The largest value worth showing: four times as far from the least as the middle one."""
    ordered = sorted(values)
    least, middle = ordered[0], ordered[len(ordered) // 2]
    return min(ordered[-1], middle + 4 * (middle - least)) if middle > least else ordered[-1]


def bars(values: Mapping[str, float], unit: str) -> str:
    """Horizontal bars, a row each, the value written behind; the first one stands out."""
    largest = max(values.values(), default=0.0) or 1.0
    rows = ""
    for i, (name, value) in enumerate(values.items()):
        share = max(0.0, min(1.0, value / largest)) * 100
        fill = f'<span class="fill c{0 if i == 0 else 7}" style="width:{share:.2f}%"></span>'
        text = f'<span class="name">{escape(name)}</span><span class="track">{fill}</span><span class="value">{value:.4g}</span>'
        rows += f'<div class="bar">{text}</div>'
    return f'<div class="bars">{rows}<p class="unit">{escape(unit)}</p></div>'


def scatter(points: Points, groups: Sequence[str] | None = None, shades: Sequence[float] | None = None) -> str:
    """Points in a plane, coloured by group, or from light to dark by `shades` in [0, 1]. Axes have no meaning and no numbers."""
    if not points:
        return ""
    frame = Frame(*_span([p[0] for p in points]), *_span([p[1] for p in points]), height=420, margin=(8, 8, 8, 8))
    names = sorted(set(groups), key=_natural) if groups else []
    index = {name: min(i, COLOURS - 1) for i, name in enumerate(names)}
    body = f'<rect class="plane" x="1" y="1" width="{frame.width - 2}" height="{frame.height - 2}" rx="6"/>'
    for i, point in enumerate(points):
        if groups:
            body += _dot(frame, point, index[groups[i]])
        else:
            body += _dot(frame, point, 0, 3, f' style="opacity:{0.15 + 0.85 * (shades[i] if shades else 1.0):.2f}"')
    keys = [*names[: COLOURS - 1], "others"] if len(names) > COLOURS else names
    return (legend(keys) if groups else "") + _svg(frame, body, "map of the codes")


def histogram(
    edges: Sequence[float], counts: Mapping[str, Sequence[float]], x_name: str, line: tuple[float, str] | None = None, wide: bool = False
) -> str:
    """Counts on a logarithmic axis, one translucent shape per name, each scaled to its share of rows; `line` is a place and its name."""
    shares = {name: [value / (sum(row) or 1) for value in row] for name, row in counts.items()}
    logs = [math.log10(edge) for edge in edges]
    high = max((max(row) for row in shares.values()), default=1.0) * 1.05 or 1.0
    frame = Frame(logs[0], logs[-1], 0.0, high, *(LONG if wide else USUAL))
    powers = range(math.ceil(logs[0]), math.floor(logs[-1]) + 1)
    marks = [(float(p), f"{10.0**p:g}") for p in powers[:: max(1, len(powers) // 6)]]
    marks = marks if len(marks) > 1 else [(logs[0], f"{edges[0]:.2g}"), (logs[-1], f"{edges[-1]:.2g}")]
    body = _axes(frame, x_name, "share of rows", marks)
    for i, row in enumerate(shares.values()):
        path = f"M{frame.x(logs[0])},{frame.y(0)}"
        for left, right, value in zip(logs, logs[1:], row, strict=False):
            path += f"L{frame.x(left)},{frame.y(value)}L{frame.x(right)},{frame.y(value)}"
        body += f'<path class="area c{i}" d="{path}L{frame.x(logs[-1])},{frame.y(0)}Z"/>'
    if line is not None:
        x = frame.x(math.log10(line[0]))
        side, gap = ("end", -6) if x > frame.width / 2 else ("start", 6)
        body += f'<line class="limit" x1="{x}" x2="{x}" y1="{frame.margin[0]}" y2="{frame.y(0)}"/>'
        body += f'<text class="tick" text-anchor="{side}" x="{x + gap}" y="{frame.margin[0] + 11}">{escape(line[1])}</text>'
    return legend(list(counts)) + _svg(frame, body, "histogram of errors")


def strip(
    points: Points, limit: float, x_name: str, y_name: str, marks: Marks | None = None, shaded: Sequence[tuple[float, float, str]] = ()
) -> str:
    """A long curve on a logarithmic axis with a line at `limit`; points above it are marked. `shaded`: left, right and name of spans."""
    lowest = max(1e-3, min((y for _, y in points if y > 0), default=1e-3))
    logs = [(x, math.log10(max(y, lowest))) for x, y in points]
    high = max(y for _, y in logs)
    bounded = math.isfinite(limit) and limit > 0
    high = max(high, math.log10(limit)) if bounded else high
    low = min(y for _, y in logs)
    pad = 0.05 * (high - low) or 0.1
    frame = Frame(logs[0][0], logs[-1][0], low - pad, high + pad, *LONG)
    body = "".join(_span_of(frame, *span) for span in shaded) + _axes(frame, x_name, y_name, marks or None, _powers(frame))
    body += f'<polyline class="line thin c0" points="{" ".join(f"{frame.x(x)},{frame.y(y)}" for x, y in logs)}"/>'
    if bounded:
        height = frame.y(math.log10(limit))
        body += f'<line class="limit" x1="{frame.x(frame.left)}" x2="{frame.x(frame.right)}" y1="{height}" y2="{height}"/>'
        odd = [at for at, (_, y) in zip(logs, points, strict=True) if y > limit]
        body += "".join(f'<circle class="over" cx="{frame.x(x)}" cy="{frame.y(y)}" r="2.5"/>' for x, y in odd)
    return _svg(frame, body, f"{y_name} over {x_name or 'time'}")


def _span_of(frame: Frame, first: float, last: float, name: str) -> str:
    """A stretch of the axis, shaded, at least a few pixels wide; its name is told where the mouse rests."""
    begin, end = (min(max(frame.x(place), frame.x(frame.left)), frame.x(frame.right)) for place in (first, last))
    wide = max(end - begin, 3.0)
    top, left = frame.margin[0], (begin + end - wide) / 2
    box = f'x="{left:.1f}" width="{wide:.1f}" y="{top}" height="{frame.y(frame.low) - top:.1f}"'
    return f'<rect class="event" {box}><title>{escape(name)}</title></rect>'


def usage(values: Sequence[float], floor: float, x_name: str, y_name: str) -> str:
    """Thin columns, from largest to least; those at or below `floor` are marked as idle."""
    frame = Frame(0, max(len(values), 1), 0, max([*values, 1e-12]) * 1.05, height=220)
    body = _axes(frame, x_name, y_name, [])
    gap = 0.15 if len(values) <= 100 else 0.0
    for i, value in enumerate(values):
        left, right, top = frame.x(i + gap / 2), frame.x(i + 1 - gap / 2), frame.y(value)
        height = max(1.5, frame.y(0) - top)
        kind = "c0" if value > floor else "idle"
        body += f'<rect class="column {kind}" x="{left}" y="{frame.y(0) - height:.1f}" width="{right - left:.1f}" height="{height:.1f}"/>'
    return _svg(frame, body, f"{y_name} per {x_name}")


def legend(names: Sequence[str]) -> str:
    """Names beside their colours."""
    items = "".join(f'<span><i class="c{min(i, COLOURS - 1)}"></i>{escape(name)}</span>' for i, name in enumerate(names))
    return f'<p class="legend">{items}</p>' if names else ""


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers in their order, before words."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = 0.04 * (high - low) or 1.0
    return low - pad, high + pad


def _dot(frame: Frame, point: tuple[float, float], colour: int, radius: float = 3, more: str = "") -> str:
    return f'<circle class="dot c{colour}" cx="{frame.x(point[0])}" cy="{frame.y(point[1])}" r="{radius}"{more}/>'


def _axes(frame: Frame, x_name: str, y_name: str, marks: Marks | None = None, heights: Marks | None = None) -> str:
    """Grid lines with their values, and the names of both axes."""
    top, right, bottom, left = frame.margin
    floor, end = frame.height - bottom, frame.width - right
    found = ""
    for value, text in heights if heights is not None else [(v, _short(v)) for v in ticks(frame.low, frame.high)]:
        y = frame.y(value)
        found += f'<line class="grid" x1="{left}" x2="{end}" y1="{y}" y2="{y}"/>'
        found += f'<text class="tick" text-anchor="end" x="{left - 6}" y="{y + 4:.1f}">{escape(text)}</text>'
    for value, text in marks if marks is not None else [(v, _short(v)) for v in ticks(frame.left, frame.right, 6)]:
        x = frame.x(value)
        found += f'<line class="mark" x1="{x}" x2="{x}" y1="{floor}" y2="{floor + 4}"/>'
        anchor = "end" if x > end - 12 and len(text) > 4 else "middle"  # long numbers at the edge would be cut off
        found += f'<text class="tick" text-anchor="{anchor}" x="{x}" y="{floor + 17}">{escape(text)}</text>'
    found += f'<line class="axis" x1="{left}" x2="{end}" y1="{floor}" y2="{floor}"/>'
    middle, centre = (left + end) / 2, (top + floor) / 2
    found += f'<text class="axis-name" text-anchor="middle" x="{middle}" y="{frame.height - 6}">{escape(x_name)}</text>'
    turned = f'transform="rotate(-90 14 {centre})"'
    return found + f'<text class="axis-name" text-anchor="middle" x="14" y="{centre}" {turned}>{escape(y_name)}</text>'


def _short(value: float) -> str:
    if 1e4 <= abs(value) < 1e7:
        return f"{value / 1000:,.6g}k"
    return f"{value:,.0f}" if abs(value) >= 1000 and abs(value) < 1e6 else f"{value:.6g}"


def _svg(frame: Frame, body: str, title: Any) -> str:
    size = f'viewBox="0 0 {frame.width} {frame.height}"'
    return f'<svg role="img" {size}><title>{escape(str(title))}</title>{body}</svg>'
