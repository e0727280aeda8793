"""What families of blocks on a residual stream share; and those whose blocks attend: heads, maps and an encoding of positions."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from explainer.families.base import Family, Roles, Run
from explainer.parts import knob

ENCODING_NAMES = {
    "none": "None",
    "learned": "Learned",
    "sinusoidal": "Sinusoidal",
    "rotary": "Rotary",
    "alibi": "ALiBi",
}
POSITIONS = tuple(ENCODING_NAMES)


def positions() -> Any:
    """The knob that says how such a network knows the order."""
    return knob("learned", "how the Transformer knows the order", label="Positions", names=ENCODING_NAMES)


def heads() -> Any:
    """The knob of those that attend."""
    return knob(4, "H, attention heads of a block; must divide the width", low=1, high=16, label="Heads")


def mlp(default: bool = True) -> Any:
    """The knob of all that have blocks, as is the next."""
    return knob(default, "blocks have an MLP of width 4D (off: attention only)", label="MLP in each block")


def norm() -> Any:
    return knob(
        "pre",
        "layer norm before or after each residual branch",
        label="Layer norm",
        names={"pre": "before the branch", "post": "after the branch"},
    )


def short_conv(default: int = 0) -> Any:
    """The knob of a short convolution in each channel of what a block reads."""
    return knob(
        default,
        "steps of a short causal convolution in a block (of queries, keys and values where it attends); 0 for none",
        low=0,
        high=4,
        label="Short convolution",
        later=True,
    )


def tied() -> Any:
    return knob(False, "the output projection shares the token embedding's weights", label="Tied embeddings")


class Blocks(Family):
    """L blocks that add to one residual stream, a mixer of steps and an MLP in each; its knobs are these among others."""

    state = "x"
    ways = ("x",)
    site_point: ClassVar[str] = "channels"
    """Of a block, where one site can be switched off."""

    mlp: bool
    dropout: float
    tied: bool
    conv: int
    norm = "pre"
    positions = "none"

    @property
    def span(self) -> tuple[int, int]:
        """w and the global tokens of a sliding window; (0, 0) where every earlier position is seen."""
        return (0, 0)

    def fits(self, run: Any) -> None:
        if self.tied and not run.problem.one_vocabulary:
            why = "says none of the tokens that it reads" if run.has_tokens else "has no tokens"
            raise ValueError(f"tied = True shares the token embedding, and this task {why}. Set tied = false.")

    @property
    def roles(self) -> Roles:
        blocks = range(self.layers)
        after = tuple(f"block.{block}.residual_out" for block in blocks)
        return Roles(
            states=after or ("embedding",),
            entered=tuple(f"block.{block}.residual_in" for block in blocks) or ("embedding",),
            residual=("embedding", *after),
            sites=tuple(f"block.{block}.{self.site_point}" for block in blocks),
        )

    @property
    def depth(self) -> str:
        return f", {self.layers} {'block' if self.layers == 1 else 'blocks'}"

    @property
    def described(self) -> str:
        return f"{self.title}{self.depth}, width {self.width}"

    @property
    @abstractmethod
    def mixing(self) -> int:
        """Parameters of a block's mixer."""

    def parameters(self, run: Run, inputs: int, outputs: int) -> int:
        """Beside its mixer a block has D for the norm before that, and 8D² + D for the MLP with its norm."""
        D, L = self.width, self.layers
        block = self.mixing + D + (8 * D * D + D if self.mlp else 0)
        final_norm = D if L and self.norm == "pre" else 0
        positions = run.total_length * D if self.positions == "learned" else 0
        readout = 0 if self.tied else (D + (0 if run.says_tokens else 1)) * outputs
        return (inputs + (0 if run.has_tokens else 1)) * D + positions + L * block + final_norm + readout


class Attending(Blocks):
    """A family whose heads, maps and encoding of positions can be asked for; its knobs are these among others."""

    site = "head"
    site_point = "heads"

    heads: int

    @property
    def softmax(self) -> bool:
        """Whether a row of weights is the softmax of its scores, and not each score divided by their sum."""
        return True

    def check(self) -> None:
        if self.layers > 0 and self.width % self.heads:
            fitting = [heads for heads in range(1, 17) if self.width % heads == 0]
            raise ValueError(
                f"heads = {self.heads} does not divide width = {self.width}. "
                f"Choose heads from {', '.join(map(str, fitting))}, or another width."
            )
        if self.positions == "rotary" and self.layers > 0 and (self.width // self.heads) % 2:
            raise ValueError(
                f"positions = 'rotary' turns pairs of numbers, and a head of size "
                f"{self.width // self.heads} (width / heads) is odd. Make width / heads even."
            )
        if self.positions == "sinusoidal" and self.width % 2:
            raise ValueError(
                f"positions = 'sinusoidal' needs pairs of sine and cosine: make width = {self.width} even."
            )

    @property
    def roles(self) -> Roles:
        weights = tuple(f"block.{block}.weights" for block in range(self.layers))
        return super().roles._replace(attention=weights)

    @property
    def reads_on(self) -> bool:
        """Where positions are learned there is no row beyond T."""
        return self.positions != "learned"

    @property
    def sites(self) -> int:
        return self.heads

    @property
    def mixing(self) -> int:
        """4D² for queries, keys, values and what the heads add to the stream, 3D for each step of a convolution."""
        return self.width * (4 * self.width + 3 * self.conv)

    @property
    def matrices(self) -> int:
        return (4 if self.mlp else 2) * self.layers + 2
