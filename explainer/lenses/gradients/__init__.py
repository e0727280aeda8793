"""Gradients: how much of a late loss arrives at each earlier time step, and at each parameter."""

from explainer.lenses.gradients.record import GradientsRecord
from explainer.lenses.lens import Lens
from explainer.theory.looks import added, differentiable, passes
from explainer.theory.sizes import BYTES, parameter_count

LENS = Lens(
    "gradients", GradientsRecord, suits=lambda config: True,
    peak=lambda z: z.backward(differentiable(z, 8)) + BYTES * parameter_count(z.config, z.inputs, z.V),
    view=lambda z: BYTES * 2 * z.T + 150 * (z.L + 1),
    work=lambda z: added(passes(z, differentiable(z, 8), 3), {"cubes": float(z.D**3 * z.network.plain)}),
    prices={"blocks": 0.00023, "cubes": 9.1e-10, "flops": 4.6e-11, "look": 0.0011, "maps": 8.5e-09, "steps": 3.6e-05},
)  # fmt: skip
