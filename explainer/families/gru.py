"""The GRU (Cho et al. 2014, in cuDNN's variant)."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.families.base import Gate
from explainer.families.recurrent import Recurrent


@dataclass(frozen=True, kw_only=True)
class GRU(Recurrent):
    """h' = (1 - z) * n + z * h: one gate says what is kept and what is written."""

    kind = "gru"
    title = "GRU"
    colour = "#009E73"
    symbol = "circle"
    good_for = "long memory with three quarters of an LSTM's weights"
    cell = "explainer.models.cells:gru"
    gates = (
        Gate("reset", "gates.reset"),
        Gate("update", "gates.update", keeps=True, opened="never writes anything new"),
        Gate("candidate", "gates.candidate", settable=False),
    )
    held_numbers, read_numbers, stored_numbers, held_in_look = 12, 4.2, 9, 14
    step_bytes = 9_500
    unrolled = 2.2
    prices = {
        "update": 6.3e-4, "kernels": 9.0e-5, "numbers": 1.3e-8, "rows": 6.4e-8, "outputs": 1.0e-9, "losses": 1.2e-7,
        "flops": 3.9e-12, "parameters": 3.7e-9, "reloaded": 1.0e-9, "faulted": 3e-9,
    }  # fmt: skip
    read_prices = {
        "batch": 4.5e-4, "kernels": 1.8e-6, "numbers": 8.0e-9, "rows": 2.4e-8, "outputs": 1.5e-9, "losses": 3.1e-7,
        "flops": 2.8e-12, "reloaded": 1.1e-10,
    }  # fmt: skip
