"""Who has learnt it: right answers place by place, and at lengths that training never showed."""

from __future__ import annotations

from collections.abc import Mapping

from explainer.lenses.lens import Lens
from explainer.lenses.race.record import RaceRecord
from explainer.theory.looks import MAPS, NUMBERS, Sizes, added, passes
from explainer.theory.sizes import BYTES

MOST_LENGTH = 1024
FACTORS = (0.5, 1.0, 2.0, 4.0)
SEQUENCES = 64
MOST_TOKENS = 2**14
"""Of one length, read at once."""


def read_at_once(T: int, width: int) -> int:
    """Sequences of T steps that a network of this width reads at once."""
    return max(1, min(SEQUENCES, MOST_TOKENS // T, NUMBERS // (12 * T * width)))


def _peak(z: Sizes) -> int:
    """Of the longest sequences that are read; nobody watches these passes, so attention is fused."""
    T = min(4 * z.T, max(z.T, MOST_LENGTH))
    tokens = max(read_at_once(each, z.D) * each for each in (T, z.T))
    wide = z.inputs + 3 * z.V + z.D * (4 + z.network.products if z.recurrent else 12 if z.mlp else 8)
    masks = 3 * BYTES * T**2 * (z.H if z.H * T**2 <= MAPS else 1) if z.positions == "alibi" else 0
    return BYTES * tokens * wide + masks


def _work(z: Sizes) -> Mapping[str, float]:
    """As many kernels follow each other as in an update of this length, at each of the lengths: nobody watches."""
    lengths = [max(1, int(factor * z.T)) for factor in FACTORS]
    work = dict(added(*(passes(z, read_at_once(T, z.D), T=T) for T in lengths)))
    return work | ({"steps": sum(FACTORS) * z.network.follows(z.config)} if "steps" in work else {})


LENS = Lens(
    "race", RaceRecord, suits=lambda config: bool(config.problem.accuracy) and config.problem.reads is None,
    peak=_peak, view=lambda z: 2 * BYTES * z.T + 64, work=_work,
    prices={"blocks": 0.0003, "flops": 2e-11, "look": 0.002, "maps": 4e-09, "numbers": 1.2e-08, "outputs": 6e-09, "steps": 4e-06, "stream": 1e-08},
)  # fmt: skip
