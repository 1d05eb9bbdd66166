"""What is learned of texts in one pass: their lengths, their bytes, what is odd about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from hourglass.errors import BadData, BadOption
from hourglass.kinds._text_parts import SYMBOLS
from hourglass.kinds._text_rows import Texts, flat

__all__ = ["Tally", "describe", "element_names"]

Facts = dict[str, Any]

MOST = 128  # bytes in a sample, where its length is not given
COUNTED = 4096  # lengths of rows are told apart up to here
MANY = 0.1  # a share of empty rows above this is told


class Tally:
    """Counts over all chunks, which become the facts."""

    def __init__(self) -> None:
        self.rows = self.empty = self.missing = self.odd_rows = self.odd_bytes = self.bytes = 0
        self.longest, self.shortest = 0, -1
        self.lengths = np.zeros(COUNTED + 1, np.int64)
        self.counts = np.zeros(256, np.int64)
        self.first_odd = ""
        self.converted: dict[str, str] = {}  # a file in another encoding: that encoding
        self.unit, self.newline = "texts", "\n"

    def add(self, texts: Texts) -> None:
        """Count the rows of another chunk."""
        data, sizes = flat(texts)
        self.rows += len(data)
        self.bytes += int(sizes.sum())
        self.empty += int((sizes == 0).sum())
        self.missing += texts.missing
        self.longest = max(self.longest, int(sizes.max(initial=0)))
        self.shortest = int(sizes.min(initial=self.longest if self.shortest < 0 else self.shortest))
        self.lengths += np.bincount(np.minimum(sizes, COUNTED), minlength=COUNTED + 1)
        joined = b"".join(data)
        self.counts += np.bincount(np.frombuffer(joined, np.uint8), minlength=256)
        if not joined.isascii() and not all(map(_is_utf8, data)):
            self._odd(texts, data)
        self.converted.update({stretch.name: stretch.encoding for stretch in texts.stretches if stretch.encoding != "utf-8"})
        self.unit, self.newline = texts.unit, texts.newline

    def _odd(self, texts: Texts, data: list[bytes]) -> None:
        """Count the bytes that are no UTF-8."""
        for number, row in enumerate(data):
            if not _is_utf8(row):
                self.odd_rows += 1
                self.odd_bytes += sum(0xDC80 <= ord(letter) <= 0xDCFF for letter in row.decode("utf-8", "surrogateescape"))
                self.first_odd = self.first_odd or texts.where(number)

    def facts(self, length: int | None) -> Facts:
        """The facts; see `text.learn`."""
        if not self.bytes:
            raise BadData(f"all {self.rows:,} {self.unit} are empty: there is nothing to learn from")
        if not self.counts[[byte for byte in range(256) if not bytes([byte]).isspace()]].any():
            raise BadData(f"all {self.rows:,} {self.unit} hold nothing but whitespace: there is nothing to learn from")
        if length is not None and (isinstance(length, bool) or not isinstance(length, int) or not 1 <= length <= 65_536):
            raise BadOption(f"length={length!r}: give the bytes in a sample, a whole number from 1 to 65536")
        size = length or self._usual()
        shape = [size]
        return {
            "shape": shape,
            "symbols": SYMBOLS,
            "fields": [["symbol", 0, size]],
            "resolution": torch.zeros(size),
            "cut": True,
            "label": None,
            "unit": self.unit,
            "newline": self.newline,
            "counts": torch.from_numpy(self.counts.copy()),
            "rows": self.rows,
            "reading": self._reading(),
            "notes": self._notes(size),
        }

    def _usual(self) -> int:
        """The length that, with the end symbol, 99 of 100 rows keep within, rounded up to a multiple of 8; at most 128."""
        within = int(np.searchsorted(np.cumsum(self.lengths), 0.99 * self.rows))
        return min(MOST, -(-(within + 1) // 8) * 8)

    def _reading(self) -> str:
        sizes = f"{self.shortest:,} to {self.longest:,}" if self.shortest != self.longest else f"{self.longest:,}"
        return f"{self.rows:,} {self.unit if self.rows > 1 else self.unit[:-1]}, {sizes} bytes"

    def _notes(self, size: int) -> list[str]:
        notes = [f"{name} is in {encoding.upper()} and is read as UTF-8" for name, encoding in self.converted.items()][:8]
        if self.odd_bytes:
            notes.append(
                f"{self.odd_bytes:,} bytes in {self.odd_rows:,} {self.unit} are no UTF-8, the first in {self.first_odd}; they are "
                "learned as they are and written as the replacement character; convert the text to UTF-8 if that is not meant"
            )
        if self.missing:
            notes.append(f"{self.missing:,} of {self.rows:,} texts are missing; they are read as empty ones")
        if self.empty - self.missing > MANY * self.rows:
            notes.append(f"{self.empty - self.missing:,} of {self.rows:,} {self.unit} are empty; each is kept as a row of its own")
        return notes


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def describe(facts: Facts) -> list[tuple[str, str]]:
    """What was learned, in words."""
    counts = facts["counts"]
    seen = int((counts > 0).sum())
    most = [int(byte) for byte in counts.argsort(descending=True, stable=True)[: min(8, seen)]]
    shown = " ".join({10: "newline", 32: "space", 9: "tab"}.get(byte, chr(byte) if 32 < byte < 127 else f"0x{byte:02x}") for byte in most)
    beyond = 100 * float(counts[128:].sum()) / max(1, int(counts.sum()))
    rows = [
        ("texts", facts["reading"]),
        ("samples", f"{facts['shape'][0]} bytes, or fewer and the end; longer texts are cut into parts"),
        ("bytes", f"{seen} of 256 seen, most often {shown}" + (f"; {beyond:.3g} % of them outside ASCII" if beyond else "")),
    ]
    return rows + [("note", note) for note in facts["notes"]]


def element_names(facts: Facts) -> list[str]:
    """The places in a sample: byte 1, byte 2, ..."""
    return [f"byte {place}" for place in range(1, facts["shape"][0] + 1)]
