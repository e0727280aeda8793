"""Positions: how a Transformer encodes the order, and how far its heads look."""

from __future__ import annotations

from explainer.families import Attending
from explainer.lenses.lens import Lens
from explainer.lenses.positions.record import PositionsRecord
from explainer.theory.looks import Sizes, added, halved_if_large, passes
from explainer.theory.sizes import BYTES


def _view(z: Sizes) -> int:
    tabled = z.positions in ("learned", "sinusoidal")
    table, kernel = (BYTES * z.T * z.D, BYTES * z.T**2) if tabled else (0, 0)
    return halved_if_large(table + kernel + BYTES * z.L * z.H * z.T, kernel)


LENS = Lens(
    "positions", PositionsRecord, suits=lambda config: isinstance(config.network, Attending),
    peak=lambda z: (z.passing(z.rows(z.B)) if z.attends else 0) + 2 * z.held_maps(z.rows(z.B)) + 20 * z.T**2,
    view=_view,
    work=lambda z: added(passes(z, z.rows(z.B)), {"each": float(z.T * max(1, z.L)), "squares": float(z.T**2)}),
    prices={"blocks": 0.00035, "flops": 1.5e-11, "look": 1.3e-12, "maps": 2.6e-08, "outputs": 1.2e-08},
    wide=("kernel",),
)  # fmt: skip
