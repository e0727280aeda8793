"""Record -> figure and reading: what each lens's views become on a page.

`NOTES` has, for every lens, the function that adds sentences and derived arrays to one record;
`CONTEXTS`, for the lenses that need one, the function that computes over a whole tape; `PANELS`, all
figures of a lens for one run (a `subject`), where no page chooses among them: for files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from explainer.figures import (
    attention,
    gates,
    gradient_notes,
    gradients,
    hidden,
    jacobian,
    jacobian_notes,
    microscope,
    microscope_notes,
    positions,
    positions_notes,
    surgery,
    surgery_notes,
)
from explainer.figures.panel import Moment, Notes, Panel

NOTES: Mapping[str, Callable[[Any, Moment], Notes]] = {
    "hidden": hidden.notes,
    "gradients": gradient_notes.notes,
    "attention": attention.notes,
    "positions": positions_notes.notes,
    "gates": gates.notes,
    "microscope": microscope_notes.notes,
    "jacobian": jacobian_notes.notes,
    "surgery": surgery_notes.notes,
}
CONTEXTS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "hidden": hidden.context,
    "gradients": gradient_notes.context,
    "positions": positions_notes.context,
    "microscope": microscope_notes.context,
    "jacobian": jacobian_notes.context,
    "surgery": surgery_notes.context,
}
PANELS: Mapping[str, Callable[[Mapping[str, Any], str], list[Panel]]] = {
    "hidden": hidden.panels,
    "gradients": gradients.panels,
    "attention": attention.panels,
    "positions": positions.panels,
    "gates": gates.panels,
    "microscope": microscope.panels,
    "jacobian": jacobian.panels,
    "surgery": surgery.panels,
}

__all__ = ["CONTEXTS", "NOTES", "PANELS", "Moment", "Notes"]
