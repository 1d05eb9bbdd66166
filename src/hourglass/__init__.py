"""hourglass: autoencoders that compress, denoise, detect anomalies, pretrain, generate and give features.

>>> from hourglass import Autoencoder
>>> model = Autoencoder(purpose="detect")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hourglass import errors
    from hourglass.autoencoder import Autoencoder
    from hourglass.parts import Part
    from hourglass.ready import compress, decompress, denoise, load
    from hourglass.transfer import TransferClassifier, TransferRegressor
    from hourglass.tuning import search

__version__ = "0.1.0"

__all__ = [
    "Autoencoder",
    "Part",
    "TransferClassifier",
    "TransferRegressor",
    "compress",
    "decompress",
    "denoise",
    "errors",
    "load",
    "search",
]

_HOMES = {
    "Autoencoder": "autoencoder",
    "Part": "parts",
    "TransferClassifier": "transfer",
    "TransferRegressor": "transfer",
    "compress": "ready",
    "decompress": "ready",
    "denoise": "ready",
    "load": "ready",
    "search": "tuning",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562): `import hourglass` alone loads no torch."""
    import importlib

    if name == "errors":
        return importlib.import_module("hourglass.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'hourglass' has no attribute {name!r}; it has: {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"hourglass.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
