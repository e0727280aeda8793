"""Glasses: how far apart two long inputs are at their last step, which differ by one token at the start."""

from __future__ import annotations

from explainer.lenses.glasses.record import GlassesRecord
from explainer.lenses.lens import Lens
from explainer.theory.looks import Sizes
from explainer.theory.sizes import BYTES

LENGTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
FORMATS = ("float64", "float32", "bfloat16")
LONGEST = LENGTHS[-1] + 2


def _peak(z: Sizes) -> int:
    """Weights in 64 bits beside, and a pass of one sequence in them; a bias of all heads where there is one."""
    wide = max(20 * z.D, 3 * z.network.mixed) + 4 * z.V
    bias = 3 * z.H * LONGEST**2 if z.positions == "alibi" else 0
    return 2 * BYTES * (LONGEST * wide * max(1, min(2, z.L)) + bias) + 2 * BYTES * 13 * z.L * z.D**2


LENS = Lens(
    "glasses", GlassesRecord, suits=lambda config: config.has_tokens and config.network.reads_on and config.problem.reads is None,
    peak=_peak, view=lambda z: BYTES * 8 * 12,
    work=lambda z: {"tokens": 2 * sum(LENGTHS) * max(1, z.L) * z.D, "pairs": 2 * sum(n * n for n in LENGTHS) * z.L * z.H * z.attends,
                    "flops": 2 * sum(LENGTHS) * z.flops_a_token(z.T), "steps": 2 * sum(LENGTHS) * max(1, z.L) * z.recurrent},
    prices={"look": 5e-2, "tokens": 6e-8, "pairs": 2e-8, "flops": 1e-10, "steps": 1.5e-5},
)  # fmt: skip
