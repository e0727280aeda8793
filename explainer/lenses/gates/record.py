"""What the lens `gates` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class GatesRecord:
    """What the gates of an LSTM or a GRU do on one sequence, and what the units keep track of.

    Attributes:
        gates: [l, g, t, n], each in (0, 1).
        gate_names: of the axis g: input, forget, output, or reset, update.
        kept: the mean share of its old state that each unit keeps (forget gate, or GRU's update gate),
            over a batch; the time constant is -1 / ln of it.
        closed: share of all values below 0.1 (over up to 16 sequences of the batch), for each layer and gate; `opened`: above 0.9.
        states: of the top layer.
        tokens: what was read, as labels.
        variables: names of what a unit might track (see `theory.variables`).
        values: of each variable at each position of this sequence.
        sequences: how many validation sequences the numbers below are measured on, the same for every input and every
            moment. No two of them share a step.
        correlations: Pearson's r of each variable with each unit of the top layer; NaN where a state is not finite, 0 for
            what does not change.
        correlation_errors: standard error of the largest |r| of each variable, over sequences.
        untrained_correlations: the largest |r| that a unit of the untrained network has.
        chance_correlations: the largest |r| of a unit with the values of other sequences (NaN: all have the same).
        probes: R^2 of a linear readout of each variable, on sequences that it has not seen; `probe_errors`: its
            standard error. NaN where the variable does not change, a state is not finite, or the sequences are too few.
        untrained: the same R^2 in the untrained network, the run's architecture with the weights that its seed draws.
        gain_errors: standard error of probes - untrained, both being measured on the same sequences.
        controls: R^2 of a readout of the values of other sequences (NaN: all have the same).
    """

    gates: Float[np.ndarray, "L G T N"]
    gate_names: tuple[str, ...]
    kept: Float[np.ndarray, "L N"]
    closed: Float[np.ndarray, "L G"]
    opened: Float[np.ndarray, "L G"]
    states: Float[np.ndarray, "T N"]
    tokens: tuple[str, ...]
    variables: tuple[str, ...]
    values: Float[np.ndarray, "Q T"]
    sequences: int
    correlations: Float[np.ndarray, "Q N"]
    correlation_errors: Float[np.ndarray, " Q"]
    untrained_correlations: Float[np.ndarray, " Q"]
    chance_correlations: Float[np.ndarray, " Q"]
    probes: Float[np.ndarray, " Q"]
    probe_errors: Float[np.ndarray, " Q"]
    untrained: Float[np.ndarray, " Q"]
    gain_errors: Float[np.ndarray, " Q"]
    controls: Float[np.ndarray, " Q"]

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        labels = (len(self.gate_names), len(self.tokens), len(self.variables))
        assert labels == (sizes["G"], sizes["T"], sizes["Q"]), (labels, sizes)
