"""The microscope: how much of every loss arrives at every earlier moment."""

from __future__ import annotations

from explainer.lenses.lens import Lens
from explainer.lenses.microscope.record import MicroscopeRecord
from explainer.theory.looks import NUMBERS, Sizes, backward_numbers, losses_followed, passes
from explainer.theory.sizes import BYTES


def _view(z: Sizes) -> int:
    P, gates, ways = losses_followed(z), len(z.network.gates), 4 if z.network.roles.carried else 1
    return BYTES * max(1, z.L) * (ways * P * P + gates * P) + 13 * P


LENS = Lens(
    "microscope", MicroscopeRecord, suits=lambda config: True,
    peak=lambda z: z.backward(max(1, min(losses_followed(z), NUMBERS // backward_numbers(z.config, z.T)))),
    view=_view, work=lambda z: passes(z, losses_followed(z), 3),
    prices={"blocks": 0.00029, "flops": 9.5e-12, "look": 0.00036, "maps": 4.2e-09, "numbers": 4.6e-09, "outputs": 2.5e-09, "steps": 2.5e-05, "stream": 5.9e-09},
)  # fmt: skip
