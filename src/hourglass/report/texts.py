"""Texts on the page: original and reconstruction under each other, wrong letters marked."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from torch import Tensor

from hourglass.report.cards import card

__all__ = ["bytes_right", "card_of", "compared"]

END = 256  # the symbol that ends a text
SIGNS = {10: "\u23ce", 9: "\u21e5", 13: "\u240d", 0: "\u2400", 127: "\u2421"}


def card_of(x: Tensor, back: Tensor, mask: Tensor | None, note: str) -> str:
    """A card of texts (n, T) with what came back."""
    pairs = []
    for number, (one, other) in enumerate(zip(x.tolist(), back.tolist(), strict=True)):
        real = len(one) if mask is None else int(mask[number].sum())
        pairs.append((_until_end(one[:real]), _until_end(other)))
    body = "".join(_pair(*pair) for pair in pairs)
    longest = max((len(text.decode(errors="replace")) for pair in pairs for text in pair), default=0)
    marks = "Above the original, below what came back; letters that differ from the one above them are <mark>marked</mark>,"
    note = f"{note} {marks} those that are missing stand as <del>_</del>. On the left the share of bytes that is right."
    grid = f'<div class="scroll"><div class="texts" style="--wide:{longest + 8}ch">{body}</div></div>'
    return card("Originals and reconstructions", grid, note, wide=True)


def _pair(given: bytes, found: bytes) -> str:
    first, second = compared(given, found)
    return f'<div><span class="share">{bytes_right(given, found):.0%}</span><span>{first}<br>{second}</span></div>'


def _until_end(symbols: Sequence[int]) -> bytes:
    """The bytes before the first end symbol."""
    return bytes(symbols[: symbols.index(END)] if END in symbols else symbols)


def bytes_right(given: bytes, found: bytes) -> float:
    """The share of places of the longer one at which both have the same byte.

    >>> bytes_right(b"emma", b"emmb")
    0.75
    """
    longest = max(len(given), len(found))
    return sum(a == b for a, b in zip(given, found, strict=False)) / longest if longest else 1.0


def compared(given: bytes, found: bytes) -> tuple[str, str]:
    """Two rows of HTML: the original, and what came back with wrong letters marked; letters are whole characters.

    >>> compared(b"ana", b"anna")
    ('ana', 'an<mark>na</mark>')
    """
    second, mode, run = "", True, ""
    for letter, begin, end in _letters(found):
        right = found[begin:end] == given[begin:end]
        if right != mode:
            second, run, mode = second + _run(run, mode), "", right
        run += letter
    missing = len(_letters(given[len(found) :])) if len(given) > len(found) else 0
    lost = f"<del>{'_' * missing}</del>" if missing else ""
    return escape("".join(letter for letter, _, _ in _letters(given))), second + _run(run, mode) + lost


def _run(letters: str, right: bool) -> str:
    """Letters in a row that are all right, or all wrong."""
    if not letters:
        return ""
    return escape(letters) if right else f"<mark>{escape(letters)}</mark>"


def _letters(text: bytes) -> list[tuple[str, int, int]]:
    """The characters of UTF-8 with the places of their bytes; what is no character stands for itself, each byte alone."""
    found, at = [], 0
    while at < len(text):
        size = next((n for n in (1, 2, 3, 4) if _whole(text[at : at + n])), 0)
        letter = text[at : at + size].decode() if size else "\ufffd"
        if size == 1 and (text[at] < 32 or text[at] == 127):
            letter = SIGNS.get(text[at], chr(0x2400 + text[at]) if text[at] < 32 else letter)
        found.append((letter, at, at + max(1, size)))
        at += max(1, size)
    return found


def _whole(part: bytes) -> bool:
    try:
        return len(part.decode()) == 1
    except UnicodeDecodeError:
        return False
