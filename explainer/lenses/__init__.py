"""Lenses: pure functions (model, batch, task) -> record. A new one is a file here and a line in `LENSES`."""

from __future__ import annotations

from explainer.lenses import attention, gates, gradients, hidden, jacobian, microscope, positions, surgery
from explainer.lenses.lens import Lens

__all__ = ["LENSES", "Lens"]

LENSES: dict[str, Lens] = {
    module.LENS.name: module.LENS
    for module in (hidden, gradients, attention, positions, gates, microscope, jacobian, surgery)
}
