"""Repeated random sequences: what came once can be foretold when it comes again.

The task on which induction heads form (Olsson et al. 2022). The period is drawn for each
sequence: with a fixed one, a single layer gets by on positions alone and learns no induction.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from explainer.config import RunConfig
from explainer.data import period_of, periods, repeated_words
from explainer.tasks.base import Batch, Split, Task, masked_mean, next_step, open_ended
from explainer.tasks.repeat import RepeatProblem
from explainer.theory.baselines import chance


class Repeat(Task):
    """s_t = r_{t mod P} with r uniform over the symbols and P uniform in T/4 … T/2; predict s_{t+1} from s_1 … s_t.

    All T steps count in the loss, though the first period can't be known (ln V). The metric
    looks only at steps within the repetition, t >= P counted from 0; the step before them is
    left out as well, since nothing tells that the first period ends there.
    """

    problem: RepeatProblem
    metric = RepeatProblem.accuracy
    lower_is_better = False

    def __init__(self, config: RunConfig, data: str | None = None) -> None:
        super().__init__(config, data)
        self.baseline = chance(self.problem.symbols)

    @property
    def loss_references(self) -> dict[str, float]:
        """Over all T steps, of which the first period can't be known."""
        return dict(self.problem.earlier_references({}))

    def draw(self, generator: torch.Generator, split: Split, size: int) -> Batch:
        T = self.total_length
        shortest, longest = periods(T)
        period = torch.randint(shortest, longest + 1, (size,), generator=generator)
        once = torch.randint(self.problem.symbols, (size, longest), generator=generator)
        batch = next_step(once.gather(1, torch.arange(T + 1) % period[:, None]))
        return Batch(batch.x, batch.y, batch.mask, period)

    def asked(self, steps: Tensor) -> Batch:
        """Its period is found if it repeats itself."""
        T = steps.shape[1]
        period = period_of(steps[0].tolist(), 1, min(T // 2, T - 2))
        return replace(open_ended(steps[0]), period=None if period is None else torch.tensor([period]))

    def example(self) -> str:
        batch = self.batch(0, size=1)
        assert batch.period is not None
        return repeated_words(self.axis(batch), int(batch.period[0]))

    def judged(self, batch: Batch) -> Bool[Tensor, "B T"]:
        """Those within the repetition, or all where no period is known."""
        if batch.period is None:
            return batch.mask
        return batch.mask & (torch.arange(batch.x.shape[1], device=batch.x.device) >= batch.period[:, None])

    def score(self, output: Float[Tensor, "B T V"], batch: Batch) -> float:
        return self.accuracy(output, batch)

    def extras(self, output: Float[Tensor, "B T V"], batch: Batch) -> dict[str, float]:
        loss = self.loss_per_position(output.detach(), batch)
        return {"loss within the repetition (nats)": float(masked_mean(loss, self.judged(batch)))}
