"""Training that was killed goes on: everything the loop needs, in one file beside the model that is to be."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from hourglass.parts import Batch
from hourglass.train import Loop
from hourglass.writing import atomic

__all__ = ["Checkpoint"]

INTERVAL = 2.0  # seconds between two writes at least


class Checkpoint:
    """A checkpoint file that names the settings and data it belongs to; another's is not taken over."""

    def __init__(self, path: Path, settings: dict[str, Any], sample: Batch, seed: int) -> None:
        self.path = Path(path)
        told = hashlib.sha256(sample.x[:2000].contiguous().numpy().tobytes()).hexdigest()
        self.key = {"settings": {**settings, "seed": seed}, "data": told}
        self.written = time.monotonic()

    def save(self, loop: Loop, history: list[dict[str, Any]], troubles: list[str]) -> None:
        """Write the state, at most every two seconds; the old file stays until the new one is whole."""
        if time.monotonic() - self.written < INTERVAL:
            return
        tensors, numbers = loop.state()
        text = json.dumps({"key": self.key, "progress": numbers, "history": history, "troubles": troubles, "threads": torch.get_num_threads()})
        with atomic(self.path) as temporary:
            safetensors.torch.save_file({name: tensor.clone() for name, tensor in tensors.items()}, temporary, {"checkpoint": text})
        self.written = time.monotonic()

    def resume(self, loop: Loop) -> tuple[list[dict[str, Any]], list[str]]:
        """Go on from the file where it fits; returns history and troubles so far. A file that does not fit is named and not used."""
        if not self.path.exists():
            return [], []
        try:
            with safe_open(self.path, "pt") as file:
                told = json.loads(file.metadata()["checkpoint"])
                differing = self._differing(told["key"])
                if not differing:
                    loop.restore({name: file.get_tensor(name) for name in file.keys()}, told["progress"])  # noqa: SIM118 - no mapping
                    return told["history"], told["troubles"]
        except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError):
            differing = "it is damaged"
        warnings.warn(f"the checkpoint {self.path} is not used, for {differing}; training begins anew", stacklevel=2)
        return [], []

    def remove(self) -> None:
        """The model is done; the checkpoint has served."""
        self.path.unlink(missing_ok=True)

    def _differing(self, key: dict[str, Any]) -> str:
        """What the file's settings and data have other than ours, in words; empty when nothing."""
        if key["data"] != self.key["data"]:
            return "it belongs to other data"
        mine = json.loads(json.dumps(self.key["settings"]))
        changed = [f"{name} {key['settings'].get(name)} -> {mine[name]}" for name in mine if key["settings"].get(name) != mine[name]]
        return "its settings were others: " + ", ".join(changed) if changed else ""
