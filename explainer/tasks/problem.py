"""What a task says of itself without torch: its knobs, what goes in and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from explainer.parts import Part, knob
from explainer.theory.variables import Variable, variables


def length(meaning: str = "T, time steps of a sequence; for `copy` the delay between symbols and recall") -> Any:
    """T of a task."""
    return knob(30, "task", meaning, low=2, high=1024, label="Length T")


def symbols(meaning: str = "distinct symbols to copy or repeat") -> Any:
    """How many made-up tokens there are."""
    return knob(8, "task", meaning, low=2, high=256, label="Symbols")


@dataclass(frozen=True, kw_only=True)
class Problem(Part):
    """What is to be learnt, and one setting of it.

    Attributes:
        kind, title: see `Part`.
        made_by: module and class of its torch half, a `tasks.base.Task`.
        has_tokens: whether what goes in is tokens of a vocabulary, else real numbers.
        windows: whether sequences are windows of one long text, so that longer ones can be read, and a place looked for in it.
        reads: what of a user's own it can learn from: "text", "series" or nothing.
    """

    made_by: ClassVar[str]
    has_tokens: ClassVar[bool] = False
    windows: ClassVar[bool] = False
    reads: ClassVar[str] = ""

    length: int = length()

    @property
    def variables(self) -> Mapping[str, Variable]:
        """What is worth looking for in a network that learns it, by name."""
        return variables(self.kind, getattr(self, "bits", 0))

    @property
    def total_length(self) -> int:
        """T as the model sees it."""
        return self.length


@dataclass(frozen=True, kw_only=True)
class OfData(Problem):
    """A task that learns from a text or a series, the user's own or one that comes with Python or with the app."""

    data: str = knob(
        "",
        "task",
        "SHA-256 of the user's own text or series; empty for the default one",
        label="Data",
        form=("[0-9a-f]{64}", "a SHA-256 in 64 hex digits"),
    )
