"""The container of a compressed file: a header, and chunks with checksums, so that damage stays where it is.

No byte is trusted: lengths are checked before they are used. There are two formats, and both are read: the first with plain numbers, the
second as short as can be, for of a small picture the container would else be a tenth.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from hourglass.errors import BadFile, DamagedFile, NewerFile

__all__ = ["MAGIC", "PICTURE", "SIGN", "from_varint", "read_container", "varint", "write_container", "write_short"]

SIGN = b"\x89HGZ"
MAGIC = SIGN + b"\r\n\x1a\n"  # of the first format, as PNG's: shows at once when a transfer altered line ends or cut the eighth bit
VERSION, SHORT = 1, 2
MOST_TEXT = 64 << 20  # bytes of a header
USUAL = (  # what headers are made of, so that they take few bytes; part of the format
    b'{"codec":"codes-1","model":"table","fingerprint":"0123456789abcdef","kind":"image","rows":1000,"chunk":4096,"scale":11.31,'
    b'"layout":"alpha":1,"kept":{"exif":1000,"icc_profile":3144}}"dtype":"uint16","float32","quality":75.0,{"codec":"picture-1",'
    b'"model":"photo-1","fingerprint":"shape":[512,768,3],"dtype":"uint8","quality":50.0,"alpha":0,"kept":{}}'
)
DTYPES, NAMES, KEPT = ("uint8", "uint16", "float32", "float64"), ("", "photo-1", "own"), ("exif", "icc_profile")
PICTURE = "picture-2"  # whose headers are numbers without names


class Front(NamedTuple):
    """What stands before the chunks: the header, (length, checksum) of each chunk, and where the first begins."""

    header: dict[str, Any]
    places: list[tuple[int, int]]
    start: int


def write_container(header: dict[str, Any], chunks: Sequence[bytes]) -> bytes:
    """A compressed file: magic, version, header as JSON (deflated), the length and checksum of every chunk, the chunks.

    The chunk lengths stand in front, under the header's checksum, so that damage in one chunk leaves the others readable.
    """
    text = _deflated(header)
    places = b"".join(struct.pack("<II", len(chunk), zlib.crc32(chunk)) for chunk in chunks)
    front = MAGIC + struct.pack("<BII", VERSION, len(text), len(chunks)) + text + places
    return front + struct.pack("<I", zlib.crc32(front)) + b"".join(chunks)


def write_short(header: dict[str, Any], chunks: Sequence[bytes]) -> bytes:
    """The same in few bytes: numbers of one to five bytes, and a single checksum over all where there is but one chunk."""
    text = _numbers(header)
    front = SIGN + bytes([SHORT]) + varint(len(text)) + varint(len(chunks)) + text
    for chunk in chunks:
        front += varint(len(chunk)) + (struct.pack("<I", zlib.crc32(chunk)) if len(chunks) > 1 else b"")
    checked = front + chunks[0] if len(chunks) == 1 else front
    return front + struct.pack("<I", zlib.crc32(checked)) + b"".join(chunks)


def read_container(data: bytes, salvage: bool = False) -> tuple[dict[str, Any], list[bytes | None]]:
    """The header and the chunks of a compressed file. A damaged chunk raises `DamagedFile` with its number; to `salvage`, it is None."""
    header, places, start = _short_front(data) if data[: len(SIGN) + 1] == SIGN + bytes([SHORT]) else _front(data)
    chunks: list[bytes | None] = []
    for number, (length, checksum) in enumerate(places, 1):
        chunk = data[start : start + length]
        whole = len(chunk) == length and zlib.crc32(chunk) == checksum
        if not whole and not salvage:
            trouble = "altered" if len(chunk) == length else "cut short"
            raise DamagedFile(f"chunk {number} of {len(places)} is {trouble}; --salvage writes the other chunks")
        chunks.append(chunk if whole else None)
        start += length
    if len(data) > start and not salvage:
        raise DamagedFile(f"{len(data) - start:,} bytes too many at the end of the file; --salvage ignores them")
    return header, chunks


def _front(data: bytes) -> Front:
    """The front of a file of the first format."""
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + 9:
        _refuse(data)
    version, size, count = struct.unpack_from("<BII", data, len(MAGIC))
    if version > VERSION:
        raise _newer(version)
    text, end = len(MAGIC) + 9, len(MAGIC) + 9 + size + 8 * count
    if len(data) < end + 4 or zlib.crc32(data[:end]) != struct.unpack_from("<I", data, end)[0]:
        raise DamagedFile("the header of this compressed file is damaged; nothing in it can be read")
    return Front(_inflated(data[text : text + size]), list(struct.iter_unpack("<II", data[text + size : end])), end + 4)


def _refuse(data: bytes) -> None:
    """Say what a file is that does not begin as one of ours does."""
    if data.startswith(SIGN) and bytes([SHORT]) < data[len(SIGN) : len(SIGN) + 1] < b"\r":
        raise _newer(data[len(SIGN)])
    raise BadFile("this is no file compressed by hourglass (.hgz), or it is cut short at its beginning")


def _newer(version: int) -> NewerFile:
    return NewerFile(f"this file was compressed by a later hourglass (format {version}; this is format {SHORT}): upgrade hourglass")


def _short_front(data: bytes) -> Front:
    """The front of a file of the second format; of a single chunk, that its checksum is right is seen here."""
    size, at = from_varint(data, len(SIGN) + 1)
    count, at = from_varint(data, at)
    if size > MOST_TEXT or at + size + count > len(data):
        raise DamagedFile("the header of this compressed file is damaged; nothing in it can be read")
    text, at, places = data[at : at + size], at + size, []
    for _ in range(count):
        length, at = from_varint(data, at)
        known = struct.unpack("<I", data[at : at + 4])[0] if count > 1 and at + 4 <= len(data) else 0
        at += 4 if count > 1 else 0
        places.append((length, known))
    whole = places[0][0] if count == 1 else 0
    body = data[:at] + data[at + 4 : at + 4 + whole]
    if at + 4 + whole > len(data) or zlib.crc32(body) != struct.unpack_from("<I", data, at)[0]:
        what = "it is altered or cut short" if count == 1 else "its header is damaged"
        raise DamagedFile(f"this compressed file cannot be read: {what}; nothing in it can be salvaged")
    places = [(whole, zlib.crc32(data[at + 4 : at + 4 + whole]))] if count == 1 else places
    return Front(_named(text), places, at + 4)


def _deflated(header: dict[str, Any]) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=USUAL)
    return deflate.compress(json.dumps(header, separators=(",", ":")).encode()) + deflate.flush()


def _inflated(text: bytes) -> dict[str, Any]:
    """The opposite of `_deflated`, of any bytes."""
    try:
        inflate = zlib.decompressobj(-15, zdict=USUAL)
        header = json.loads(inflate.decompress(text, MOST_TEXT))
    except (zlib.error, ValueError, RecursionError) as trouble:
        raise DamagedFile(f"the header of this compressed file is no JSON: {trouble}") from trouble
    if not isinstance(header, dict):
        raise DamagedFile("the header of this compressed file holds no settings")
    return header


def _numbers(header: dict[str, Any]) -> bytes:
    """A picture's header without names, in some fifteen bytes; any other one as JSON."""
    try:
        name, (height, width, colours) = header["model"], header["shape"]
        flags = DTYPES.index(header["dtype"]) | (colours == 3) << 2 | header["alpha"] << 3
        flags |= sum(16 << place for place, kept in enumerate(KEPT) if kept in header["kept"])
        said = bytes([1, flags, NAMES.index(name)]) if name in NAMES[1:] else bytes([1, flags, 0, len(name.encode())]) + name.encode()
        made = said + bytes.fromhex(header["fingerprint"])
        made += b"".join(map(varint, (height, width, round(header["quality"] * 10), *header["kept"].values())))
        if _named(made) == header:
            return made
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, DamagedFile):
        pass
    return b"\0" + _deflated(header)


def _named(text: bytes) -> dict[str, Any]:
    """The opposite of `_numbers`, of any bytes."""
    if text[:1] == b"\0":
        return _inflated(text[1:])
    if text[:1] != b"\1" or len(text) < 12 or text[2] >= len(NAMES):
        raise DamagedFile("the header of this compressed file is of no known form")
    flags, at = text[1], 3 if text[2] else 4 + text[3]
    name = NAMES[text[2]] or text[4:at].decode(errors="replace")
    found, place = [], at + 8
    kept = [each for number, each in enumerate(KEPT) if flags >> 4 & 1 << number]
    for _ in range(3 + len(kept)):
        number, place = from_varint(text, place)
        found.append(number)
    header: dict[str, Any] = {
        "codec": PICTURE,
        "model": name,
        "fingerprint": text[at : at + 8].hex(),
        "shape": [*found[:2], 3 if flags & 4 else 1],
    }
    header |= {"dtype": DTYPES[flags & 3], "quality": found[2] / 10, "alpha": flags >> 3 & 1}
    return header | {"kept": dict(zip(kept, found[3:], strict=True))}


def varint(number: int) -> bytes:
    """A number from 0 on as bytes of seven bits each; the eighth bit says that more follow."""
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


def from_varint(data: bytes, at: int) -> tuple[int, int]:
    """A number that begins at a place, and the place behind it.

    >>> from_varint(varint(300), 0)
    (300, 2)
    """
    number = 0
    for shift, byte in zip(range(0, 35, 7), data[at : at + 5], strict=False):
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at + shift // 7 + 1
    raise DamagedFile("the header of this compressed file is damaged; nothing in it can be read")
