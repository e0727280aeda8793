"""Copy memory: say ten symbols again after a long wait.

Arjovsky, Shah & Bengio 2016, section 4.1 (after Hochreiter & Schmidhuber 1997).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from explainer.config import RunConfig
from explainer.data import read_symbols, symbol_names
from explainer.tasks.base import Batch, Split, Task, masked_accuracy
from explainer.tasks.copy import CopyProblem
from explainer.theory.baselines import RECALLED, copy_memoryless


class Copy(Task):
    """Ten symbols, `length` steps of waiting, ten steps of recall: T = length + 20 in all.

        in:   s1 … s10  ·  ·  …  ·  ▸  ·  …  ·      (length - 1 blanks, the signal ▸, ten blanks)
        out:  ·  …  ·   ·  ·  …  ·  ·  s1 …  s10    (length + 10 blanks, then the symbols)

    Every step counts. The outputs have all V tokens, though the signal is never right.
    """

    metric = "cross-entropy (nats per step)"
    baseline_name = "no memory: 10 ln(symbols) / (delay + 20)"

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.problem = config.part(CopyProblem)
        self.symbols = symbol_names(self.problem.symbols)
        self.vocabulary = (*self.symbols, "·", "▸")
        self.inputs = self.outputs = len(self.vocabulary)
        self.blank, self.signal = self.problem.symbols, self.problem.symbols + 1
        self.baseline = copy_memoryless(config.length, self.problem.symbols)

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        return self._ask(torch.randint(self.problem.symbols, (size, RECALLED), generator=generator))

    def read(self, text: str) -> Batch:
        """Ten symbols; the waiting and the signal are added."""
        symbols = read_symbols(text, self.symbols)
        if len(symbols) != RECALLED:
            raise ValueError(f"{len(symbols)} symbols can't be copied. Give exactly {RECALLED}.")
        return self._ask(torch.tensor([symbols]))

    def example(self) -> str:
        shown = " ".join(self.axis(self.batch(0, size=1))[:RECALLED])
        return f"The network reads {shown}, waits {self.config.length} steps and then has to say {shown} again."

    def extras(self, output: Float[Tensor, "B T V"], batch: Batch) -> dict[str, float]:
        recall = torch.zeros_like(batch.mask)
        recall[:, -RECALLED:] = True
        return {
            "recall accuracy": masked_accuracy(output, batch, recall),
            "share of the memoryless loss": self.score(output, batch) / self.baseline,
        }

    def _ask(self, symbols: Int[Tensor, "B 10"]) -> Batch:
        x = torch.full((len(symbols), self.total_length), self.blank)
        y = x.clone()
        x[:, :RECALLED] = symbols
        x[:, -RECALLED - 1] = self.signal
        y[:, -RECALLED:] = symbols
        return Batch(x, y, torch.ones_like(x, dtype=torch.bool))
