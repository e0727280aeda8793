"""The next character of a real text."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.tasks.problem import OfData, length


@dataclass(frozen=True, kw_only=True)
class TextProblem(OfData):
    """Each character from those before it."""

    kind = "text"
    title = "Next character"
    made_by = "explainer.tasks.text.draw:Text"
    has_tokens = True
    windows = True
    reads = "text"

    length: int = length("T, characters of a sequence")
