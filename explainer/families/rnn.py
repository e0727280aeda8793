"""The plain recurrent network, with tanh (Elman 1990)."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.families.recurrent import Recurrent


@dataclass(frozen=True, kw_only=True)
class RNN(Recurrent):
    """h' = tanh(W x + U h + b)."""

    kind = "rnn"
    title = "RNN (tanh)"
    article = "an"
    colour = "#D55E00"
    symbol = "square"
    good_for = "the plainest memory: what it keeps, it keeps by turning it over at every step"
    cell = "explainer.models.cells:tanh"
    plain = True
    activations = {"hidden": "tanh"}
    held_numbers, read_numbers, stored_numbers, held_in_look = 6, 2.2, 3, 4
    step_bytes = 500
    prices = {
        "update": 5.6e-4, "kernels": 3.3e-5, "numbers": 1.1e-8, "rows": 3.5e-8, "outputs": 1.4e-9, "losses": 1.0e-7,
        "flops": 4.8e-12, "parameters": 2.2e-9, "reloaded": 7.0e-10, "faulted": 4e-9,
    }  # fmt: skip
    read_prices = {
        "batch": 3.5e-4, "kernels": 9.4e-7, "numbers": 1.0e-8, "rows": 2.3e-8, "outputs": 3.5e-9, "flops": 3.2e-12,
    }  # fmt: skip
