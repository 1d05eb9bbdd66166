"""Training that was killed goes on: everything the loop needs, in one file beside the model that is to be."""

from __future__ import annotations

import contextlib
import json
import time
import warnings
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hourglass.errors import CannotWrite
from hourglass.files import digest
from hourglass.train import Loop
from hourglass.writing import atomic

__all__ = ["Checkpoint"]

INTERVAL = 2.0  # seconds between two writes at least
SHARE = 0.05  # of the time, at most, goes into writing
HISTORY = list[dict[str, Any]]
WRONG = (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError)  # what reading a damaged file may raise


class Checkpoint:
    """A checkpoint file that names the settings, data and first weights it belongs to; another's is not taken over.

    `data` and `start` are tensors that stand for them. A folder that is missing raises `CannotWrite` at once; a disk that fills up later
    is a warning, for the training itself can go on.
    """

    def __init__(self, path: Path, settings: dict[str, Any], data: dict[str, Tensor], start: dict[str, Tensor]) -> None:
        self.path = Path(path)
        if self.path.is_dir() or not self.path.parent.is_dir():
            raise CannotWrite(f"the checkpoint cannot be {path}: give the name of a file, in a folder that exists")
        self.key = json.loads(json.dumps({"settings": settings, "data": digest({}, data), "start": digest({}, start)}))
        self.due = time.monotonic() + INTERVAL
        self.warned = False

    def save(self, loop: Loop, history: HISTORY, troubles: list[str]) -> None:
        """Write the state, at most every two seconds; the old file stays until the new one is whole."""
        begun = time.monotonic()
        if begun < self.due:
            return
        tensors, numbers = loop.state()
        told = {"key": self.key, "progress": numbers, "history": history, "troubles": troubles, "digest": digest({}, tensors)}
        try:
            with atomic(self.path) as temporary:
                held = {name: tensor.clone() for name, tensor in tensors.items()}
                # `save_file` would write to a temporary file of its own, which a kill would leave behind
                temporary.write_bytes(safetensors.torch.save(held, {"told": json.dumps(told)}))
        except (OSError, SafetensorError) as trouble:
            self._warn(trouble)
        now = time.monotonic()
        self.due = now + max(INTERVAL, (now - begun) / SHARE)

    def fits(self) -> bool:
        """Whether there is something to go on from."""
        try:
            return self.path.exists() and not self._differing(_read(self.path)[0]["key"])
        except WRONG:
            return False

    def resume(self, loop: Loop) -> tuple[HISTORY, list[str]]:
        """Go on from the file where it fits; returns history and troubles so far. A file that does not fit is named and not used."""
        self._sweep()
        if not self.path.exists():
            return [], []
        try:
            told, tensors = _read(self.path)
            differing = self._differing(told["key"])
            if not differing:
                loop.restore(tensors, told["progress"])
                return told["history"], told["troubles"]
        except WRONG:
            differing = "it is damaged"
        warnings.warn(f"the checkpoint {self.path} is not used, for {differing}; training begins anew", stacklevel=2)
        return [], []

    def remove(self) -> None:
        """The model is done; the checkpoint has served."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self._sweep()

    def _sweep(self) -> None:
        """Remove what a killed training left half-written."""
        for left in self.path.parent.glob(f".{self.path.stem[:40]}.????????{self.path.suffix}"):
            with contextlib.suppress(OSError):
                left.unlink()

    def _warn(self, trouble: Exception) -> None:
        """Say once that nothing can be written."""
        if not self.warned:
            warnings.warn(f"the checkpoint {self.path} could not be written ({trouble}); training goes on without", stacklevel=2)
        self.warned = True

    def _differing(self, key: dict[str, Any]) -> str:
        """What the file's settings, data and first weights have other than ours, in words; empty when nothing."""
        theirs, mine = key["settings"], self.key["settings"]
        changed = [f"{name} {theirs.get(name)} -> {mine.get(name)}" for name in mine | theirs if theirs.get(name) != mine.get(name)]
        if changed:
            return "its settings were others: " + ", ".join(changed)
        if key["data"] != self.key["data"]:
            return "it belongs to other data"
        return "" if key["start"] == self.key["start"] else "it started from other weights"


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What was told, and the tensors; ValueError where they are not what was written."""
    with safe_open(path, "pt") as file:
        told = json.loads(file.metadata()["told"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    if digest({}, tensors) != told["digest"]:
        raise ValueError("altered")
    return told, tensors
