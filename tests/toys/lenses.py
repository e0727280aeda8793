"""How large the largest state is, unit by unit: the entry of a lens, without torch."""

from __future__ import annotations

from explainer.lenses.lens import Lens
from explainer.theory.looks import passes
from explainer.theory.sizes import BYTES
from tests.toys.largest.record import LargestRecord

LENSES = (
    Lens(
        "largest",
        LargestRecord,
        suits=lambda config: bool(config.network.roles.states),
        peak=lambda z: z.passing(1),
        view=lambda z: BYTES * z.D,
        work=lambda z: passes(z, 1),
        prices={"look": 4e-4, "steps": 2e-5, "blocks": 3e-4},
        package="tests.toys.largest",
    ),
)
