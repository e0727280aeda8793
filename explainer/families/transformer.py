"""The Transformer, decoder only, as nanoGPT's default recipe has it (Vaswani et al. 2017; Radford et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from explainer.families.attending import Attending, heads, mlp, norm, positions, short_conv, tied
from explainer.families.base import BYTES, Run, Work, dropout
from explainer.parts import knob


@dataclass(frozen=True, kw_only=True)
class Transformer(Attending):
    """L causal blocks of attention and MLP on a residual stream; without blocks, a table of bigrams."""

    kind = "transformer"
    title = "Transformer"
    colour = "#C0699B"
    symbol = "star"
    good_for = "finding again: every position reads any earlier one in one step"
    made_by = "explainer.models.transformer:Transformer"
    prices = {
        "update": 5.0e-4, "kernels": 4.4e-4, "numbers": 3.1e-9, "rows": 1.0e-7, "heads": 1.2e-6, "embedded": 1.2e-9,
        "outputs": 1.1e-9, "losses": 2.4e-7, "flops": 4.7e-12, "parameters": 3.8e-9, "fused": 2.2e-9,
        "masked": 3.7e-9, "explicit": 1.6e-8, "attended": 1.1e-11, "mask": 2.6e-9, "turned": 6.7e-8, "faulted": 1.5e-9,
    }  # fmt: skip
    read_prices = {
        "batch": 1.8e-4, "kernels": 1.0e-4, "numbers": 1.1e-9, "rows": 1.3e-7, "heads": 3.1e-7, "embedded": 3.0e-9,
        "outputs": 5.7e-9, "losses": 1.4e-8, "flops": 3.2e-12, "fused": 1.8e-9, "masked": 1.7e-9, "explicit": 1.0e-9,
        "attended": 6.1e-11, "turned": 6.1e-9,
    }  # fmt: skip

    heads: int = heads()
    mlp: bool = mlp()
    norm: str = norm()
    dropout: float = dropout()
    positions: str = positions()
    attention: str = knob(
        "full",
        "which earlier positions a head may look at: all, or the last `window` and the first `global_tokens`",
        label="Attention",
        names={"full": "every earlier position", "window": "a sliding window"},
        later=True,
    )
    window: int = knob(
        16, "w, positions of a sliding window, its own among them", low=1, high=1024, label="Window", later=True
    )
    global_tokens: int = knob(
        0, "first positions that every other sees beside its window", low=0, high=64, label="Global tokens", later=True
    )
    conv: int = short_conv()
    tied: bool = tied()

    def idle(self) -> set[str]:
        blocks = {"heads", "mlp", "norm", "attention", "conv", "window", "global_tokens"}
        return blocks if not self.layers else set() if self.attention == "window" else {"window", "global_tokens"}

    @property
    def span(self) -> tuple[int, int]:
        return (self.window, self.global_tokens) if self.attention == "window" else (0, 0)

    # -- size and cost ----------------------------------------------------------------------------

    def activation_bytes(self, run: Run, inputs: int, outputs: int) -> int:
        """8D for attention with its norm (12D when rotary) and 10D for the MLP with its norm; dropout makes it keep 2D more,
        and the T weights of each head before and after. ALiBi adds three (H, T, T) masks."""
        D, H, L, T = self.width, self.heads, self.layers, run.total_length
        block = (12 if self.positions == "rotary" else 8) * D + (10 * D if self.mlp else 0)
        block += 2 * D + 4 * H * T if self.dropout else 0
        masks = 3 * H * T * T if L and self.positions == "alibi" else 0
        return BYTES * (run.batch * T * (inputs + 3 * D + L * block + 3 * outputs) + masks)

    def flops(self, run: Run, inputs: int, outputs: int) -> int:
        """The causal half of attention is counted as a whole."""
        D, T, L = self.width, run.total_length, self.layers
        block = 4 * D * D + 2 * T * D + (8 * D * D if self.mlp else 0)
        embedding = 0 if run.has_tokens else inputs * D
        return 3 * 2 * run.batch * T * (embedding + L * block + D * outputs)

    def work(self, run: Run, inputs: int, outputs: int) -> Work:
        B, T, D, L, H = run.batch, run.total_length, self.width, self.layers, self.heads
        weights, products = B * H * L * T * T, 3 * 2 * 2 * B * L * T * T * D
        explicit = bool(run.surgery) or self.dropout > 0
        masked = (self.positions == "alibi" or self.attention == "window") and not explicit
        return {
            "kernels": L,
            "numbers": B * T * L * D * ((18 if self.mlp else 8) + 6 * self.conv),
            "rows": B * T * 2 * L,
            "dropped": B * T * D * (2 * L + 1) * (self.dropout > 0),
            "heads": B * H * L * max(1.0, T / 32),
            "embedded": B * T * D,
            "flops": self.flops(run, inputs, outputs) - products,
            "attended": weights * (D / H),
            "explicit": weights * explicit,
            "masked": weights * masked,
            "fused": weights * (not explicit and not masked),
            "mask": H * T * T * L * (self.positions == "alibi"),
            "turned": B * T * L * D * (self.positions == "rotary"),
        }

    def arrays(self, run: Run) -> Iterator[tuple[int, int]]:
        tokens, L, width = run.batch * run.total_length, self.layers, self.width
        yield tokens * width, 8 + 10 * L
        if self.mlp:
            yield tokens * 4 * width, 5 * L
        if run.surgery or self.dropout:
            yield run.batch * self.heads * run.total_length**2, 6 * L

    def update_bytes(self, run: Run, inputs: int, outputs: int) -> float:
        T, D, L, H = run.total_length, self.width, self.layers, self.heads
        block = D * (
            6 + (9.2 if self.positions == "rotary" else 0) + (14.6 if self.mlp else 0) + (9 if self.conv else 0)
        )
        block += 5 * D if self.dropout else 0
        maps = 4.8 * H * T if self.dropout or run.surgery else 0
        masks = (1.1 * L + 1.9) * H * T * T if self.positions == "alibi" else 0
        ends = (4 if L else 2.2) * D
        return BYTES * (run.batch * T * (L * (block + maps) + ends + 4.4 * outputs + 13) + masks)

    def read_bytes(self, run: Run, tokens: int, maps: int) -> float:
        D, H, T = self.width, self.heads, run.total_length
        wide = D * (2 if not self.layers else 10 if self.mlp else 7)
        explicit = run.surgery and self.layers and tokens * H * T <= maps  # of more, none are made
        held = 3 * H * T if explicit else 0
        masks = 4 * H * T * T if self.positions == "alibi" else 0
        return BYTES * (tokens * (wide + held + 6) + masks)
