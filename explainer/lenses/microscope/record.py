"""What the lens `microscope` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class MicroscopeRecord:
    """How much of every loss arrives at every earlier moment, along every way that was asked for.

    Attributes:
        norms: [w, l, t, k] is ||dL_t/ds_k||_2, with s what way w names, in layer l, of one sequence;
            L_t is the loss at place t. Zero where k is after t.
        ways: "h" or "x", the total derivative; of an LSTM also "c", and the two parts of it:
            "c along c", only by way of the layer's own cell state, and "c by way of h", the rest.
        gates: [g, l, j], the mean over the losses that count of the same for gate g, j places before the loss.
        gate_names: of the gates (none: a plain network).
        at: the places, as time steps.
        counted: whether the loss there counts in training.
        tokens: what the model read there, as labels.
    """

    norms: Float[np.ndarray, "W L P P"]
    ways: tuple[str, ...]
    gates: Float[np.ndarray, "G L P"]
    gate_names: tuple[str, ...]
    at: Int[np.ndarray, " P"]
    counted: Bool[np.ndarray, " P"]
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        labels = (len(self.tokens), len(self.ways), len(self.gate_names))
        assert labels == (sizes["P"], sizes["W"], sizes["G"]), (labels, sizes)
