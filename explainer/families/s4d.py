"""The diagonal state space (Gu et al. 2022, "On the parameterization and initialization of diagonal state space models"): the same at every step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from explainer.families.attending import mlp, norm, short_conv, tied
from explainer.families.base import Run, dropout
from explainer.families.streamed import Streamed, d_state


@dataclass(frozen=True, kw_only=True)
class S4D(Streamed):
    """h_t = a h_{t-1} + b u_t, y_t = 2 Re(c · h_t) + d u_t in each of D channels, a complex: a convolution with a kernel that is learnt."""

    kind = "s4d"
    title = "S4D"
    colour = "#4E6BA6"
    symbol = "pentagon"
    good_for = "long smooth inputs: every channel is a filter, and all steps are one convolution"
    made_by = "explainer.models.state_space:Diagonal"
    prices = {
        "update": 3.3e-04, "kernels": 7.8e-04, "numbers": 3.2e-09, "rows": 1.0e-08, "mixed": 1.4e-09,
        "embedded": 1.0e-09, "outputs": 1.0e-10, "losses": 2.6e-07, "flops": 8.7e-13, "parameters": 3.6e-09,
        "explicit": 3.7e-10, "faulted": 1.5e-09,
    }  # fmt: skip
    read_prices = {
        "batch": 1.8e-04, "kernels": 2.6e-04, "numbers": 1.1e-09, "rows": 3.3e-09, "mixed": 4.7e-10,
        "embedded": 1.0e-09, "outputs": 3.0e-09, "losses": 1.4e-08, "flops": 4.4e-13, "explicit": 1.2e-10,
    }  # fmt: skip

    d_state: int = d_state()
    conv: int = short_conv()
    mlp: bool = mlp(default=False)
    norm: str = norm()
    dropout: float = dropout()
    tied: bool = tied()

    def check(self) -> None:
        if self.d_state % 2:
            raise ValueError(
                f"d_state = {self.d_state} is odd, and S4D has complex numbers, each with its conjugate. Choose an even one."
            )

    def idle(self) -> set[str]:
        return super().idle() | (set() if self.layers else {"d_state"})

    @property
    def state_size(self) -> int:
        return self.width * self.d_state

    @property
    def mixing(self) -> int:
        """Of each of D channels a step size, a skip, a and c of N/2 complex numbers, and k + 1 of the convolution; 2 D (D + 1) to mix them."""
        conv = self.conv + 1 if self.conv else 0
        return self.width * (2 + 2 * self.d_state + conv) + 2 * self.width * (self.width + 1)

    @property
    def matrices(self) -> int:
        return (1 + 2 * self.mlp) * self.layers + 2

    @property
    def mixed(self) -> int:
        return 20 * self.width

    @property
    def multiplied(self) -> int:
        return self.width * (2 * self.width + self.conv)

    def explicit(self, run: Run) -> int:
        """The powers of a, whoever asks: they make the kernel."""
        return 4 * self.layers * run.total_length * self.state_size

    def flops(self, run: Run, inputs: int, outputs: int) -> int:
        """With the transforms, 5 n log n operations for each of three of 2T numbers in each channel."""
        long = 2 * run.total_length
        transforms = 3 * 3 * 5 * long * math.log2(long) * run.batch * self.width * self.layers
        return super().flops(run, inputs, outputs) + int(transforms)
