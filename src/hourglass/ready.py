"""Models that are ready: open one from a file, or use one in a single call."""

from __future__ import annotations

from typing import Any

import numpy as np

from hourglass import files, reading
from hourglass.autoencoder import Autoencoder, Path_
from hourglass.errors import BadOption, BadType
from hourglass.model import Factories
from hourglass.parts import find
from hourglass.uses.denoise import clean, native

__all__ = ["compress", "decompress", "denoise", "load"]


def load(path: Path_, parts: Factories | None = None) -> Autoencoder:
    """Open a saved model. `parts` maps the names of a user's own network factories to them; nothing in the file is executed.

    Raises `BadFile`, `DamagedFile` or `NewerFile`.
    """
    if not reading.is_path(path) or isinstance(path, list | tuple):
        raise BadType(f"a model is opened by its path; this is {type(path).__name__}")
    model = files.read_model(path, parts)
    known = Autoencoder().get_params(deep=False)
    saved = {name: value for name, value in model.settings.get("constructor", {}).items() if name in known and name != "init"}
    loaded = Autoencoder(**saved)
    loaded.model_ = model.train(False)
    for name, value in model.facts.get("seen", {}).items():
        setattr(loaded, name, np.asarray(value, dtype=object) if isinstance(value, list) else value)
    return loaded


def compress(picture: Any, quality: float = 50, *, model: Autoencoder | Path_ | None = None, **options: Any) -> bytes:
    """A path, a Pillow image or an array as bytes of the .hgz format, through `model` (a fitted `Autoencoder` or the path of one)."""
    return _given(model, "compress").compress(picture, quality=quality, **options)


def decompress(data: bytes | Path_, model: Autoencoder | Path_ | None = None, **options: Any) -> Any:
    """What `compress` made, back to samples, by the same `model`."""
    return _given(model, "compress").decompress(data, **options)


def denoise(picture: Any, strength: float = 1.0, *, model: Autoencoder | Path_ | None = None) -> Any:
    """A picture (path, Pillow image, array) or table cleaned by `model`, as the sort of thing it was; `strength` 0 to 1 blends."""
    fitted = _given(model, "denoise")
    record = fitted._fitted()
    module = find("kinds", record.kind)
    chunk = reading.joined(list(reading.chunks(module.read(picture))))
    if len(record.shape) == 3 and native(record):
        batches = module.to_tensor(chunk, record.facts, native=True)
        cleaned = [clean(record, batch.x.float(), strength) for batch in (batches if isinstance(batches, list) else [batches])]
        values = cleaned[0] if not isinstance(batches, list) else [picture[0] for picture in cleaned]
    else:
        x = module.to_tensor(chunk, record.facts).x
        values = clean(fitted._at(x.dtype), x, strength)
    return module.restore(module.from_tensor(values, record.facts, like=chunk), picture)


def _given(model: Autoencoder | Path_ | None, purpose: str) -> Autoencoder:
    if model is None:
        raise BadOption(
            f"this version ships no trained model to {purpose} with; fit one on your own data, hourglass fit DATA --purpose {purpose} "
            "-o MODEL, and give it: model=MODEL (-m MODEL)"
        )
    return model if isinstance(model, Autoencoder) else load(model)
