"""The model file: one safetensors file that holds everything, read without trusting a byte of it.

    metadata   settings, facts and training record as JSON, format version, checksum
    tensors    encoder.* bottleneck.* decoder.* loss.*   weights
               arrays.NAME                               what uses have learned
               facts.PATH                                tensors among the facts
               texts.NAME                                a JSON above that grew too long for the header

A reader first compares sizes, then names and shapes on the `meta` device, and takes memory only for what the file really holds.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

import hourglass
from hourglass.errors import BadFile, DamagedFile, HourglassError, NewerFile
from hourglass.model import Factories, Model
from hourglass.rebuild import WEIGHTS, Unfit, rebuild
from hourglass.writing import atomic

__all__ = ["atomic", "digest", "from_json", "inspect", "read_model", "to_json", "write_model"]

FORMAT = 1
HEADER_LIMIT = 4 << 20  # bytes of the whole safetensors header
TEXT_LIMIT = 200_000  # characters of one JSON text in the header; a longer one becomes a tensor

Pathlike = str | os.PathLike[str]


class _Contents(NamedTuple):
    """A file's parts after its checksum was found right."""

    texts: dict[str, Any]
    tensors: dict[str, Tensor]


def write_model(model: Model, path: Pathlike, *, force: bool = True) -> None:
    """Save a model as one file (suffix `.hourglass`); nothing is left behind when that fails. `CannotWrite` says why."""
    tensors = {name: weights.detach().cpu().contiguous().clone() for name, weights in model.modules().state_dict().items()}
    tensors |= {f"arrays.{name}": array.detach().cpu().contiguous().clone() for name, array in model.arrays.items()}
    texts = {"kind": model.kind}
    for name in ("settings", "facts", "record"):
        text = json.dumps(to_json(getattr(model, name), name, tensors), separators=(",", ":"))
        if len(text) <= TEXT_LIMIT:
            texts[name] = text
        else:
            tensors[f"texts.{name}"] = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
    texts |= {"hourglass_format": str(FORMAT), "written_by": hourglass.__version__}
    texts["checksum"] = digest(texts, tensors)
    with atomic(path, force=force) as temporary:
        temporary.write_bytes(safetensors.torch.save(tensors, texts))


def read_model(path: Pathlike, parts: Factories | None = None) -> Model:
    """Load a model that `write_model` saved, in evaluation mode. `parts` maps names of your own network factories to them.

    No code in a file is ever run. A file that is no model raises `BadFile`, an altered one `DamagedFile`, a later format `NewerFile`.
    """
    metadata, _ = _header(path)
    contents = _contents(path, metadata)
    try:
        texts = {name: from_json(text, contents.tensors) for name, text in contents.texts.items()}
        model = rebuild(texts, {name: tensor for name, tensor in contents.tensors.items() if name.startswith(WEIGHTS)}, parts or {})
    except BadFile:
        raise
    except (Unfit, HourglassError) as trouble:
        raise BadFile(f"{path} cannot be opened as a model: {trouble}") from trouble
    except MemoryError:
        raise
    except Exception as trouble:  # whatever hostile settings made a variant do; the user's mistake, not ours
        raise BadFile(f"{path} cannot be opened as a model, its settings make no network: {trouble!r}") from trouble
    model.arrays = {name.removeprefix("arrays."): array for name, array in contents.tensors.items() if name.startswith("arrays.")}
    return model


def inspect(path: Pathlike) -> dict[str, Any]:
    """What a model file says of itself, from its header alone: no weights are loaded and the checksum is not verified.

    Keys: path, bytes, format, written_by, kind, settings, facts (a tensor is shown as its name), record, weights (how many
    numbers), arrays (name: shape), checksum.
    """
    metadata, entries = _header(path)
    with open(path, "rb") as handle:
        start = 8 + int.from_bytes(handle.read(8), "little")
        for name in ("settings", "facts", "record"):
            if entry := entries.get(f"texts.{name}"):
                handle.seek(start + entry["data_offsets"][0])
                metadata[name] = handle.read(entry["data_offsets"][1] - entry["data_offsets"][0]).decode(errors="replace")
    try:
        texts = {name: json.loads(metadata[name]) for name in ("settings", "facts", "record")}
    except (KeyError, ValueError, RecursionError) as trouble:
        raise DamagedFile(f"{path} is damaged: its description cannot be read ({trouble})") from trouble
    return {
        "path": str(path),
        "bytes": Path(path).stat().st_size,
        "format": int(metadata["hourglass_format"]),
        "written_by": metadata.get("written_by", "an unknown version"),
        "kind": metadata.get("kind", ""),
        **texts,
        "weights": sum(math.prod(entry["shape"]) for name, entry in entries.items() if name.startswith(WEIGHTS)),
        "arrays": {name.removeprefix("arrays."): entry["shape"] for name, entry in entries.items() if name.startswith("arrays.")},
        "checksum": metadata.get("checksum", ""),
    }


def digest(texts: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """A checksum over texts and over the names, types, shapes and bytes of tensors; their order does not matter.

    >>> digest({"a": "b"}, {"x": torch.zeros(2)}) == digest({"a": "b"}, {"x": torch.zeros(1, 2)})
    False
    """
    hashed = hashlib.blake2b(digest_size=32)
    hashed.update(json.dumps(sorted(texts.items())).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().clone(memory_format=torch.contiguous_format)  # one element or none may have stride 0
        hashed.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        hashed.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return hashed.hexdigest()


def to_json(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """`value` as JSON; a tensor or array in it is put into `tensors` under a name that begins with `name`.

    >>> found = {}
    >>> to_json({"scale": torch.ones(2), "width": np.int64(3)}, "facts", found), list(found)
    ({'scale': {'tensor': 'facts.scale'}, 'width': 3}, ['facts.scale'])
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value) if value.dtype.kind in "biuf" else value.tolist()
    if isinstance(value, Tensor):
        while name in tensors:
            name += "'"
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, Mapping):
        plain = {str(key): to_json(item, f"{name}.{key}", tensors) for key, item in value.items()}
        return {"plain": plain} if list(plain) in (["tensor"], ["plain"]) else plain  # a user's column may have these names
    if isinstance(value, list | tuple):
        return [to_json(item, f"{name}.{place}", tensors) for place, item in enumerate(value)]
    assert value is None or isinstance(value, str | int | float), f"{name} holds {value!r}, which JSON cannot"
    return value


def from_json(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The opposite of `to_json`; tuples have become lists."""
    if isinstance(value, list):
        return [from_json(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["tensor"]:
        if not isinstance(value["tensor"], str) or value["tensor"] not in tensors:
            raise Unfit(f"the tensor {str(value['tensor'])[:60]!r} is missing")
        return tensors[value["tensor"]]
    if list(value) == ["plain"] and isinstance(value["plain"], dict):
        value = value["plain"]
    return {key: from_json(item, tensors) for key, item in value.items()}


def _header(path: Pathlike) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """Metadata and tensor entries of a model file of this format or an earlier one; memory is taken for the header alone."""
    try:
        size = os.stat(path).st_size
        with open(path, "rb") as handle:
            head = handle.read(8)
            length = int.from_bytes(head, "little")
            text = handle.read(length) if length <= min(HEADER_LIMIT, size - 8) else b""
            head += text[:600] or handle.read(600)
    except OSError as trouble:
        raise BadFile(f"cannot read {path}: {trouble.strerror or trouble}; give the path of a .hourglass file") from trouble
    try:
        header = json.loads(text)
        metadata = header.pop("__metadata__")
        later = int(metadata["hourglass_format"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as trouble:
        raise BadFile(f"{path} is no model of hourglass, or a damaged one: {_looks(head)}") from trouble
    if later > FORMAT:
        by = str(metadata.get("written_by"))[:40]
        raise NewerFile(f"{path} was written by hourglass {by}, format {later}; this is format {FORMAT}: upgrade hourglass")
    if not all(isinstance(value, str) for value in metadata.values()):
        raise DamagedFile(f"{path} is damaged: its header holds something that is no text")
    _sound(path, header, size - 8 - length)
    return metadata, header


def _sound(path: Pathlike, entries: Any, room: int) -> None:
    """Refuse tensor entries that point outside the file."""
    for name, entry in entries.items():
        places = entry.get("data_offsets") if isinstance(entry, dict) else None
        whole = isinstance(places, list) and len(places) == 2 and all(type(place) is int for place in places)
        shape = entry.get("shape") if whole else None
        if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape) or not 0 <= places[0] <= places[1] <= room:  # type: ignore[index]
            raise DamagedFile(f"{path} is damaged: the tensor {name[:60]!r} is cut short or described wrongly")


def _contents(path: Pathlike, metadata: dict[str, str]) -> _Contents:
    """Texts and tensors of a file whose checksum is right."""
    with open(path, "rb") as handle:
        data = handle.read()
    try:
        tensors = safetensors.torch.load(data)
        checksum = digest({name: text for name, text in metadata.items() if name != "checksum"}, tensors)
    except MemoryError:
        raise
    except Exception as trouble:  # the reader of safetensors raises many kinds for bytes it does not like
        raise DamagedFile(f"{path} is damaged (cut short or altered): {trouble}; get it again from where it came") from trouble
    if checksum != metadata.get("checksum"):
        raise DamagedFile(f"{path} was altered after it was saved: its checksum is wrong; get it again from where it came")
    texts: dict[str, Any] = {"kind": metadata.get("kind")}
    try:
        for name in ("settings", "facts", "record"):
            long = tensors.pop(f"texts.{name}", None)
            texts[name] = json.loads(metadata[name] if long is None else long.numpy().tobytes())
    except (KeyError, ValueError, TypeError, RecursionError) as trouble:
        raise DamagedFile(f"{path} is damaged: its description cannot be read ({trouble!r})") from trouble
    return _Contents(texts, tensors)


def _looks(head: bytes) -> str:
    """What a file that is no model looks like, from its first bytes."""
    signs = {
        b"PK": "it looks like a zip (a torch checkpoint or a spreadsheet is one; checkpoints are never opened, for pickles can run code)",
        b"\x80": "it looks like a pickle, which is never opened, for pickles can run code",
        b"\x89PNG": "it looks like a PNG picture",
        b"\xff\xd8": "it looks like a JPEG picture",
        b"\x89HGZ": "it looks like compressed data (.hgz); hourglass decompress opens it",
        b"\x1f\x8b": "it looks like a gzip file",
        b"PAR1": "it looks like a Parquet table",
        b"\x89HDF": "it looks like an HDF5 file",
        b"<": "it looks like a web page or XML; did a download go wrong?",
    }
    for sign, words in signs.items():
        if head.lstrip().startswith(sign):
            return words
    if not head:
        return "it is empty"
    if head[8:9] == b"{":
        return "it looks like a safetensors file of another program"
    return "it looks like plain text" if head.isascii() and b"\0" not in head else "its bytes are of no format known here"
