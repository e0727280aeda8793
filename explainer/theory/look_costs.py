"""What a look costs before it is made: processor time, as kinds of work at measured prices, like an update (`theory.costs`).

A look is passes of some sequences through the model, unrolled step by step where it is recurrent, and what its lens does with
what it saw: eigenvalues, readouts, maps. How many sequences follows the lenses (`explainer.lenses`), which take as many as
memory and time allow. Prices are seconds on one thread of a server's CPU, fitted to looks at random networks by
`python -m benchmarks.estimates --calibrate-looks`.

The letters are those of `theory.costs`; M is the size of a recurrent state, S counts sequences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from explainer.theory.look_sizes import Sizes

Work = Mapping[str, float]

SECOND = 2e10
"""Floating-point operations of a second, which some lenses count from."""
SHUFFLED = 32
SEARCHED = 2**14
TRACKED, FEWEST_TRACKED, MOST_TRACKED = 2**14, 16, 256
COMPONENTS = 256
STARTS, FEWEST_STARTS, START_NUMBERS = 1024, 128, 2**14


def passes(z: Sizes, sequences: float, times: float = 1.0, T: int = 0) -> Counter[str]:
    """The work of so many passes of so many sequences of T steps, the run's own if 0."""
    T, L = T or z.T, max(1, z.L)
    rows = sequences * times * T
    work = {"outputs": rows * z.V, "flops": rows * z.flops_a_token(T)}
    if z.recurrent:
        return Counter(
            work | {"steps": T * L * times * z.network.unrolled, "numbers": rows * L * z.network.products * z.D}
        )
    maps = sequences * times * z.L * z.H * T * T
    return Counter(work | {"blocks": L * times, "stream": rows * L * z.D, "maps": maps})


def added(*works: Mapping[str, float]) -> Work:
    total: Counter[str] = Counter()
    for work in works:
        total.update(work)
    return total
