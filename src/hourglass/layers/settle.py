"""Layers set to a good beginning by a look at some samples."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hourglass.layers.linear import MemberLinear
from hourglass.layers.members import per_member
from hourglass.model import Model
from hourglass.parts import Batch

__all__ = ["settle"]

SMALL = 0.1
LEAST = 1e-3  # spread of a unit below which it is called constant


@torch.no_grad()
def settle(model: Model, batch: Batch) -> None:
    """Let a shallow network begin near the mean of `batch`, its code in units of which each varies by one (Mishkin and Matas 2016).

    Else short trainings are spent on the mean, and a code varies less than what it was made of: of five of them in a row nothing is left.
    Layers without a bias stay as they are, and so does a code that a bottleneck reads as mean and variance.
    """
    enters, leaves = (getattr(side, "each", [side]) for side in (model.encoder, model.decoder))
    target = per_member(model.forward(batch).target.x, model.members)  # (M, B, *shape)
    for number, (enter, leave) in enumerate(zip(enters, leaves, strict=True)):
        first, last = _layers(enter)[:1], _layers(leave)[-1:]
        if first and getattr(model.bottleneck, "free", False):
            _spread(first[0], _given(first[0], model, batch))
        if last and target.is_floating_point():
            _centre(last[0], model, batch, target if len(leaves) == 1 else target[number : number + 1])


def _layers(module: nn.Module) -> list[Any]:
    """Those with weights and biases, in order."""
    return [layer for layer in module.modules() if all(isinstance(getattr(layer, name, None), nn.Parameter) for name in ("weight", "bias"))]


def _given(layer: Any, model: Model, batch: Batch) -> Tensor:
    """What a layer gives for the samples, its units innermost: (rows, units), of members side by side (M, rows, units)."""
    found: list[Tensor] = []
    hook = layer.register_forward_hook(lambda module, given, out: found.append(out.detach().clone()))
    model.forward(batch)
    hook.remove()
    if isinstance(layer, MemberLinear):
        return found[0]
    return (found[0] if isinstance(layer, nn.Linear) else found[0].movedim(1, -1)).flatten(0, -2)


def _spread(layer: Any, given: Tensor) -> None:
    """Bring every unit to mean 0 and spread 1."""
    spread = given.std(-2, correction=0)
    scale = 1 / spread.clamp_min(SMALL * max(float(spread.mean()), LEAST))
    layer.weight.mul_(scale.reshape(*scale.shape, *[1] * (layer.weight.dim() - scale.dim())))
    layer.bias.copy_((layer.bias - given.mean(-2)) * scale)


def _centre(layer: Any, model: Model, batch: Batch, target: Tensor) -> None:
    """Make the weights small and the output the mean of the target (M, B, *shape), where it has one number for each of its elements."""
    linear = isinstance(layer, nn.Linear | MemberLinear)
    mean = target.flatten(2).mean(1) if linear else target.movedim(2, -1).flatten(0, -2).mean(0)[None]  # (M, units)
    if mean.numel() != layer.bias.numel():
        return
    link: Any = getattr(model.loss, "link", None)
    wanted = mean if link is None else torch.stack([link(row)[1] for row in mean.double()])
    layer.weight.mul_(SMALL)
    layer.bias.add_(wanted.to(layer.bias.dtype).reshape(layer.bias.shape) - _given(layer, model, batch).mean(-2))
