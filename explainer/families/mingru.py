"""The minimal GRU (Feng et al. 2024, "Were RNNs all we needed?", section 3.1): gates that read the input alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from explainer.families.base import Gate, Roles, Run, Work
from explainer.families.recurrent import Recurrent
from explainer.parts import knob

RANGES = {"positive": "between 0 and 1", "signed": "between −1 and 1"}


@dataclass(frozen=True, kw_only=True)
class MinGRU(Recurrent):
    """h' = a * h + (1 - z) * n with n = W_n x + b_n, z = σ(W_z x + b_z) and a = z, or a = 2z - 1 where it may be negative.

    Its z is the paper's 1 - z, so that as in a GRU it says what is kept. Negative values: Grazzi et al. 2025, section 4.
    """

    kind = "mingru"
    title = "minGRU"
    colour = "#8C6D1F"
    symbol = "triangle-down"
    good_for = "training at once over all steps: no step waits for the state before it"
    cell = "explainer.models.cells:mingru"
    recurrent_weights = False
    bounded = False
    held_numbers, read_numbers, stored_numbers, held_in_look = 12, 6.0, 7, 8
    unrolled = 1.5
    gates = (
        Gate("update", "gates.update", keeps=True, opened="never writes anything new"),
        Gate("candidate", "gates.candidate", settable=False),
    )
    prices = {
        "update": 9.2e-4, "kernels": 1.4e-5, "numbers": 7.9e-9, "rows": 6.2e-8, "outputs": 4.0e-10, "losses": 1.7e-7,
        "flops": 1.2e-11, "parameters": 3.0e-9, "reloaded": 0.0, "faulted": 3e-9,
    }  # fmt: skip
    read_prices = {
        "batch": 4.5e-4, "kernels": 5.0e-6, "numbers": 8.0e-9, "rows": 2.4e-8, "outputs": 1.5e-9, "losses": 1.0e-7,
        "flops": 2.8e-12,
    }  # fmt: skip

    keep: str = knob(
        "positive",
        "the minGRU's a, by which a step multiplies the state",
        label="What is kept",
        names=RANGES,
    )

    def idle(self) -> set[str]:
        return {"init", "radius"}

    @property
    def roles(self) -> Roles:
        return super().roles._replace(linear=True)

    @property
    def keeper(self) -> Gate | None:
        """A gate that may turn the state over is no share of it."""
        return super().keeper if self.keep == "positive" else None

    @property
    def activations(self) -> dict[str, str]:
        return {"gates.update": "sigmoid"}

    def parameters(self, run: Run, inputs: int, outputs: int) -> int:
        """A layer has 2 (N F + N), F being N above the first one."""
        N = self.width
        return 2 * N * (inputs + 1 + (self.layers - 1) * (N + 1)) + (N + 1) * outputs

    def flops(self, run: Run, inputs: int, outputs: int) -> int:
        N, L = self.width, self.layers
        return 3 * 2 * run.batch * run.total_length * (2 * N * (inputs + (L - 1) * N) + N * outputs)

    def follows(self, run: Run) -> int:
        """A scan in chunks of √T steps (`models.scan`), forward and backward."""
        return int(4 * self.layers * run.total_length**0.5)

    def work(self, run: Run, inputs: int, outputs: int) -> Work:
        kernels = (
            self.layers * run.total_length if run.surgery else self.follows(run)
        )  # operated, it is looked at by its step
        return {**super().work(run, inputs, outputs), "kernels": kernels, "reloaded": 0.0}

    def arrays(self, run: Run) -> Iterator[tuple[int, int]]:
        yield run.batch * run.total_length * self.width, 16 * self.layers
