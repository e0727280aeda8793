"""Beyond the length: the loss on texts longer than those of training."""

from __future__ import annotations

from explainer.families import Attending
from explainer.lenses.beyond_the_length.record import BeyondTheLengthRecord
from explainer.lenses.lens import Lens
from explainer.theory.looks import CHUNK, SECOND, Sizes, Work, added, passes
from explainer.theory.sizes import BYTES


def _peak(z: Sizes) -> int:
    longest = 8 * z.T if z.positions != "learned" else z.T
    longest = longest if longest <= 2048 else 2048 // z.T * z.T
    tokens = max(T * max(1, min(512 * z.T // T, 2**22 // (max(1, z.H) * T**2))) for T in (z.T, longest))
    steps = BYTES * tokens * (12 * z.D + 3 * z.V)
    bias = 3 * BYTES * longest**2 if z.positions == "alibi" else 0
    return steps + bias + 40 * longest**2 + 4 * BYTES * max(1, min(z.H, CHUNK // longest**2)) * longest**2


def _work(z: Sizes) -> Work:
    lengths = [factor * z.T for factor in (1, 2, 4, 8)]
    read = [T for T in lengths if T <= 2048 and (z.positions != "learned" or T == z.T)]
    windows = [min(64 * 8 * z.T // T, max(4, int(1.5 * SECOND // (z.flops_a_token(T) * T)))) for T in read]
    return added(
        *(passes(z, count, T=T) for count, T in zip(windows, read, strict=True)),
        *(passes(z, 4, T=T) for T in (read[:1] + read[-1:])),
    )


LENS = Lens(
    "beyond_the_length", BeyondTheLengthRecord, suits=lambda config: isinstance(config.network, Attending) and config.problem.windows,
    peak=_peak, view=lambda z: 1_600, work=_work,
    prices={"look": 0.005, "blocks": 0.0005, "flops": 2.5e-11, "maps": 4e-09, "outputs": 2e-08},
    asks=True,
)  # fmt: skip
