"""Hidden states: what the network carries from each time step to the next."""

from __future__ import annotations

from explainer.lenses.hidden_states.record import HiddenStatesRecord
from explainer.lenses.lens import Lens
from explainer.theory.looks import Sizes, halved_if_large, labels, passes
from explainer.theory.sizes import BYTES


def _view(z: Sizes) -> int:
    states = BYTES * max(1, z.L) * z.T * z.D
    return halved_if_large(states + 9 * z.T, states) + labels(z, 3)


LENS = Lens(
    "hidden_states", HiddenStatesRecord, suits=lambda config: True,
    peak=lambda z: z.passing(1) + 3 * z.kept(1, max(1, z.L) * z.D), view=_view, work=lambda z: passes(z, 1),
    prices={"blocks": 0.00034, "flops": 4.2e-11, "look": 0.00035, "maps": 4.4e-09, "outputs": 1.9e-08, "steps": 2e-05},
    wide=("states",),
)  # fmt: skip
