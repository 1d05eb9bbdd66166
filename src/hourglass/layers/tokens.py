"""Symbols to vectors: where text enters a network."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Tokens"]


class Tokens(nn.Module):
    """A learned vector for each of `symbols` symbols: (B, T) whole numbers, and perhaps a mask (B, T), to (B, channels, T).

    Places that the mask leaves out (False) become zero vectors, whatever symbol stands there, and give no gradient.
    """

    def __init__(self, symbols: int, channels: int) -> None:
        super().__init__()
        self.symbols, self.channels = symbols, channels
        self.vectors = nn.Embedding(symbols, channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T) to (B, channels, T)."""
        vectors = self.vectors(x)  # (B, T, channels)
        if mask is not None:
            vectors = vectors * mask.unsqueeze(-1)
        return vectors.mT.contiguous()  # type: ignore[no-any-return]
