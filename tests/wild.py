"""Weights that no training gives, but a diverged one may: what becomes of a network's weights, by name."""

from __future__ import annotations

import torch

WILD = {
    "as they are": lambda weight: weight,
    "not a number": lambda weight: weight * torch.nan,
    "infinite": lambda weight: torch.full_like(weight, torch.inf),
    "zero": torch.zeros_like,
    "huge": lambda weight: weight * 1e30,
    "large": lambda weight: weight * 1e6,
}
