"""Linear paths begin at PCA itself, whatever layers stand beside them."""

from __future__ import annotations

import pytest
import torch

from hourglass import fitting
from hourglass.layers.principal import principal
from hourglass.parts import Batch


@pytest.mark.parametrize(
    ("network", "members"),
    [
        ("dense:widths=[16]", 1),
        ("dense:widths=[16,8],activation=tanh", 3),
        ("dense:widths=[16],rank=12", 1),
        ("conv:widths=[4,8]", 1),
        ("recurrent:widths=6", 1),
        ("attention:width=16,depth=1,patch=4", 1),
    ],
)
def test_a_network_begins_at_pca_also_far_from_what_it_saw(network: str, members: int) -> None:
    draw = torch.Generator().manual_seed(0)
    x = (torch.randn(300, 5, generator=draw) @ torch.randn(5, 32, generator=draw) + 0.1 * torch.randn(300, 32, generator=draw)).view(
        -1, 2, 16
    )
    facts = {"shape": [2, 16], "fields": [["number", 0, 2]], "resolution": torch.zeros(2, 1)}
    settings = {"network": network, "bottleneck": "plain", "loss": "gaussian", "code_size": 3, "members": members}
    model = fitting.begin("series", facts, settings, Batch(x), 0, {}).train(False)
    mean, rows = principal(x.flatten(1), 3)
    for scale in (1.0, 50.0):
        away = scale * x.flatten(1).double() - mean
        with torch.no_grad():
            back = model.reconstruct(Batch(scale * x)).flatten(1)
        torch.testing.assert_close(back.double(), away @ rows.T @ rows + mean, rtol=1e-3, atol=1e-3 * scale)
