"""A network of one's own: two factories, given to Autoencoder, and again to load, since a file never holds code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from hourglass import Autoencoder, load


class Gated(nn.Module):
    """A layer whose one half decides how much of the other passes: (B, size) to (B, wide)."""

    def __init__(self, size: int, wide: int) -> None:
        super().__init__()
        self.both = nn.Linear(size, 2 * wide)

    def forward(self, x: Tensor) -> Tensor:
        """(B, size) to (B, wide)."""
        return nn.functional.glu(self.both(x), dim=-1)


def gated_encoder(shape: Sequence[int], *, code_size: int) -> tuple[nn.Module, tuple[int, ...]]:
    """Samples (B, F) to what the bottleneck takes (B, code_size)."""
    return nn.Sequential(Gated(shape[0], 48), nn.Linear(48, code_size)), (code_size,)


def gated_decoder(code_shape: Sequence[int], shape: Sequence[int], outputs: int) -> nn.Module:
    """Codes back to outputs (B, outputs * F)."""
    return nn.Sequential(Gated(code_shape[0], 48), nn.Linear(48, outputs * shape[0]))


def main() -> None:
    """Train on a curve in six dimensions, save, load, compare."""
    along = np.random.default_rng(0).uniform(-1, 1, size=(1000, 1))
    curve = np.concatenate([wave(k * along) for k in (1, 2, 3) for wave in (np.sin, np.cos)], axis=1).astype("float32")  # (1000, 6)
    model = Autoencoder(network=(gated_encoder, gated_decoder), code_size=1, epochs=100, random_state=0).fit(curve)
    print(model.report())
    model.save("own.hourglass")
    again = load("own.hourglass", parts={"gated_encoder": gated_encoder, "gated_decoder": gated_decoder})
    assert np.array_equal(again.transform(curve), model.transform(curve))
    print("saved and loaded: the same codes")


if __name__ == "__main__":
    main()
