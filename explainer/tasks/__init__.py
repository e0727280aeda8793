"""What is to be learnt, without torch. A new task is a folder here and a line in `TASKS`; its torch half is `draw`."""

from __future__ import annotations

from explainer.extensions import more
from explainer.tasks.adding import AddingProblem
from explainer.tasks.copy import CopyProblem
from explainer.tasks.flipflop import FlipFlopProblem
from explainer.tasks.forecast import ForecastProblem
from explainer.tasks.problem import OfData, Problem
from explainer.tasks.repeat import RepeatProblem
from explainer.tasks.text import TextProblem

__all__ = ["DEFAULT", "TASKS", "OfData", "Problem"]

TASKS: dict[str, type[Problem]] = {
    problem.kind: problem
    for problem in (
        CopyProblem,
        AddingProblem,
        RepeatProblem,
        TextProblem,
        ForecastProblem,
        FlipFlopProblem,
        *more("tasks"),
    )
}
DEFAULT = AddingProblem.kind
"""What a run learns where nobody says."""
