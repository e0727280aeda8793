"""Record -> figure and reading: what each lens's views become on a page.

`NOTES` has, for every lens, the function that adds sentences and derived arrays to one record;
`CONTEXTS`, for the lenses that need one, the function that computes over a whole tape; `HISTORIES`,
for those that have something to say about it, notes on all records with their steps and the run's
`subject`; `PANELS`, all figures of a lens for one run, where no page chooses among them: for files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from explainer.figures import (
    attention,
    beyond,
    beyond_notes,
    biography,
    biography_notes,
    fixed_point_notes,
    fixed_points,
    gates,
    gradient_notes,
    gradients,
    hidden,
    jacobian,
    jacobian_notes,
    layers,
    microscope,
    microscope_notes,
    pattern,
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
    "fixed_points": fixed_point_notes.notes,
    "pattern": pattern.notes,
    "biography": biography_notes.notes,
    "layers": layers.notes,
    "beyond": beyond_notes.notes,
    "surgery": surgery_notes.notes,
}
CONTEXTS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "hidden": hidden.context,
    "gradients": gradient_notes.context,
    "positions": positions_notes.context,
    "microscope": microscope_notes.context,
    "jacobian": jacobian_notes.context,
    "fixed_points": fixed_point_notes.context,
    "layers": layers.context,
    "surgery": surgery_notes.context,
}
HISTORIES: Mapping[str, Callable[[Sequence[Any], Sequence[int], Mapping[str, Any]], Notes]] = {
    "biography": biography_notes.history,
}
PANELS: Mapping[str, Callable[[Mapping[str, Any], str], list[Panel]]] = {
    "hidden": hidden.panels,
    "gradients": gradients.panels,
    "attention": attention.panels,
    "positions": positions.panels,
    "gates": gates.panels,
    "microscope": microscope.panels,
    "jacobian": jacobian.panels,
    "fixed_points": fixed_points.panels,
    "pattern": pattern.panels,
    "biography": biography.panels,
    "layers": layers.panels,
    "beyond": beyond.panels,
    "surgery": surgery.panels,
}

__all__ = ["CONTEXTS", "HISTORIES", "NOTES", "PANELS", "Moment", "Notes"]
