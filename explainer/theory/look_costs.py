"""What a look costs before it is made: processor time, as kinds of work at measured prices, like an update (`theory.costs`).

A look is passes of some sequences through the model, unrolled step by step where it is recurrent, and what its lens does with
what it saw: eigenvalues, readouts, maps. How many sequences follows the lenses (`explainer.lenses`), which take as many as
memory and time allow. Prices are seconds on one thread of a server's CPU, fitted to looks at random networks by
`python -m benchmarks.estimates --calibrate-looks`.

The letters are those of `theory.costs`; M is the size of a recurrent state, S counts sequences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from explainer.theory.followed import horizon, moments
from explainer.theory.look_sizes import Looked, Sizes, differentiable, losses_followed, sites_followed

Work = Mapping[str, float]

SECOND = 2e10
"""Floating-point operations of a second, which some lenses count from."""
SHUFFLED = 32
SEARCHED = 2**14
TRACKED, FEWEST_TRACKED, MOST_TRACKED = 2**14, 16, 256
COMPONENTS = 256
STARTS, FEWEST_STARTS, START_NUMBERS = 1024, 128, 2**14

LOOK_PRICES: Mapping[str, Mapping[str, float]] = {
    "hidden": {"blocks": 0.00034, "flops": 7.2e-11, "look": 0.00035, "maps": 4.4e-09, "outputs": 1.9e-08, "steps": 2e-05},
    "gradients": {"blocks": 0.00023, "cubes": 9.1e-10, "flops": 5.4e-11, "look": 0.0011, "maps": 8.5e-09, "steps": 3.6e-05},
    "attention": {"blocks": 0.003, "look": 6.2e-13, "maps": 3.1e-08, "outputs": 1.1e-07, "stream": 6.7e-08},
    "positions": {"blocks": 0.00035, "flops": 1.5e-11, "look": 1.3e-12, "maps": 3.7e-08, "outputs": 1.2e-08},
    "gates": {"cubes": 1.2e-09, "flops": 2.7e-11, "look": 0.0019, "outputs": 6.6e-09, "read": 1.5e-08, "squares": 9.5e-11, "steps": 3e-05},
    "microscope": {"blocks": 0.00029, "flops": 1.2e-11, "look": 0.00036, "maps": 4.2e-09, "numbers": 4.6e-09, "outputs": 2.5e-09, "steps": 2.5e-05, "stream": 5.9e-09},
    "jacobian": {"cubes": 6.7e-10, "each": 7.2e-05, "look": 0.0019, "numbers": 6.6e-08, "squares": 4.3e-08, "steps": 1.1e-05},
    "fixed_points": {"cubes": 1.2e-09, "each": 2.5e-06, "look": 0.0011, "outputs": 2.9e-08},
    "pattern": {"flops": 6.6e-11, "look": 1.4e-05, "numbers": 7.5e-09, "steps": 1.5e-05},
    "biography": {"blocks": 0.00073, "flops": 3.7e-11, "look": 0.0054, "maps": 1e-08, "outputs": 8e-08},
    "cell": {"blocks": 0.00048, "flops": 3.1e-11, "look": 2.7e-05, "maps": 5.4e-09},
    "layers": {"blocks": 0.00039, "flops": 1.9e-10, "look": 0.0006, "maps": 6.9e-09, "outputs": 8.3e-09},
    "reach": {"blocks": 0.00032, "flops": 2.1e-11, "look": 0.0003, "maps": 8.1e-09, "numbers": 7.7e-09, "outputs": 2.9e-09, "steps": 2.5e-05},
    "beyond": {"look": 0.005, "blocks": 0.0005, "flops": 2.5e-11, "maps": 4e-09, "outputs": 2e-08},
    "surgery": {"blocks": 0.00043, "flops": 1e-11, "look": 0.0035, "maps": 5e-09, "numbers": 7.3e-09, "outputs": 8.8e-09, "steps": 9.5e-07, "stream": 8.1e-09},
}  # fmt: skip
"""Seconds of a unit of each kind of work, by lens."""


def look_seconds(config: Looked, lens: str, inputs: int, outputs: int) -> float:
    """Time of one look through a lens at a run's own sequences, on the processor.

    Args:
        lens: a name in `records.RECORDS`.
        inputs: V for tokens, F for numbers (see `runs.inputs.training_inputs`).
        outputs: V, or how many numbers are said at each step.

    Raises:
        KeyError: no lens of this name.
    """
    prices = LOOK_PRICES[lens]
    return sum(prices.get(name, 0.0) * amount for name, amount in look_work(config, lens, inputs, outputs).items())


def look_work(config: Looked, lens: str, inputs: int, outputs: int) -> Work:
    """How much of each kind of work one look is; the kinds are those of `LOOK_PRICES`."""
    return {"look": 1.0, **_WORK[lens](Sizes(config, inputs, outputs))}


def _passes(z: Sizes, sequences: float, times: float = 1.0, T: int = 0) -> Counter[str]:
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


def _together(*works: Mapping[str, float]) -> Work:
    total: Counter[str] = Counter()
    for work in works:
        total.update(work)
    return total


def _gradients(z: Sizes) -> Work:
    plain = z.network.plain
    return _together(_passes(z, differentiable(z, 8), 3), {"cubes": float(z.D**3 * plain)})


def _gates(z: Sizes) -> Work:
    S = max(FEWEST_TRACKED, min(MOST_TRACKED, TRACKED // z.T))
    known = min(z.D, COMPONENTS)
    return _together(
        _passes(z, min(z.B, 16)),
        _passes(z, S),
        {"squares": float(S * z.T * known**2), "read": float(S * z.T * z.D), "cubes": float(known**3)},
    )


def _jacobian(z: Sizes) -> Work:
    M = z.network.state_size
    singles, spans = moments(z.T - 1, M)
    taken_apart = horizon(z.T - 1, M) + len(singles) + len(spans)
    return _together(
        _passes(z, 1, 3),
        {"cubes": float(taken_apart * M**3), "squares": float(taken_apart * M**2), "each": taken_apart},
    )


def _fixed_points(z: Sizes) -> Work:
    M = z.network.state_size
    starts = min(STARTS, max(FEWEST_STARTS, START_NUMBERS // M))
    return _together(
        _passes(z, min(z.B, 64)),
        {"cubes": float(starts * M**3), "squares": float(starts * M**2), "each": float(starts * M)},
    )


def _pattern(z: Sizes) -> Work:
    return {"steps": float(z.T * z.L), "flops": SEARCHED * z.flops_a_token(z.T), "numbers": float(SEARCHED * z.D * z.L)}


def _biography(z: Sizes) -> Work:
    knocked_out = z.L * z.H
    rows = max(1, min(z.rows(z.B), int(SECOND // (z.flops_a_token(z.T) * z.T * (2 + knocked_out)))))
    return _together(_passes(z, rows, 2 + knocked_out / 2), _passes(z, z.rows(min(SHUFFLED, rows))))


def _layers(z: Sizes) -> Work:
    return _together(_passes(z, 1, 2), {"outputs": float(z.L * z.T * z.V), "cubes": float(z.L * z.T**3)})


def _beyond(z: Sizes) -> Work:
    lengths = [factor * z.T for factor in (1, 2, 4, 8)]
    read = [T for T in lengths if T <= 2048 and (z.positions != "learned" or T == z.T)]
    windows = [min(64 * 8 * z.T // T, max(4, int(1.5 * SECOND // (z.flops_a_token(T) * T)))) for T in read]
    return _together(
        *(_passes(z, count, T=T) for count, T in zip(windows, read, strict=True)),
        *(_passes(z, 4, T=T) for T in (read[:1] + read[-1:])),
    )


def _surgery(z: Sizes) -> Work:
    sites = sites_followed(z)
    screened, checked = (min(128, z.forward_rows(sites + 1)), z.forward_rows(4)) if z.B > 1 else (1, 1)
    return _together(_passes(z, screened, sites + 1), _passes(z, checked, 4), _passes(z, 1, 3))


_WORK: Mapping[str, Callable[[Sizes], Work]] = {
    "hidden": lambda z: _passes(z, 1),
    "gradients": _gradients,
    "attention": lambda z: _together(_passes(z, z.rows(z.B)), _passes(z, z.rows(SHUFFLED))),
    "positions": lambda z: _together(
        _passes(z, z.rows(z.B)), {"each": float(z.T * max(1, z.L)), "squares": float(z.T**2)}
    ),
    "gates": _gates,
    "microscope": lambda z: _passes(z, losses_followed(z), 3),
    "jacobian": _jacobian,
    "fixed_points": _fixed_points,
    "pattern": _pattern,
    "biography": _biography,
    "cell": lambda z: _passes(z, 1, 2),
    "layers": _layers,
    "reach": lambda z: _passes(z, differentiable(z, 8), 2),
    "beyond": _beyond,
    "surgery": _surgery,
}
