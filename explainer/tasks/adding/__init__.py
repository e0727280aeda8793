"""The adding problem (Hochreiter & Schmidhuber 1997; Le et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.tasks.problem import Problem, length


@dataclass(frozen=True, kw_only=True)
class AddingProblem(Problem):
    """Of T numbers two are marked; the answer after the last one is their sum."""

    kind = "adding"
    title = "Adding problem"
    made_by = "explainer.tasks.adding.draw:Adding"

    length: int = length("T, how many numbers a sequence has")
