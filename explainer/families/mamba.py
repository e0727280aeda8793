"""The selective state space (Gu & Dao 2023, "Mamba"): what is kept at a step depends on what is read there."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.families.attending import mlp, short_conv, tied
from explainer.families.base import Run, dropout
from explainer.families.streamed import Streamed, d_state
from explainer.parts import knob


@dataclass(frozen=True, kw_only=True)
class Mamba(Streamed):
    """h_t = exp(-Δ_t e^A) h_{t-1} + Δ_t B_t u_t, y_t = C_t · h_t in each of E·D channels, Δ, B and C being functions of what is read."""

    kind = "mamba"
    title = "Mamba"
    colour = "#A3522D"
    symbol = "hexagon"
    good_for = "choosing step by step what to keep, with a memory of fixed size"
    made_by = "explainer.models.state_space:Selective"
    prices = {
        "update": 3.7e-04, "kernels": 1.2e-05, "numbers": 2.5e-09, "rows": 2.8e-07, "mixed": 9.5e-10,
        "embedded": 1.0e-09, "outputs": 2.1e-10, "losses": 1.0e-07, "flops": 3.6e-12, "parameters": 3.8e-09,
        "explicit": 1.0e-12, "faulted": 1.5e-09,
    }  # fmt: skip
    read_prices = {
        "batch": 1.8e-04, "kernels": 4.0e-06, "numbers": 8.3e-10, "rows": 9.3e-08, "mixed": 3.2e-10,
        "embedded": 1.0e-09, "outputs": 3.0e-09, "losses": 1.4e-08, "flops": 1.8e-12, "explicit": 3.3e-13,
    }  # fmt: skip

    d_state: int = d_state()
    expand: int = knob(2, "E, channels for each number of the width", low=1, high=4, label="Channels for each of D")
    conv: int = short_conv(4)
    mlp: bool = mlp(default=False)
    dropout: float = dropout()
    tied: bool = tied()

    def idle(self) -> set[str]:
        return super().idle() | (set() if self.layers else {"d_state", "expand"})

    @property
    def sites(self) -> int:
        return self.expand * self.width

    @property
    def rank(self) -> int:
        """R, of the map that makes the step sizes: D / 16, rounded up."""
        return -(-self.width // 16)

    @property
    def state_size(self) -> int:
        return self.sites * self.d_state

    @property
    def mixing(self) -> int:
        """3 C D for what enters, gates and leaves; C (R + 2N) and C (R + 1) for Δ, B and C; N of decay, a skip, and k + 1 of the convolution."""
        conv = self.conv + 1 if self.conv else 0
        return self.sites * (3 * self.width + 2 * self.rank + 1 + 3 * self.d_state + 1 + conv)

    @property
    def matrices(self) -> int:
        return (4 + 2 * self.mlp) * self.layers + 2

    @property
    def mixed(self) -> int:
        return self.sites * (9 * self.d_state + 12)

    @property
    def multiplied(self) -> int:
        return self.sites * (3 * self.width + 2 * self.rank + 5 * self.d_state + self.conv)

    def follows(self, run: Run) -> int:
        """A scan in chunks of √T steps (`models.scan`), forward and backward."""
        return int(self.layers * (40 + 4 * run.total_length**0.5))
