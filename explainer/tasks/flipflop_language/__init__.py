"""The flip-flop language (Liu et al. 2023, "Exposing attention glitches", section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from explainer.data import Seen
from explainer.parts import knob
from explainer.tasks.problem import Problem, length
from explainer.tasks.words import TaskWords
from explainer.theory.variables import Variable, position, written_bit

INSTRUCTIONS = ("w", "r", "i")


@dataclass(frozen=True, kw_only=True)
class FlipFlopLanguageProblem(Problem):
    """The bit that was written last, past bits that are to be ignored."""

    kind = "flipflop-language"
    title = "Flip-flop language"
    made_by = "explainer.tasks.flipflop_language.draw:FlipFlopLanguage"
    has_tokens = True
    vocabulary = (*INSTRUCTIONS, "0", "1")
    answers = ("0", "1")
    answer = "bit"
    item = "token"
    accuracy = "right bits"
    guesses = {"chance": "guessing either bit"}

    length: int = length("T, tokens of a sequence: instructions, each with a bit behind it")
    ignore: float = knob(
        0.8,
        "share of instructions that say ignore; of the others half write and half read",
        low=0.0,
        high=0.98,
        label="Ignored",
    )

    def check(self) -> None:
        if self.length < 3:
            raise ValueError(f"length = {self.length} has no room to write a bit and read it. Choose at least 3.")

    @property
    def guessed(self) -> int:
        return 2

    @property
    def words(self) -> TaskWords:
        return TaskWords(
            name="the flip-flop language",
            asks="Instructions come, each with a bit behind it: w writes the bit, i is to be ignored together with its bit, and behind r comes the bit that was "
            "written last, which is to be foretold.",
            token="token",
            answers="the bit",
            memory="One bit has to be kept, past any number of bits that must leave no trace.",
            states="Once that is learnt, the state jumps only where a bit is written",
            counted="only the bits behind r count",
            guess="of an even guess between the two",
            attention="At r one has to find the last w, however far back it stands, and to look at nothing else: a little attention to each of many ignored "
            "bits adds up to a glitch.",
            positions="The last w counts, and not the place where it came.",
            typed="Give pairs such as w 1 i 0 i 1 r 1.",
        )

    @property
    def variables(self) -> Mapping[str, Variable]:
        return {"written bit": written_bit, "position": position}

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        pairs = max(2, min(self.length // 2, 12))
        others = rng.choice(INSTRUCTIONS, pairs - 2, p=[(1 - self.ignore) / 2, (1 - self.ignore) / 2, self.ignore])
        kept, said = "", []
        for instruction in ("w", *others, "r"):
            bit = kept if instruction == "r" else str(rng.integers(2))
            kept = bit if instruction == "w" else kept
            said += [instruction, bit]
        return " ".join(said)

    def steps_of(self, text: str) -> Sequence[int]:
        """Instructions and bits in turn, the first of which writes, one of which reads."""
        steps = super().steps_of(text)
        instructions, bits = steps[::2], steps[1::2]
        if steps and (
            max(instructions) > 2 or (bits and min(bits) < 3) or instructions[0] != 0 or 1 not in instructions
        ):
            raise ValueError(
                "That is no sentence of the language. Give instructions (w, r, i) with a bit behind each, a w first and an r somewhere."
            )
        return steps
