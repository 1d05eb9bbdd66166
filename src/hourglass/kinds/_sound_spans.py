"""Which part of which sound each window is, in columns beside the codes, and from these columns back to how windows lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hourglass.kinds import _sound_parts as parts
from hourglass.kinds._sound import ARRAY

__all__ = ["lies", "spans"]

Facts = dict[str, Any]


def spans(chunk: Any, facts: Facts, layout: Sequence[dict[str, Any]], count: int) -> dict[str, list[Any]]:
    """Of every window the file, the channel (where files have several that are heard one by one), and its begin and end in seconds."""
    found: dict[str, list[Any]] = {"file": [], "channel": [], "begin": [], "end": []}
    for entry in layout:
        place = parts.grid(entry, facts)
        begins = parts.starts(place, facts).numpy()
        streams = -(-entry["channels"] // facts["channels"])
        found["file"] += [entry["name"] or f"sound {entry['recording']}"] * (len(begins) * streams)
        found["channel"] += np.repeat(np.arange(streams), len(begins)).tolist()
        found["begin"] += np.tile(begins / facts["rate"], streams).tolist()
        found["end"] += np.tile(np.minimum(begins + facts["window"], place.length) / facts["rate"], streams).tolist()
    if not any(found["channel"]):
        del found["channel"]
    return found


def lies(beside: Any, facts: Facts) -> tuple[list[int], list[dict[str, Any]]] | None:
    """The rows of `spans` in the order in which their windows lie, and the layout of whole sounds; None where windows are missing."""
    columns = {name: beside[name].to_pylist() for name in beside.column_names}
    rows = len(columns["begin"])
    files, channels = columns.get("file", [""] * rows), columns.get("channel", [0] * rows)
    found: dict[str, dict[int, dict[int, int]]] = {}
    lengths: dict[str, int] = {}
    for row, (file, channel, begin, end) in enumerate(zip(files, channels, columns["begin"], columns["end"], strict=True)):
        found.setdefault(file, {}).setdefault(channel, {})[round(begin * facts["rate"])] = row
        lengths[file] = max(lengths.get(file, 0), round(end * facts["rate"]))
    format_, subtype = ("WAV", "PCM_16") if facts["format"] == ARRAY else (facts["format"], facts["subtype"])
    order: list[int] = []
    layout = []
    for number, (file, streams) in enumerate(found.items()):
        whole = {
            "recording": number,
            "begin": 0,
            "end": lengths[file],
            "total": lengths[file],
            "channels": len(streams) * facts["channels"],
        }
        entry = {**whole, "rate": facts["rate"], "name": file, "format": format_, "subtype": subtype}
        begins = parts.starts(parts.grid(entry, facts), facts).tolist()
        if any(sorted(stream) != begins for stream in streams.values()):
            return None
        order += [streams[channel][begin] for channel in sorted(streams) for begin in begins]
        layout.append(entry)
    return order, layout
