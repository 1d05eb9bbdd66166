"""Heads on an encoder: what labels teach it, with the encoder as it is (a probe) or trained further with them (fine-tuned).

    samples -> encoder -> code, or what the encoder's last layer is given -> standardised -> linear -> classes or a number

A fine-tuned encoder is a copy: the model stays what it was. Its head begins at the probe, so that the first steps do not undo what
pretraining has learned (Kumar et al. 2022), and its first layers take smaller steps than its last (Howard and Ruder 2018).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, huber_loss, linear

from hourglass.model import Model, seeded
from hourglass.parts import Batch
from hourglass.uses.passes import in_chunks

__all__ = ["TAPS", "Head", "Plan", "features", "fresh", "nothing", "outputs", "plan", "probe", "seen", "taps", "tuned"]

TAPS = ("code", "hidden")
WIDEST = 8192  # numbers of a hidden layer that is probed
STAGES = 20  # how often a training looks at held-out rows
FIRST = 0.1  # the step size of the first layer, in that of the last
DECAY = 0.01
Array = NDArray[Any]


class Head(nn.Module):
    """A linear layer on standardised features: (B, features) to (B, outputs)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    @classmethod
    def blank(cls, seen: Tensor, outputs: int) -> Head:
        """A head that says nothing yet, for features such as those `seen` (n, features)."""
        return cls(*_standard(seen), torch.zeros(outputs, seen.shape[1]), torch.zeros(outputs))

    def forward(self, features: Tensor) -> Tensor:
        """(B, features) to (B, outputs): log-probabilities but for a constant, or standardised targets."""
        return linear((features - self.mean) / self.scale, self.weight, self.bias)


class Plan(NamedTuple):
    """How many `steps` a training has, samples in a `batch`, the `rate` of the last layer."""

    steps: int
    batch: int
    rate: float

    @property
    def stages(self) -> list[int]:
        """The steps after which held-out rows are looked at."""
        return sorted({max(1, round(self.steps * (stage + 1) / STAGES)) for stage in range(STAGES)})


def plan(rows: int, rate: float = 1e-3) -> Plan:
    """Some hundred to some thousand steps, by the number of labelled rows."""
    return Plan(steps=min(2000, max(300, 3 * rows)), batch=min(32 if rows < 2000 else 128, rows), rate=rate)


def taps(model: Model) -> tuple[str, ...]:
    """Where features are taken: the code, and where it is one vector of at most `WIDEST` numbers what the layer before it gives."""
    found = _before(model.encoder) if model.members == 1 else None
    if found is None:
        return TAPS[:1]
    with torch.inference_mode():
        wide = features(model, nothing(model), "hidden")
    return TAPS if wide.shape[1] <= WIDEST else TAPS[:1]


def nothing(model: Model) -> Batch:
    """One empty sample, to see what shapes come of it."""
    return Batch(torch.zeros(1, *model.shape, dtype=torch.long if model.facts.get("symbols") else torch.float32))


def features(model: Model, batch: Batch, tap: str = "code") -> Tensor:
    """Features of samples (B, features), with gradients where they are wanted."""
    if tap == "code":
        return _exact(model.first(model.encode(batch).z).flatten(1))
    layer = _before(model.encoder)
    assert layer is not None
    found: list[Tensor] = []
    if isinstance(layer, nn.Linear):
        hook = layer.register_forward_pre_hook(lambda _, given: found.append(given[0]))
    else:
        hook = layer.register_forward_hook(lambda _, given, made: found.append(made))
    try:
        model.encode(batch)
    finally:
        hook.remove()
    return _exact(found[-1].flatten(1))  # a layer that is passed several times gives the code the last time


def _exact(x: Tensor) -> Tensor:
    """In float32 at least."""
    return x if x.dtype == torch.float64 else x.float()


def seen(model: Model, batch: Batch, tap: str) -> Tensor:
    """Features of samples (B, features), in chunks, without gradients."""
    return in_chunks(lambda part: features(model, part, tap), batch).clone()


def _before(encoder: nn.Module) -> nn.Module | None:
    """In networks that end in one linear layer, that layer, which is given the features; of a stack the activation that makes them."""
    stack, last = getattr(encoder, "stack", None), getattr(encoder, "last", None)
    if stack is not None:
        return stack.between if len(stack.layers) > 1 else None
    return last if isinstance(last, nn.Linear) else None


def outputs(model: Model, head: Head, batch: Batch, tap: str) -> Tensor:
    """What the head says of samples, (B, outputs), in chunks."""
    return in_chunks(lambda part: head(features(model, part, tap)), batch)


def fresh(model: Model, seed: int) -> Model:
    """The same network without what it learned: weights by chance, and no linear path at PCA, for that is learned too."""
    with seeded(seed):
        if not model.settings["network"].startswith("own"):
            made = Model.build(model.kind, model.facts, model.settings)
            return replace(made, arrays={}, record={}).train(False)
        encoder = copy.deepcopy(model.encoder)  # a user's own network is not built from its name
        for module in encoder.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    return replace(model, encoder=encoder, arrays={}, record={}, doubled=None, codec=None)


def probe(seen: Tensor, y: Array, outputs: int, strength: float) -> Head:
    """A head of features (n, features): logistic regression with C = `strength` for classes, ridge with 1 / `strength` for numbers."""
    from sklearn.linear_model import LogisticRegression, Ridge

    mean, scale = _standard(seen)
    x = ((seen - mean) / scale).double().numpy()
    if outputs == 1:
        ridge = Ridge(alpha=1 / strength).fit(x, y)
        weight, bias = ridge.coef_[None], np.asarray([ridge.intercept_])
    else:
        logistic = LogisticRegression(C=strength, max_iter=300, tol=1e-3).fit(x, y)
        weight, bias = np.zeros((outputs, x.shape[1])), np.full(outputs, -30.0)  # a class that is not among these rows
        known = logistic.classes_.astype(int)
        two = len(known) == 2
        weight[known] = np.stack([-logistic.coef_[0] / 2, logistic.coef_[0] / 2]) if two else logistic.coef_
        bias[known] = np.stack([-logistic.intercept_[0] / 2, logistic.intercept_[0] / 2]) if two else logistic.intercept_
    return Head(mean, scale, torch.from_numpy(weight).float(), torch.from_numpy(bias).float())


def _standard(seen: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each feature; one that never moves counts for nothing."""
    scale: Tensor = seen.std(0, correction=0)
    return seen.mean(0), torch.where(scale > 1e-6 * scale.max().clamp_min(1e-12), scale, torch.ones_like(scale))


def tuned(
    model: Model, head: Head, batch: Batch, y: Tensor, tap: str, steps: Plan, seed: int, spoil: Any = None
) -> Iterator[tuple[int, Model, Head]]:
    """Train a copy of the encoder, and the head, with labels `y` (n,); after each stage the step, the model and the head.

    Classes are whole numbers, by cross-entropy; other targets standardised, by Huber's loss. `spoil` changes each batch, for augmentation.
    """
    torch_seed = torch.Generator().manual_seed(seed)
    own = replace(model, encoder=copy.deepcopy(model.encoder), doubled=None, codec=None)
    head = copy.deepcopy(head)
    own.encoder.requires_grad_(True)
    optimizer = torch.optim.AdamW([*_groups(own.encoder, steps.rate), {"params": head.parameters(), "lr": steps.rate}], weight_decay=DECAY)
    rates, stages = [group["lr"] for group in optimizer.param_groups], set(steps.stages)
    order = torch.empty(0, dtype=torch.long)
    for step in range(1, steps.steps + 1):
        if len(order) < steps.batch:
            order = torch.randperm(len(y), generator=torch_seed)
        rows, order = order[: steps.batch], order[steps.batch :]
        part = batch[rows] if spoil is None else spoil(batch[rows])
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * min(1.0, step / 20)
        optimizer.zero_grad(set_to_none=True)
        said = head(features(own, part, tap))
        loss = cross_entropy(said, y[rows]) if y.dtype == torch.long else huber_loss(said[:, 0], y[rows])
        loss.backward()
        optimizer.step()
        if step in stages:
            yield step, own, head


def _groups(encoder: nn.Module, rate: float) -> list[dict[str, Any]]:
    """The encoder's weights layer by layer, the first with the smallest steps."""
    layers = [list(module.parameters(recurse=False)) for module in encoder.modules()]
    layers = [weights for weights in layers if weights]
    least = math.log(FIRST)
    return [
        {"params": weights, "lr": rate * math.exp(least * (1 - depth / max(1, len(layers) - 1)))} for depth, weights in enumerate(layers)
    ]
