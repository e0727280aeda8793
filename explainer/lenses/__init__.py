"""Lenses: pure functions (model, batch, task) -> record. A new one is a file here and a line in `LENSES`."""

from __future__ import annotations

from explainer.lenses import attention, gradients, hidden, positions
from explainer.lenses.lens import Lens

__all__ = ["LENSES", "Lens"]

LENSES: dict[str, Lens] = {lens.name: lens for lens in (hidden.LENS, gradients.LENS, attention.LENS, positions.LENS)}
