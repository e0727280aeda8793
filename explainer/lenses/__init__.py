"""Lenses: pure functions (model, batch, task) -> record. A new one is a folder here and a line in `NAMES`. No torch."""

from __future__ import annotations

from importlib import import_module

from explainer.extensions import more
from explainer.lenses.lens import Lens

__all__ = ["LENSES", "OUTSIDE", "Lens", "shown"]

NAMES = (
    "hidden_states",
    "gradients",
    "attention",
    "positions",
    "gates",
    "microscope",
    "jacobian",
    "fixed_points",
    "pattern",
    "heads",
    "attention_cell",
    "layers",
    "reach",
    "beyond_the_length",
    "surgery",
    "race",
    "hidden_attention",
    "glasses",
)
OUTSIDE: tuple[Lens, ...] = more("lenses")
"""Those of extensions, which have a page of their own in common."""
LENSES: dict[str, Lens] = {name: import_module(f"{__name__}.{name}").LENS for name in NAMES}
LENSES |= {lens.name: lens for lens in OUTSIDE}


def shown() -> list[str]:
    """The lenses that pages and files have sentences for."""
    return [name for name, lens in LENSES.items() if lens.notes]
