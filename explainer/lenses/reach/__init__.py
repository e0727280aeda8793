"""How far back the gradient reaches: for the page Memory horizon."""

from explainer.lenses.lens import Lens
from explainer.lenses.reach.record import ReachRecord
from explainer.theory.looks import differentiable, passes
from explainer.theory.sizes import BYTES

LENS = Lens(
    "reach", ReachRecord, suits=lambda config: True, peak=lambda z: z.backward(differentiable(z, 8)),
    view=lambda z: BYTES * z.T, work=lambda z: passes(z, differentiable(z, 8), 2),
    prices={"blocks": 0.00032, "flops": 2.1e-11, "look": 0.0003, "maps": 8.1e-09, "numbers": 7.7e-09, "outputs": 2.9e-09, "steps": 2.5e-05},
)  # fmt: skip
