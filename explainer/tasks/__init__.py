"""What is to be learnt, without torch. A new task is a folder here and a line in `TASKS`; its torch half is `draw`."""

from __future__ import annotations

from explainer.extensions import more
from explainer.tasks.adding import AddingProblem
from explainer.tasks.brackets import BracketsProblem
from explainer.tasks.copy import CopyProblem
from explainer.tasks.count import CountProblem
from explainer.tasks.flipflop import FlipFlopProblem
from explainer.tasks.flipflop_language import FlipFlopLanguageProblem
from explainer.tasks.forecast import ForecastProblem
from explainer.tasks.parity import ParityProblem
from explainer.tasks.problem import OfData, Problem
from explainer.tasks.recall import RecallProblem
from explainer.tasks.repeat import RepeatProblem
from explainer.tasks.selective import SelectiveProblem
from explainer.tasks.string import StringProblem
from explainer.tasks.text import TextProblem
from explainer.tasks.word_problem import WordProblem

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
        ParityProblem,
        WordProblem,
        RecallProblem,
        SelectiveProblem,
        StringProblem,
        FlipFlopLanguageProblem,
        BracketsProblem,
        CountProblem,
        *more("tasks"),
    )
}
DEFAULT = AddingProblem.kind
"""What a run learns where nobody says."""
