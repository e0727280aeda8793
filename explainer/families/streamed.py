"""Blocks whose mixer carries a state of fixed size from step to step, so that what they cost grows with T and no faster."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from explainer.families.attending import Blocks
from explainer.families.base import BYTES, Roles, Run, Work
from explainer.parts import knob


def d_state() -> Any:
    """The knob of the state spaces."""
    return knob(8, "N, numbers of state in each channel", low=1, high=64, label="State in each channel")


class Streamed(Blocks):
    """A family of such blocks; one that does not attend has maps all the same. What it costs follows from three numbers of its mixer.

    Attributes:
        prices, read_prices: as of any family; "mixed" of what the mixer makes.
    """

    @property
    @abstractmethod
    def mixed(self) -> int:
        """Numbers that a mixer makes of a token and holds for its backward pass."""

    @property
    @abstractmethod
    def multiplied(self) -> int:
        """Multiplications of a mixer for a token."""

    @property
    def roles(self) -> Roles:
        found = super().roles
        return found._replace(linear=self.layers > 0 and not found.attention)

    def explicit(self, run: Run) -> int:
        """Numbers that the mixers make of a batch beside, in all."""
        return 0

    def idle(self) -> set[str]:
        return set() if self.layers else {"mlp", "norm", "conv"}

    # -- size and cost ----------------------------------------------------------------------------

    def _held(self, run: Run, inputs: int, outputs: int) -> int:
        """Numbers that an update holds, beside the explicit ones."""
        D, block = (
            self.width,
            self.mixed + (12 if self.mlp else 2) * self.width + (2 * self.width if self.dropout else 0),
        )
        return run.batch * run.total_length * (inputs + 4 * D + self.layers * block + 4 * outputs + 13)

    def activation_bytes(self, run: Run, inputs: int, outputs: int) -> int:
        """What the mixer holds, 2D of the norm and the stream and 10D of the MLP; dropout makes it keep 2D more."""
        return BYTES * (self._held(run, inputs, outputs) + self.explicit(run))

    def flops(self, run: Run, inputs: int, outputs: int) -> int:
        D = self.width
        block = self.multiplied + (8 * D * D if self.mlp else 0)
        embedding = 0 if run.has_tokens else inputs * D
        return 3 * 2 * run.batch * run.total_length * (embedding + self.layers * block + D * outputs)

    def work(self, run: Run, inputs: int, outputs: int) -> Work:
        tokens, L, D = run.batch * run.total_length, self.layers, self.width
        return {
            "kernels": self.follows(run) or L,
            "numbers": tokens * L * D * (14 if self.mlp else 4),
            "mixed": tokens * L * self.mixed,
            "rows": tokens * 2 * L,
            "dropped": tokens * D * (2 * L + 1) * (self.dropout > 0),
            "embedded": tokens * D,
            "flops": self.flops(run, inputs, outputs),
            "explicit": self.explicit(run),
        }

    def arrays(self, run: Run) -> Iterator[tuple[int, int]]:
        tokens, L = run.batch * run.total_length, self.layers
        yield tokens * self.width, 8 + 8 * L
        if self.mlp:
            yield tokens * 4 * self.width, 5 * L
        if self.layers and self.explicit(run):
            yield self.explicit(run) // L, 2 * L

    def update_bytes(self, run: Run, inputs: int, outputs: int) -> float:
        return BYTES * (self._held(run, inputs, outputs) + self.explicit(run))

    def read_bytes(self, run: Run, tokens: int, maps: int) -> float:
        wide = max(self.mixed, 10 * self.width if self.mlp else 7 * self.width)
        return BYTES * tokens * (wide + 6)
