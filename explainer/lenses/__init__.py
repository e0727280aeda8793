"""Lenses: pure functions (model, batch, task) -> record. A new one is a file here and a line in `LENSES`."""

from __future__ import annotations

from explainer.lenses import (
    attention,
    beyond,
    biography,
    cell,
    fixed_points,
    gates,
    gradients,
    hidden,
    jacobian,
    layers,
    microscope,
    pattern,
    positions,
    reach,
    surgery,
)
from explainer.lenses.lens import Lens

__all__ = ["LENSES", "Lens"]

LENSES: dict[str, Lens] = {
    module.LENS.name: module.LENS
    for module in (
        hidden,
        gradients,
        attention,
        positions,
        gates,
        microscope,
        jacobian,
        fixed_points,
        pattern,
        biography,
        cell,
        layers,
        reach,
        beyond,
        surgery,
    )
}
