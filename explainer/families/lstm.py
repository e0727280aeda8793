"""The LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.families.base import Gate, Roles
from explainer.families.recurrent import Recurrent
from explainer.parts import knob


@dataclass(frozen=True, kw_only=True)
class LSTM(Recurrent):
    """c' = f * c + i * g, h' = o * tanh(c'): a path that only the forget gate multiplies."""

    kind = "lstm"
    title = "LSTM"
    article = "an"
    colour = "#2B83C6"
    symbol = "diamond"
    good_for = "long memory: what the forget gate leaves alone is carried unchanged"
    cell = "explainer.models.cells:lstm"
    parts = 2
    ways = ("h", "c", "c along c", "c by way of h")
    gates = (
        Gate("input", "gates.input"),
        Gate("forget", "gates.forget", keeps=True, opened="never forgets"),
        Gate("candidate", "gates.candidate", settable=False),
        Gate("output", "gates.output"),
    )
    held_numbers, read_numbers, stored_numbers, held_in_look = 13, 1.0, 14, 16
    padded = 84
    unrolled = 2.2
    prices = {
        "update": 9.3e-4, "kernels": 2.1e-6, "numbers": 6.3e-9, "rows": 2.2e-7, "outputs": 1.4e-9, "losses": 5.0e-8,
        "flops": 8.3e-12, "parameters": 4.7e-9, "reloaded": 0.0, "faulted": 1e-9,
    }  # fmt: skip
    read_prices = {
        "batch": 4.6e-4, "numbers": 2.3e-9, "rows": 9.6e-8, "outputs": 1.6e-9, "flops": 3.5e-12, "reloaded": 4.5e-11,
    }  # fmt: skip

    forget_start: str = knob(
        "drawn",
        "the LSTM's forget-gate bias at the start: as torch draws it, or the constant forget_bias, also where that is 0",
        label="Forget-gate bias",
        names={"drawn": "as torch draws it", "constant": "constant"},
    )
    forget_bias: float = knob(
        0.0,
        "the LSTM's forget-gate bias at the start with forget_start=constant, which any value but 0 implies",
        low=-10.0,
        high=10.0,
        label="… starts at",
    )

    def check(self) -> None:
        super().check()
        if self.forget_bias:  # configurations that are older than forget_start have the number alone
            object.__setattr__(self, "forget_start", "constant")

    def idle(self) -> set[str]:
        """Runs are older than `forget_start`: their ids have the bias alone."""
        implied = bool(self.forget_bias) or self.forget_start == "drawn"
        return super().idle() | ({"forget_start"} if implied else set())

    def implied(self) -> set[str]:
        return {"forget_start"} if self.forget_bias else set()

    @property
    def forget_gate(self) -> float | None:
        return self.forget_bias if self.forget_start == "constant" else None

    @property
    def roles(self) -> Roles:
        paths = ((f"layer.{layer}.cell", f"layer.{layer}.gates.forget") for layer in range(self.layers))
        return super().roles._replace(carried=tuple(paths))

    def stored(self, F: int) -> int:
        """Its kernel also keeps its input for each gate and pads to 16 numbers."""
        return self.stored_numbers * _padded(self.width) + 7 * _padded(max(F, self.width))


def _padded(numbers: int) -> int:
    return -(-numbers // 16) * 16
