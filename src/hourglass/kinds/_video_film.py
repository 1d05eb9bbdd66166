"""What a video file holds, found without decoding more than its beginning and its end."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from hourglass.errors import BadData
from hourglass.kinds._video import RATE
from hourglass.kinds._video_decoder import Decoder, Film, av_error, said, turned

__all__ = ["peek"]

DRAWN = ("tty", "bin", "xbin", "adf", "idf")  # text that FFmpeg would draw
TRIED = 8  # frames decoded at the beginning of each file


def peek(path: Path) -> Film:
    """Read what a file holds without decoding more than its beginning and its end; `BadData` says why it cannot be used.

    Where the end is broken, the film ends with the last frame that can be decoded, and `missing` says so.
    """
    with said(path):
        film = _indexed(path)
        decoder = Decoder(film)
        head = list(itertools.islice(decoder.flow, TRIED))
        if not head:
            raise BadData(f"{path}: no frame of it can be decoded{decoder.why}")
        frame = head[0][1]
        counted = film.counted or [number for number, _ in head] != sorted({number for number, _ in head})
        height, width = turned(frame).shape[:2]
        film = replace(film, size=(height, width), counted=counted, notes=_notes(frame))
        decoder.close()
        return film if counted else _ending(film)


def _indexed(path: Path) -> Film:
    """All packets looked at: stamps, keyframes, rate, and whether the file ends before it says."""
    import av

    with av.open(str(path), metadata_errors="ignore") as container:
        if not container.streams.video:
            sound = "; it holds sound: read it with kind='audio'" if container.streams.audio else ""
            raise BadData(f"{path}: there is no video in it{sound}")
        form = container.format.name
        if form in DRAWN or form.endswith("_pipe"):  # FFmpeg draws letters, and takes a picture for a video of one frame
            what, other = ("text", "text") if form in DRAWN else ("a picture", "image")
            raise BadData(f"{path}: this is {what}, not a video; read it with kind={other!r} (--kind {other})")
        stream = container.streams.video[0]
        found, passed, end = _packets(container, stream)
        if not found:
            raise BadData(f"{path}: a video without frames")
        rate = Fraction(stream.average_rate or stream.guessed_rate or RATE)
        known = all(stamp is not None for stamp, _, _ in found)
        rows = sorted(found) if known else [(number, number, key) for number, (_, _, key) in enumerate(found)]
        stamps, places = np.unique([stamp for stamp, _, _ in rows], return_index=True)
        rows = [rows[place] for place in places]
        keys = np.array([number for number, row in enumerate(rows) if row[2]] or [0])
        marks = np.array([rows[key][1] for key in keys])
        promised = max(stream.frames - passed, _promise(container, stream, end))
        short = f"{len(found)} of {promised} frames are there" if promised > len(found) + 1 else ""
        base, heard = stream.time_base or 1 / rate, bool(container.streams.audio)
        return Film(path, stamps, keys, marks, base, rate, counted=not known, sound=heard, missing=short)


def _packets(container: Any, stream: Any) -> tuple[list[tuple[Any, Any, bool]], int, float]:
    """Stamp, place to seek to and whether it is a keyframe, of each packet of `stream` to show; the number of the others; the second at
    which the last of all streams ends.
    """
    found, passed, end = [], 0, 0.0
    with contextlib.suppress(av_error()):  # what cannot be read any further is the end
        for packet in container.demux():
            if packet.size and packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.size and packet.stream.index == stream.index:
                passed += packet.is_discard
                if not packet.is_discard:
                    found.append((packet.pts, packet.dts if packet.dts is not None else packet.pts, packet.is_keyframe))
    return found, passed, end


def _promise(container: Any, stream: Any, end: float) -> int:
    """Frames that the file's own length promises; 0 where no more than half a second of it is missing."""
    length = (container.duration or 0) / 1e6
    cut = length - end > max(0.5, 0.02 * length) and container.format.name.startswith(("matroska", "avi", "mov"))
    return round(length * float(stream.average_rate or RATE)) if cut else 0


def _ending(film: Film) -> Film:
    """The film up to its last frame that can be decoded, looked for from the end, keyframe by keyframe."""
    decoder, stop, last = Decoder(film), film.count, 1
    try:
        for key in film.keys[::-1]:
            got = [number for number, _ in decoder.between(int(key), stop)]
            if got:
                last = max(got) + 1
                break
            stop = int(key)
    finally:
        decoder.close()
    if last < film.count and (decoder.why or film.missing):
        lost = f"frames from number {last} on cannot be decoded"
        return replace(film, stamps=film.stamps[:last], missing=f"{film.missing}, {lost}" if film.missing else lost)
    return film


def _notes(frame: Any) -> tuple[str, ...]:
    parts = frame.format.components
    deep = max((part.bits for part in parts), default=8)
    clear = len(parts) == 4 and frame.format.name not in ("bgra", "pal8")  # GIFs are all of these
    told = [f"its {deep} bits a colour are read as 8"] if deep > 8 else []
    return (*told, "its transparency is left out") if clear else tuple(told)
