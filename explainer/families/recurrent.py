"""What recurrent families share: a state that goes from step to step through one cell a layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from explainer.families.base import BYTES, DROPPED, Family, Roles, Run, Work, dropout
from explainer.parts import knob

INITS = ("default", "orthogonal", "identity", "gaussian", "xavier", "he")
OPERATED_BYTES = 7_000
"""Of a time step of a layer that runs under surgery: the records of all its kernels."""


@dataclass(frozen=True, kw_only=True)
class Recurrent(Family):
    """L layers of N units, each a cell that is stepped through time, and a linear readout of the top one.

    Attributes:
        parts: numbers that a unit carries from step to step: h, or h and c.
        cell: module and name of its `models.cells.Cell`, whose step is the function of that name with _cell behind.
        held_numbers, read_numbers: that a layer holds for each unit and token with those of the backward pass, and where it is only read.
        stored_numbers: that torch's kernels save of them for the backward pass.
        padded: numbers by which its kernel rounds up, for each layer and token.
        step_bytes: of a layer's time step, whatever its size: the records of its kernels.
        recurrent_weights: whether a step multiplies the state by a matrix U; one without has U = 0.
    """

    parts: ClassVar[int] = 1
    bounded: ClassVar[bool] = True
    cell: ClassVar[str]
    made_by: ClassVar[str] = "explainer.models.recurrent:Recurrent"
    held_numbers: ClassVar[float]
    read_numbers: ClassVar[float]
    stored_numbers: ClassVar[int]
    padded: ClassVar[int] = 0
    step_bytes: ClassVar[int] = 0
    recurrent_weights: ClassVar[bool] = True
    operated_prices: ClassVar[Mapping[str, float]] = {
        "update": 5.0e-4, "kernels": 1.3e-4, "numbers": 1.3e-8, "rows": 5.0e-8, "outputs": 2.0e-9, "losses": 1.0e-7,
        "flops": 4.8e-12, "parameters": 3.7e-9, "reloaded": 1.4e-9, "faulted": 3e-9,
    }  # fmt: skip
    operated_read_prices: ClassVar[Mapping[str, float]] = {
        "batch": 7.3e-4, "kernels": 1.2e-5, "numbers": 8.0e-9, "rows": 2.0e-7, "outputs": 1.1e-9, "losses": 6.1e-9,
        "flops": 3.2e-12, "reloaded": 1.7e-10,
    }  # fmt: skip

    dropout: float = dropout()
    init: str = knob("default", "recurrent weights W_hh at the start", choices=INITS, label="Start of W_hh")
    radius: float = knob(
        1.0,
        "spectral radius of W_hh with init=gaussian",
        above=0.0,
        high=3.0,
        label="Spectral radius ρ",
        stops=(0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.4, 1.7, 2.0),
    )

    def check(self) -> None:
        if not 1 <= self.layers <= 3:
            raise ValueError(f"layers = {self.layers} is out of range for a recurrent network. Choose 1, 2 or 3.")

    def idle(self) -> set[str]:
        return set() if self.init == "gaussian" else {"radius"}

    @property
    def roles(self) -> Roles:
        layers = range(self.layers)
        states = tuple(f"layer.{layer}.hidden" for layer in layers)
        settable = [gate for gate in self.gates if gate.settable]
        gates = tuple({gate.name: f"layer.{layer}.{gate.point}" for gate in settable} for layer in layers if settable)
        return Roles(states, gates=gates, steps=True, sites=states)

    @property
    def state_size(self) -> int:
        return self.parts * self.width

    @property
    def forget_gate(self) -> float | None:
        """The bias that its forget gate starts with; None where torch draws it, or there is no such gate."""
        return None

    @property
    def products(self) -> int:
        return len(self.gates) or 1

    @property
    def described(self) -> str:
        units = f"{self.width} unit{'' if self.width == 1 else 's'}"
        return f"{self.title}, {units if self.layers == 1 else f'{self.layers} layers of {units}'}"

    # -- size and cost ----------------------------------------------------------------------------

    def parameters(self, run: Run, inputs: int, outputs: int) -> int:
        """A layer with G gates has G·(N·F + N² + 2N), F being N above the first one."""
        G, N = self.products, self.width
        first, above = (G * (N * features + N * N + 2 * N) for features in (inputs, N))
        return first + (self.layers - 1) * above + (N + 1) * outputs

    def activation_bytes(self, run: Run, inputs: int, outputs: int) -> int:
        N, L = self.width, self.layers
        layers = sum(self.stored(F) for F in (inputs, *[N] * (L - 1)))
        dropped = 2 * N * L if self.dropout else 0
        return BYTES * run.batch * run.total_length * (inputs + layers + dropped + 3 * outputs)

    def stored(self, F: int) -> int:
        """How many numbers a layer that reads F of them keeps for each token."""
        return self.stored_numbers * self.width

    def flops(self, run: Run, inputs: int, outputs: int) -> int:
        G, N, L = self.products, self.width, self.layers
        per_token = G * N * (inputs + N) + (L - 1) * G * N * 2 * N + N * outputs
        return 3 * 2 * run.batch * run.total_length * per_token

    def follows(self, run: Run) -> int:
        return self.layers * run.total_length

    def work(self, run: Run, inputs: int, outputs: int) -> Work:
        G, N, LT = self.products, self.width, self.layers * run.total_length
        return {
            "kernels": LT,
            "numbers": run.batch * LT * G * N,
            "rows": run.batch * LT,
            "dropped": run.batch * LT * N * (self.dropout > 0),
            "flops": self.flops(run, inputs, outputs),
            "reloaded": LT * G * N * N,  # the recurrent weights, at every step
        }

    def costs(self, run: Run, reading: bool = False) -> Mapping[str, float]:
        operated = self.operated_read_prices if reading else {"dropped": DROPPED, **self.operated_prices}
        return operated if run.surgery else super().costs(run, reading)

    def arrays(self, run: Run) -> Iterator[tuple[int, int]]:
        tokens = run.batch * run.total_length
        yield tokens * self.products * self.width, 2 * self.layers
        yield tokens * self.width, 4 * self.layers

    def update_bytes(self, run: Run, inputs: int, outputs: int) -> float:
        N, L, T = self.width, self.layers, run.total_length
        numbers = self.held_numbers * N + self.padded + (2 * N if self.dropout else 0) + (3 * N if run.surgery else 0)
        kernels = max(self.step_bytes, OPERATED_BYTES if run.surgery else 0)
        return BYTES * run.batch * T * (L * numbers + 9 * outputs + 13) + kernels * L * T

    def read_bytes(self, run: Run, tokens: int, maps: int) -> float:
        return BYTES * tokens * (self.width * (self.read_numbers + 1.25 * self.layers) + 6)
