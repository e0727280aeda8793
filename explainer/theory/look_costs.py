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

from explainer.theory.followed import horizon, moments, state_size
from explainer.theory.look_sizes import NUMBERS, Looked, Sizes, backward_numbers, losses_followed, sites_followed
from explainer.theory.sizes import GATES

Work = Mapping[str, float]

SECOND = 2e10
"""Floating-point operations of a second, which some lenses count from."""
STEP = {"rnn": 1.0, "rnn_relu": 1.0, "gru": 2.2, "lstm": 2.2}
"""An unrolled step of a cell, as so many steps of a plain one: what starting its products and gates takes."""
SHUFFLED = 32
SEARCHED = 2**14
TRACKED, FEWEST_TRACKED, MOST_TRACKED = 2**14, 16, 256
COMPONENTS = 256
STARTS, FEWEST_STARTS, START_NUMBERS = 1024, 128, 2**14

LOOK_PRICES: Mapping[str, Mapping[str, float]] = {
    "hidden": {"blocks": 0.00041, "flops": 7.1e-11, "look": 0.00037, "maps": 4.1e-09, "outputs": 1.8e-08, "steps": 2.4e-05},
    "gradients": {"blocks": 0.00026, "cubes": 1.1e-09, "flops": 4.6e-11, "look": 0.001, "maps": 6.4e-09, "numbers": 1.6e-08, "steps": 3.9e-05},
    "attention": {"blocks": 2.8e-13, "look": 1.2e-12, "maps": 4.1e-08, "outputs": 5e-08, "stream": 1.1e-07},
    "positions": {"blocks": 0.00014, "each": 2.8e-07, "flops": 5.6e-12, "look": 4e-05, "maps": 3.8e-08, "outputs": 4.5e-10, "squares": 6e-09, "stream": 3.7e-11},
    "gates": {"cubes": 6e-09, "flops": 1.7e-11, "look": 1.5e-13, "outputs": 8.8e-09, "squares": 3.7e-10, "steps": 3e-05},
    "microscope": {"flops": 8.6e-12, "look": 0.0005, "maps": 1.4e-08, "numbers": 1.3e-08, "outputs": 4.5e-08, "steps": 1.6e-05, "stream": 4.5e-09},
    "jacobian": {"cubes": 5.3e-10, "each": 1.9e-05, "look": 0.0053, "numbers": 7.1e-08, "squares": 5.9e-08, "steps": 1.3e-05},
    "fixed_points": {"flops": 3.2e-10, "look": 0.014, "steps": 2.4e-05},
    "pattern": {"look": 0.003, "steps": 2e-05, "flops": 5e-11, "numbers": 2e-08},
    "biography": {"blocks": 0.00091, "flops": 3.7e-11, "look": 0.0048, "maps": 9.8e-09, "outputs": 8.2e-08},
    "cell": {"blocks": 0.00053, "flops": 2.7e-11, "look": 1.8e-13, "maps": 5.4e-09},
    "layers": {"blocks": 0.00043, "cubes": 1.2e-09, "flops": 1.4e-10, "look": 0.00067, "maps": 1.4e-09},
    "reach": {"blocks": 0.0004, "flops": 3.3e-11, "look": 2.3e-05, "maps": 8e-09, "steps": 3.2e-05},
    "beyond": {"look": 0.005, "blocks": 0.0005, "flops": 2.5e-11, "maps": 4e-09, "outputs": 2e-08},
    "surgery": {"blocks": 0.00046, "flops": 1.5e-11, "look": 2.8e-05, "maps": 5e-09, "numbers": 8.3e-09, "outputs": 9.5e-09, "steps": 1.6e-07, "stream": 1.3e-09},
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
            work | {"steps": T * L * times * STEP[z.config.model], "numbers": rows * L * GATES[z.config.model] * z.D}
        )
    maps = sequences * times * z.L * z.H * T * T
    return Counter(work | {"blocks": L * times, "stream": rows * L * z.D, "maps": maps})


def _together(*works: Mapping[str, float]) -> Work:
    total: Counter[str] = Counter()
    for work in works:
        total.update(work)
    return total


def _differentiable(z: Sizes, most: int) -> int:
    return max(1, min(z.rows(min(most, z.B)), NUMBERS // backward_numbers(z.config, z.T)))


def _gradients(z: Sizes) -> Work:
    plain = z.config.model in ("rnn", "rnn_relu")
    return _together(_passes(z, _differentiable(z, 8), 3), {"cubes": float(z.D**3 * plain)})


def _gates(z: Sizes) -> Work:
    S = max(FEWEST_TRACKED, min(MOST_TRACKED, TRACKED // z.T))
    known = min(z.D, COMPONENTS)
    return _together(
        _passes(z, min(z.B, 16)),
        _passes(z, S),
        {"squares": float(S * z.T * known**2), "read": float(S * z.T * z.D), "cubes": float(known**3)},
    )


def _jacobian(z: Sizes) -> Work:
    M = state_size(z.config.model, z.D)
    singles, spans = moments(z.T - 1, M)
    taken_apart = horizon(z.T - 1, M) + len(singles) + len(spans)
    return _together(
        _passes(z, 1, 3),
        {"cubes": float(taken_apart * M**3), "squares": float(taken_apart * M**2), "each": taken_apart},
    )


def _fixed_points(z: Sizes) -> Work:
    M = state_size(z.config.model, z.D)
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
    read = [T for T in lengths if T <= 2048 and (z.config.positions != "learned" or T == z.T)]
    windows = [min(64 * 8 * z.T // T, max(4, int(1.5 * SECOND // (z.flops_a_token(T) * T)))) for T in read]
    return _together(
        *(_passes(z, count, T=T) for count, T in zip(windows, read, strict=True)),
        *(_passes(z, 4, T=T) for T in (read[:1] + read[-1:])),
    )


def _surgery(z: Sizes) -> Work:
    sites = sites_followed(z)
    return _together(
        _passes(z, min(128, z.forward_rows(sites + 1)), sites + 1), _passes(z, z.forward_rows(4), 4), _passes(z, 1, 3)
    )


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
    "reach": lambda z: _passes(z, _differentiable(z, 8), 2),
    "beyond": _beyond,
    "surgery": _surgery,
}
