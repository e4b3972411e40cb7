"""The model in PyTorch."""

from __future__ import annotations

import torch


class GatedBlock(torch.nn.Module):
    """A gated linear unit between two normalizations."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = torch.nn.LayerNorm(width, eps=1e-5)
        self.value = torch.nn.Linear(width, hidden)
        self.gate = torch.nn.Linear(width, hidden)
        self.out = torch.nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x and what the block adds to it."""
        normed = self.norm(x)
        return x + self.out(self.value(normed) * torch.sigmoid(self.gate(normed)))
