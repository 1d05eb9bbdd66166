"""Cleaning: how much of it is asked for, and letters, between which there is nothing."""

from __future__ import annotations

import pytest
import torch

from hourglass.model import Model
from hourglass.uses.denoise import clean


def test_texts_are_cleaned_or_left_alone() -> None:
    facts = {"shape": [8], "symbols": 257, "fields": [["category", 0, 1]], "resolution": torch.zeros(1)}
    settings = {"network": "conv:widths=[8]", "bottleneck": "plain", "loss": "categorical", "code_size": 4, "members": 1}
    model = Model.build("text", facts, settings).train(False)
    x = torch.arange(16).view(2, 8)
    assert clean(model, x).dtype == x.dtype
    assert torch.equal(clean(model, x, strength=0), x)


@pytest.mark.parametrize("strength", [-1, 2, "much", True])
def test_a_strength_that_cannot_be_meant(strength: float) -> None:
    with pytest.raises(Exception, match="strength"):
        clean(None, torch.zeros(1, 3), strength)  # type: ignore[arg-type]
