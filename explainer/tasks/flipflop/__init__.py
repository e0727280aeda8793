"""The flip-flop (Sussillo & Barak 2013)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from explainer.data import Seen, read_pulses, written_pulses
from explainer.parts import knob
from explainer.tasks.problem import Memories, Problem, length
from explainer.tasks.words import TaskWords, small
from explainer.theory.variables import Variable, bit, position, since_pulse
from explainer.words import counted, listed, plural

PULSES, PULSE = 8, 0.25
"""Steps of an example, and how often one has a pulse."""


@dataclass(frozen=True, kw_only=True)
class FlipFlopProblem(Problem):
    """Hold the sign of the last pulse, for several bits at once."""

    kind = "flipflop"
    title = "Flip-flop"
    made_by = "explainer.tasks.flipflop.draw:FlipFlop"
    first_of = "bit 1"
    accuracy = "share of right signs"
    guesses = {"no memory: (1 - p)(T - 1) / T": "guessing without a memory"}
    drawing = 1e-7

    length: int = length("T, steps of a sequence")
    bits: int = knob(
        3, "bits that the flip-flop holds, each with an input and an output of its own", low=1, high=6, label="Bits"
    )

    def sizes(self, body: Callable[[], str]) -> tuple[int, int]:
        return self.bits, self.bits

    @property
    def words(self) -> TaskWords:
        one, bits = self.bits == 1, self.bits
        pulses = "+1 · · -1" if bits < 3 else "+1+2+3 · · -2"
        return TaskWords(
            name="the flip-flop",
            asks=f"{small(bits).capitalize()} {'bit has' if one else 'bits each have'} an input that is silent most of the time and now "
            "and then says +1 or −1 (a pulse), and an output that must go on saying the last of these.",
            token="step",
            answers="the bit" if one else "the bits",
            memory=f"One of {'two' if one else f'$2^{bits} = {2**bits}$'} memories has to be kept while nothing comes in.",
            states="Once that is learnt, columns between two pulses are alike, and the state jumps where a pulse flips a bit",
            guess="of a guesser that knows the pulse of this step, if there is one, and none before",
            attention="Each position has to find the last pulse of each bit.",
            positions="The last pulse of a bit counts, not the place where it came: see whether late positions become unlike early ones.",
            typed=f"Type pulses of your own, such as `{pulses}`: a sign, then the number of the bit; a dot is a silent step.",
        )

    @property
    def variables(self) -> Mapping[str, Variable]:
        bits = {f"bit {number}": bit(number) for number in range(1, self.bits + 1)}
        return {**bits, "steps since a pulse": since_pulse, "position": position}

    @property
    def memories(self) -> Memories:
        count = 2**self.bits
        needed = f"{counted(self.bits, 'bit')} {'needs' if self.bits == 1 else 'need'} {count} memories"
        return Memories(count, 3**self.bits, needed, _cube(self.bits))

    def example(self, seen: Seen, rng: np.random.Generator) -> str:
        """The first step sets every bit."""
        shape = (min(self.length, PULSES), self.bits)
        pulses = rng.random(shape) < PULSE
        pulses[0] = True
        return " ".join(map(written_pulses, (rng.choice([-1.0, 1.0], shape) * pulses).tolist()))

    def steps_of(self, text: str) -> list[list[float]]:
        return read_pulses(text, self.bits)

    def odd(self, steps: Sequence[list[float]], seen: Seen) -> list[str]:
        unset = [str(bit + 1) for bit, value in enumerate(steps[0]) if not value] if steps else []
        bits = f"{plural(len(unset), 'bit')} {listed(unset)}"
        return [f"no pulse of {bits} at the first step, which sets every bit in training"] if unset else []


def _cube(bits: int) -> str:
    """How 2^bits memories and the points between them can lie, as a cube of `bits` dimensions has them.

    Of an n-cube: 2^n corners, n 2^(n-1) edges, and 3^n places in all (corners, edges, faces … and the middle).
    """
    corners, edges, places = 2**bits, bits * 2 ** (bits - 1), 3**bits
    if bits == 1:
        return "the two ends of a line, with one saddle between them: a pulse that flips the bit has to carry the state across it"
    figure = {2: "a bent square", 3: "a bent cube"}.get(bits, f"a bent cube of {bits} dimensions")
    more = places - corners - edges
    rest = "one more may lie in the middle" if more == 1 else f"{more} more may lie on its faces and in the middle"
    return (
        f"the {corners} corners of {figure}, with a **saddle** on each of its {edges} edges, for a pulse that flips one bit has to "
        f"carry the state across it; {rest}, {places} in all"
    )
