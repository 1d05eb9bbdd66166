"""A softmax over choices: tables of categories alone, text, or pictures whose values are cut into a number of levels.

Text gets one logit per symbol and place. Pictures get one per level and element, which tells shapes of distributions that `gaussian`
cannot (van den Oord et al. 2016), at the price of as many outputs. Not for numbers of a table: use `mixed`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from hourglass.errors import BadOption
from hourglass.layers.links import Choices, logits

LEVELS = 16


def outputs(facts: dict[str, Any]) -> int:
    """One logit per element of a table of categories; one for each symbol of a text; `LEVELS` per element of a picture."""
    return int(facts.get("symbols") or (1 if _table(facts) else LEVELS))


class Fields(nn.Module):
    """Softmax within each one-hot field of a table (B, F)."""

    likelihood = True

    def __init__(self, facts: dict[str, Any]) -> None:
        super().__init__()
        self.choices = Choices(facts["fields"])

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B,) nats, summed over the real elements of each sample."""
        return self.errors(output, target, mask).sum(1)

    def errors(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, F) nats, standing at the element that is one; 0 where masked."""
        exact = output if output.dtype == torch.float64 else output.float()
        nats = -target.to(exact.dtype) * self.choices.log_probabilities(exact)
        return nats if mask is None else torch.where(mask, nats, 0)

    def data(self, output: Tensor) -> Tensor:
        """(B, F) probabilities."""
        return self.choices.log_probabilities(output).exp()

    def link(self, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Slope and offset that turn deviations from `mean` into logits."""
        return logits(mean)


class Levels(nn.Module):
    """Values in [0, 1] cut into `LEVELS` equal steps; output (B, LEVELS * C, ...)."""

    likelihood = True

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B,) nats, summed over the real elements of each sample."""
        return self.errors(output, target, mask).flatten(1).sum(1)

    def errors(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, *shape) nats of each element, 0 where masked."""
        wanted = (target.clamp(0, 1) * (LEVELS - 1)).round().long()
        nats = -torch.log_softmax(self._spread(output), 1).gather(1, wanted.unsqueeze(1)).squeeze(1)
        return nats if mask is None else torch.where(mask, nats, 0)

    def data(self, output: Tensor) -> Tensor:
        """(B, *shape): the mean of the levels under their probabilities."""
        shares = torch.softmax(self._spread(output), 1)
        levels = torch.linspace(0, 1, LEVELS, dtype=shares.dtype, device=shares.device)
        return (shares * levels.reshape(1, -1, *[1] * (shares.dim() - 2))).sum(1)

    def _spread(self, output: Tensor) -> Tensor:
        exact = output if output.dtype == torch.float64 else output.float()
        return exact.unflatten(1, (LEVELS, -1))  # type: ignore[no-any-return]


class Symbols(nn.Module):
    """A text (B, T) int64 of `symbols` sorts of symbols; output (B, symbols * T), which is (B, symbols, T) flattened."""

    likelihood = True

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.symbols = symbols

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B,) nats, summed over the real symbols of each sample."""
        return self.errors(output, target, mask).sum(1)

    def errors(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T) nats of each symbol, 0 where masked."""
        wanted = target if mask is None else torch.where(mask, target, 0)
        nats = cross_entropy(self._spread(output), wanted, reduction="none")
        return nats if mask is None else torch.where(mask, nats, 0)

    def data(self, output: Tensor) -> Tensor:
        """(B, T) int64: the likeliest symbol of each place."""
        return self._spread(output).argmax(1)

    def _spread(self, output: Tensor) -> Tensor:
        exact = output if output.dtype == torch.float64 else output.float()
        return exact.unflatten(1, (self.symbols, -1))  # type: ignore[no-any-return]


def loss(facts: dict[str, Any], *, members: int = 1) -> nn.Module:
    """No options; a table with anything but categories raises `BadOption`."""
    if facts.get("symbols"):
        return Symbols(int(facts["symbols"]))
    if _table(facts):
        return Fields(facts)
    if len(facts["shape"]) == 1:
        raise BadOption("categorical is for tables of categories alone; this one has numbers or flags too: use loss='mixed'")
    if len(facts["shape"]) == 2:
        raise BadOption(
            f"categorical is for categories, text and pictures; these samples have shape {tuple(facts['shape'])}; use 'gaussian'"
        )
    return Levels()


def _table(facts: dict[str, Any]) -> bool:
    return len(facts["shape"]) == 1 and all(sort == "category" for sort, _, _ in facts["fields"])
