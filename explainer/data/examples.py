"""Inputs that a viewer may type into a run: of the length, the range and the symbols that it was trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from explainer.config import ASKED_CHARACTERS, OTHER, RunConfig
from explainer.data.kind import Seen
from explainer.data.symbols import periods, symbol_names
from explainer.data.typed import MARK, written_pulses

COPIED = 10  # symbols of the copy task
WHOLE = 10  # numbers that are written out; of more, those beside the marks
PULSES, PULSE = 8, 0.25  # steps of a flip-flop, and how often one has a pulse
VALUES, CHARACTERS = 12, 60  # of a series and of a text, at most
LINE = 8  # characters that a line has at least where there are such lines


def typed_examples(config: RunConfig, seen: Seen, count: int = 8) -> tuple[str, ...]:
    """Some inputs of the kind that a run was trained on, as a viewer may type them; () where its data is not here.

    They are always the same ones. Text and series are taken from the part that is held out.

    Args:
        count: how many at most.
    """
    found = (_EXAMPLES[config.task](config, seen, np.random.default_rng(number)) for number in range(count))
    return tuple(dict.fromkeys(example for example in found if example))


def passages(config: RunConfig, seen: Seen, times: int) -> tuple[str, ...]:
    """Held-out text of up to `times` times T characters, and one."""
    most = min(times * config.length + 1, ASKED_CHARACTERS)
    return tuple(passage[:most] for passage in seen.passages if OTHER not in passage[:most])


def _copy(config: RunConfig, seen: Seen, rng: np.random.Generator) -> str:
    return " ".join(_drawn(config, rng, COPIED))


def _adding(config: RunConfig, seen: Seen, rng: np.random.Generator) -> str:
    """All T numbers, or a few at both ends with a gap between."""
    T = config.length
    numbers = [f"{value:g}" for value in rng.random(min(T, WHOLE)).round(2)]
    if T <= WHOLE:
        first, second = rng.integers(T // 2), rng.integers(T // 2, T)
        return " ".join(number + MARK * (place in (first, second)) for place, number in enumerate(numbers))
    head, tail = numbers[: 1 + rng.integers(3)], numbers[-1 - rng.integers(3) :]
    for end in (head, tail):
        end[rng.integers(len(end))] += MARK
    return " ".join((*head, "…", *tail))


def _repeat(config: RunConfig, seen: Seen, rng: np.random.Generator) -> str:
    """One period and the next, and what of the third a box holds and training had."""
    shortest, longest = periods(config.length)
    period = int(rng.integers(shortest, min(shortest + 2, longest) + 1))
    once = _drawn(config, rng, period)
    whole = " ".join((once * 3)[: min(config.length, 2 * period + 2)])
    return whole if len(whole) <= ASKED_CHARACTERS else whole[:ASKED_CHARACTERS].rpartition(" ")[0]


def _flipflop(config: RunConfig, seen: Seen, rng: np.random.Generator) -> str:
    """The first step sets every bit."""
    shape = (min(config.length, PULSES), config["bits"])
    pulses = rng.random(shape) < PULSE
    pulses[0] = True
    return " ".join(map(written_pulses, (rng.choice([-1.0, 1.0], shape) * pulses).tolist()))


def _text(config: RunConfig, seen: Seen, rng: np.random.Generator) -> str:
    """The beginning of a line, without characters that training never has."""
    if not seen.passages:
        return ""
    lines = [line.strip() for line in seen.passages[rng.integers(len(seen.passages))].split("\n")]
    fitting = [line[: min(CHARACTERS, config.length)].strip() for line in lines]
    fitting = [line for line in fitting if len(line) >= 2 and set(line) <= seen.characters - {OTHER}]
    longer = [line for line in fitting if len(line) >= min(LINE, config.length)]
    return (longer or fitting or [""])[0]


def _forecast(config: RunConfig, seen: Seen, rng: np.random.Generator) -> str:
    """Values behind each other that lie within those of training, held-out ones where there are such."""
    count = min(config.length, VALUES)
    starts = rng.permutation(max(0, len(seen.recent) - count + 1))
    trained = starts < len(seen.recent) - seen.held_out
    for start in (*starts[~trained], *starts[trained]):
        values = seen.recent[start : start + count]
        if all(seen.low <= value <= seen.high for value in values):
            return " ".join(map(_written, values))
    return ""


def _written(value: float) -> str:
    """The shortest text that is exactly this number."""
    short = f"{value:.10g}"
    return short if float(short) == value else repr(value)


def _drawn(config: RunConfig, rng: np.random.Generator, count: int) -> list[str]:
    names = symbol_names(config["symbols"])
    return [names[number] for number in rng.integers(len(names), size=count)]


_EXAMPLES: dict[str, Callable[[RunConfig, Seen, np.random.Generator], str]] = {
    "copy": _copy,
    "adding": _adding,
    "repeat": _repeat,
    "flipflop": _flipflop,
    "text": _text,
    "forecast": _forecast,
}
