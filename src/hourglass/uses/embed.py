"""Codes as features, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from hourglass.model import Model
from hourglass.parts import Batch
from hourglass.uses.passes import in_chunks

__all__ = ["codes", "decoded", "rebuilt"]


def codes(model: Model, batch: Batch) -> Tensor:
    """The codes of samples, (B, code_size), spatial ones flattened; with members those of the first."""
    return in_chunks(lambda part: model.first(model.encode(part).z).flatten(1), batch)


def rebuilt(model: Model, batch: Batch) -> Tensor:
    """The samples as the decoder gives them back, (B, *shape), averaged over members."""
    return in_chunks(model.reconstruct, batch)


def decoded(model: Model, z: Tensor) -> Tensor:
    """Codes (B, code_size) to samples (B, *shape): the first member's decoder."""

    def decode(part: Batch) -> Tensor:
        shaped = part.x.unflatten(1, model.code_shape)
        repeated = shaped.repeat(model.members, *[1] * len(model.code_shape))
        return model.first(model.loss.data(model.decode(repeated)))  # type: ignore[operator]

    return in_chunks(decode, Batch(z.to(next(model.parameters()).dtype) if z.is_floating_point() else z.to(torch.float32)))
