"""Weights for tests: those that no training gives but a diverged one may, by name, and those of a network off its start."""

from __future__ import annotations

import torch
from torch import nn

WILD = {
    "as they are": lambda weight: weight,
    "not a number": lambda weight: weight * torch.nan,
    "infinite": lambda weight: torch.full_like(weight, torch.inf),
    "zero": torch.zeros_like,
    "huge": lambda weight: weight * 1e30,
    "large": lambda weight: weight * 1e6,
}


def shaken(model: nn.Module, scale: float = 0.3) -> None:
    """Add normal noise, the same each time, to every weight: at their start many are zero or one, which hides mistakes."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight += scale * torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
