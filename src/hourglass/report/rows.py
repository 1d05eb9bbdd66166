"""Tables on the page: what went in, and what came back, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from hourglass.report.cards import card

__all__ = ["card_of"]

MOST = 30  # columns shown


def card_of(originals: Any, reconstructions: Any) -> str:
    """A card of some rows: two chunks of a table, of which the second came back."""
    given, names = _rows(originals)
    back, _ = _rows(reconstructions)
    head = "".join(f"<th>{escape(str(name))}</th>" for name in names[:MOST])
    body = ""
    for one, other in zip(given, back, strict=True):
        pairs = list(zip(one, other, strict=True))[:MOST]
        body += f"<tr>{''.join(_cell(a, b) for a, b in pairs)}</tr>"
    left = len(names) - MOST
    note = "Held-out rows; in colour, what came back." + (f" {left:,} more columns are not shown." if left > 0 else "")
    table = f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>' if body else ""
    return card("Originals beside reconstructions", table, note, wide=True)


def _cell(given: str, back: str) -> str:
    return f'<td>{escape(given) or "&nbsp;"}<span class="back">{escape(back) or "&nbsp;"}</span></td>'


def _rows(chunk: Any) -> tuple[Sequence[Sequence[str]], Sequence[str]]:
    """A chunk of a table as rows of text, and the names of its columns."""
    if hasattr(chunk, "column_names"):
        columns = list(chunk.column_names)
        cells = [[_text(value) for value in column.to_pylist()] for column in chunk.columns]
        return [list(row) for row in zip(*cells, strict=True)], columns
    return [[_text(value) for value in row] for row in chunk.tolist()], [f"x{i}" for i in range(chunk.shape[1])]


def _text(value: Any) -> str:
    """A cell, short."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
