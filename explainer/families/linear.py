"""Linear attention (Katharopoulos et al. 2020, "Transformers are RNNs"): all that is carried on is two sums, so length costs no more than its steps."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.families.attending import Attending, heads, mlp, norm, positions, short_conv, tied
from explainer.families.base import Run, dropout
from explainer.families.streamed import Streamed

UNUSED = ("rotary", "alibi")


@dataclass(frozen=True, kw_only=True)
class LinearAttention(Streamed, Attending):
    """Blocks of H heads o_t = φ(q_t) S_t / (φ(q_t) · z_t), S_t = Σ φ(k_s) v_sᵀ and z_t = Σ φ(k_s) over s ≤ t, φ(x) = elu(x) + 1."""

    kind = "linear"
    title = "Linear attention"
    colour = "#6C7A1F"
    symbol = "star-diamond"
    good_for = "long inputs: it attends with a memory of fixed size, a K × K table in each head"
    made_by = "explainer.models.linear:Linear"
    prices = {
        "update": 4.0e-04, "kernels": 4.1e-04, "numbers": 5.0e-10, "rows": 1.6e-07, "mixed": 1.9e-09,
        "embedded": 1.0e-09, "outputs": 5.0e-10, "losses": 2.5e-07, "flops": 1.0e-12, "parameters": 4.0e-09,
        "explicit": 1.0e-08, "faulted": 1.5e-09,
    }  # fmt: skip
    read_prices = {
        "batch": 1.8e-04, "kernels": 1.4e-04, "numbers": 1.7e-10, "rows": 5.3e-08, "mixed": 6.3e-10,
        "embedded": 1.0e-09, "outputs": 3.0e-09, "losses": 1.4e-08, "flops": 5.0e-13, "explicit": 3.3e-09,
    }  # fmt: skip

    heads: int = heads()
    mlp: bool = mlp()
    norm: str = norm()
    dropout: float = dropout()
    positions: str = positions()
    conv: int = short_conv()
    tied: bool = tied()

    def check(self) -> None:
        if self.positions in UNUSED:
            raise ValueError(
                f"positions = {self.positions!r} acts on the scores before the softmax, and linear attention has none. "
                "Choose none, learned or sinusoidal."
            )
        super().check()

    def idle(self) -> set[str]:
        return super().idle() | (set() if self.layers else {"heads"})

    @property
    def softmax(self) -> bool:
        return False

    @property
    def state_size(self) -> int:
        """H tables of K (K + 1) numbers."""
        return self.width * (self.width // self.heads + 1)

    @property
    def mixed(self) -> int:
        """Queries, keys, values and features, what 32 steps give each other, and a table for every 32."""
        return self.width * (13 + 3 * bool(self.conv)) + 64 * self.heads + self.state_size // 16

    @property
    def multiplied(self) -> int:
        return 4 * self.width**2 + 2 * 32 * self.width + 2 * self.state_size

    def explicit(self, run: Run) -> int:
        return 4 * run.batch * self.heads * self.layers * run.total_length**2 if run.surgery else 0
