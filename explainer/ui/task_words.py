"""The words of a task in one place: what is read and asked, what it demands of a memory, and what to look for in a picture.

Pages put them into their own sentences, so that what stands below a run is about that run. Numbers follow from its settings.
"""

from __future__ import annotations

from dataclasses import dataclass

from explainer.config import KNOBS, RunConfig
from explainer.theory.baselines import RECALLED
from explainer.theory.variables import called, variables
from explainer.words import listed, plural


@dataclass(frozen=True)
class TaskWords:
    """What a page says of a task.

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
    """

    name: str
    asks: str
    token: str
    answers: str
    memory: str
    states: str
    counted: str
    guess: str
    attention: str


def words_of(config: RunConfig) -> TaskWords:
    """The words of a run's task."""
    return {
        "adding": _adding,
        "copy": _copy,
        "repeat": _repeat,
        "flipflop": _flipflop,
        "text": _text,
        "forecast": _forecast,
    }[config.task](config)


def _adding(config: RunConfig) -> TaskWords:
    return TaskWords(
        name="the adding problem",
        asks=f"Of {config.total_length} numbers two carry a star, one in each half, and the answer after the last one is their sum.",
        token="number",
        answers="the sum",
        memory="The first starred number has to be carried to the end, past all those that do not count.",
        states="Once the sum is learnt, the state changes at the two starred columns and changes less between them",
        counted="only the last step counts",
        guess="of guessing the mean sum, 1, every time",
        attention="The last position has to find the two starred numbers. No number comes twice, so there is nothing to find by its likeness.",
    )


def _copy(config: RunConfig) -> TaskWords:
    return TaskWords(
        name="copy memory",
        asks=f"{_count(RECALLED).capitalize()} symbols are read, then nothing (·) for {config.length - 1} steps, then the signal ▸; "
        f"then the {_count(RECALLED)} are to be said again in their order.",
        token="symbol",
        answers="the symbol to say",
        memory=f"All {_count(RECALLED)} symbols have to be carried through the silence, for {config.length + RECALLED} steps each.",
        states="Once that is learnt, columns differ by what the first ten were, all through the silence",
        counted="every step counts, the silent ones too",
        guess="of a guesser that says · until the signal and then any symbol",
        attention=f"After the signal each position has to find the symbol that was read {config.length + RECALLED} steps before.",
    )


def _repeat(config: RunConfig) -> TaskWords:
    shortest, longest = -(-config.length // 4), config.length // 2
    return TaskWords(
        name="repetition",
        asks=f"Random symbols come, {shortest} to {longest} of them, then the same again and again. At each step the next one is to be "
        "foretold. How soon they repeat is drawn anew for each sequence, so counting positions does not help.",
        token="token",
        answers="the next token",
        memory=f"The whole first round has to be carried, up to {longest} symbols in their order.",
        states="A column that knows the round differs from others that end in the same symbol",
        counted="every step counts, though nobody can foretell the first round",
        guess="of an even guess over all symbols",
        attention="To foretell the next token one must **find where the present token stood before and read what came after it**.",
    )


def _flipflop(config: RunConfig) -> TaskWords:
    bits = config["bits"]
    return TaskWords(
        name="the flip-flop",
        asks=f"{_count(bits).capitalize()} {'bit has' if bits == 1 else 'bits each have'} an input that is silent most of the time and now "
        "and then says +1 or −1 (a pulse), and an output that must go on saying the last of these.",
        token="step",
        answers=f"the {plural(bits, 'bit')}",
        memory=f"One of {_power(bits)} memories has to be kept while nothing comes in.",
        states="Once that is learnt, columns between two pulses are alike, and the state jumps where a pulse flips a bit",
        counted="every step counts",
        guess="of a guesser that knows the pulse of this step, if there is one, and none before",
        attention="Each position has to find the last pulse of each bit.",
    )


def _text(config: RunConfig) -> TaskWords:
    return TaskWords(
        name="a text",
        asks="A text is read character by character, and at each the next one is to be foretold.",
        token="character",
        answers="the next character",
        memory="What helps is to know the last few characters, the word so far, and whatever is still open.",
        states="Look for units that change at blanks or at the end of a line, and keep their value in between",
        counted="every step counts",
        guess="of guesses by the frequencies of characters, alone or after the last one or two",
        attention="What comes next may follow from the last few characters, or from an earlier place where the same ones stood.",
    )


def _forecast(config: RunConfig) -> TaskWords:
    series = "Your series" if config.data else "The yearly number of sunspots"
    return TaskWords(
        name="a series",
        asks=f"{series} is read value by value, and at each the next one is to be foretold.",
        token="value",
        answers="the next value",
        memory="What helps is to know the last few values: whether they rise or fall, and how fast.",
        states="Look for units that go up and down with the series, or before it",
        counted="every step counts in training; of a validation sequence the last one does",
        guess="of repeating the last value, and that of a linear fit to the last nine",
        attention="What comes next follows from the last few values, and from those one cycle before if the series has one.",
    )


def _count(number: int) -> str:
    """Small numbers as words."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if number < len(words) else f"{number:,}"


def _power(bits: int) -> str:
    """ "$2^3 = 8$"; of one bit "two"."""
    return "two" if bits == 1 else f"$2^{bits} = {2**bits}$"


# -- in sentences -----------------------------------------------------------------------------


def rules_of(config: RunConfig) -> str:
    """The variables that a rule without a network can read off a sequence of this task, as a list in a sentence."""
    return listed([f"“{called(name)}”" for name in variables(config.task, config["bits"])], "or")


def shape_of_memories(bits: int) -> str:
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


# -- beside the controls ----------------------------------------------------------------------


def label_of(name: str, label: str, task: str) -> str:
    """What a control is called while `task` is chosen: the length of copy memory is its delay."""
    return "Delay" if (name, task) == ("length", "copy") else label


HELP = {
    "copy": {
        "length": "steps of waiting between the ten symbols and the signal to say them; the sequence has 20 more",
        "symbols": "how many different symbols there are to copy",
    },
    "adding": {"length": "T, how many numbers a sequence has"},
    "repeat": {"length": "T, tokens of a sequence", "symbols": "how many different symbols there are"},
    "flipflop": {"length": "T, steps of a sequence"},
    "text": {"length": "T, characters of a sequence"},
    "forecast": {"length": "T, values of a sequence"},
}
"""Of each task what a control's help says, where that is not the same for all."""


def help_of(name: str, task: str) -> str:
    """What a control's help says while `task` is chosen."""
    return HELP.get(task, {}).get(name, str(KNOBS[name].metadata["meaning"]))
