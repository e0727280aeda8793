"""The plain recurrent network, with a rectifier; with U = I at the start, the IRNN of Le et al. 2015."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.families.rnn import RNN


@dataclass(frozen=True, kw_only=True)
class ReLURNN(RNN):
    """h' = max(0, W x + U h + b)."""

    kind = "rnn_relu"
    title = "RNN (ReLU)"
    colour = "#BF8300"
    symbol = "triangle-up"
    good_for = "a memory without a ceiling, which begins as a perfect one where W_hh begins as the identity"
    cell = "explainer.models.cells:relu"
    bounded = False
    activations = {"hidden": "relu"}
