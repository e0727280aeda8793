"""What a page says of a task. Pages put these words into their own sentences, so that what stands below a run is about that run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TaskWords:
    """The words of one task; numbers in them follow from its settings.

    Attributes:
        name: as the menu has it, within a sentence.
        asks: what is read and what is to be answered; one or two sentences.
        token: what is read at one step.
        answers: what the network says at a step, within a sentence.
        memory: what a recurrent state has to carry; one sentence.
        states: what to look for in a picture of the states once the task is learnt; one sentence.
        counted: at which steps an answer counts; within a sentence.
        guess: what the dotted line of the loss stands for, within a sentence.
        attention: what there is to find for a head, whether any does; one or two sentences.
        positions: what a table of positions may be good for; one sentence.
        typed: how to type an input of one's own, where the example alone does not tell; one sentence.
    """

    name: str
    asks: str
    token: str
    answers: str
    memory: str
    states: str
    guess: str
    attention: str
    positions: str
    counted: str = "every step counts"
    typed: str = ""


def small(number: int) -> str:
    """Numbers up to ten as words."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if number < len(words) else f"{number:,}"
