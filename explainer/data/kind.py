"""What kind of input a run was trained on, and in which ways one of a viewer's own is of another kind.

A network that has to say something at every step has read beginnings of every length up to T; one that answers the adding
problem was asked after T numbers only. So shorter inputs are of the kind of training everywhere but there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from explainer.config import OTHER, RunConfig
from explainer.data.alphabet import alphabet
from explainer.data.series import Series
from explainer.data.symbols import period_of, periods, read_symbols, symbol_names
from explainer.data.typed import Marked, parse_number, read_marked, read_pulses, split_numbers
from explainer.data.windows import training_characters, training_values
from explainer.words import counted, listed

LONGEST = 8
"""Times T that an own input may be long, in a network that can read on."""
MOST_LONGER = 1024
"""Steps of an input that is longer than T, at most: what the longest run may have."""
RARE = 1e-3
"""A repetition that so few of the training sequences have is not of their kind."""
PASSAGES, PASSAGE = 12, 2000  # of the held-out text, and characters of each
RECENT = 240  # values of a series, the last ones


@dataclass(frozen=True)
class Seen:
    """What training shows of a text or a series.

    Attributes:
        characters: the signs that the training part of a text has; `unseen`: those that only the held-out part has.
        passages: stretches of its held-out part, each from the start of a line.
        low, high: of the training values of a series.
        recent: its last values, of which the last `held_out` are not trained on.
        unit: of these; empty where unknown.
    """

    characters: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()
    passages: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    recent: tuple[float, ...] = ()
    held_out: int = 0
    unit: str = ""


def seen_of(config: RunConfig, body: str) -> Seen:
    """What a run sees of what it reads.

    Args:
        body: the text, or the canonical text of the series; "" of a task that reads none.
    """
    if config.task == "text":
        boundary = training_characters(len(body))
        signs, trained = frozenset(alphabet(body).signs), frozenset(body[:boundary])
        unseen = signs - trained - ({OTHER} if trained - signs else set())
        return Seen(signs & trained, unseen, _passages(body[boundary:]))
    if config.task == "forecast":
        series = Series.from_text(body)
        train = series.values[: training_values(len(series.values))]
        held_out = len(series.values) - len(train)
        recent = series.values[-RECENT:]
        return Seen(low=min(train), high=max(train), recent=recent, held_out=held_out, unit=series.measured_in)
    return Seen()


def _passages(held_out: str) -> tuple[str, ...]:
    """Evenly spaced stretches, each from the start of a line where one begins soon."""
    found = []
    for number in range(PASSAGES):
        start = number * len(held_out) // PASSAGES
        line = held_out.find("\n", start, start + PASSAGE)
        found.append(held_out[max(start, line + 1) :][:PASSAGE].strip())
    return tuple(dict.fromkeys(filter(None, found)))


def longest_input(config: RunConfig) -> int:
    """Steps of an own input, at most: T where positions are learned, for there is no row beyond; else up to 8T, and 1,024."""
    T = config.total_length
    if not config.network.reads_on:
        return T
    return max(T, min(LONGEST * T, MOST_LONGER))


def about_input(config: RunConfig, text: str, seen: Seen, until: int | None = None) -> str:
    """What a viewer should know of an input of their own that the run can read: what was drawn for it, and that it is of another kind.

    Args:
        until: the step up to which the input is read, where it is another one whose memory the network goes on with.

    Raises:
        ValueError: it can't be read.
    """
    other = until is not None
    said = []
    if config.task == "adding":
        drawn = read_marked(text, config.length, config.seed).drawn
        sentence = f"{'In the other input ' * other}“…” stands for {counted(drawn, 'number')}, drawn as in training."
        said += [sentence] if drawn else []
    ways = unlike_training(config, text, seen, until)
    if ways:
        whose = f"the other input has, up to t = {until}," if other else "your input has"
        said.append(
            f"Unlike in training, {whose} {listed(ways)}: the answer tells how the network goes beyond what it was "
            "trained on, not how well it learnt."
        )
    return " ".join(said)


def unlike_training(config: RunConfig, text: str, seen: Seen, until: int | None = None) -> list[str]:
    """The ways in which an input differs in kind from those of training, each as what it has; [] where it doesn't.

    Args:
        until: see `about_input`; what comes after this step makes no difference then.

    Raises:
        ValueError: it can't be read.
    """
    end = None if until is None else until + 1
    if config.task == "adding":
        found = read_marked(text, config.length, config.seed)
        return _of_numbers_to_add(found, config.length) if end is None else _of_a_beginning(found, config.length, end)
    if config.task == "flipflop":
        return _of_pulses(read_pulses(text, config["bits"])[:end], config)
    if config.task == "repeat":
        return _of_symbols(read_symbols(text, symbol_names(config["symbols"]))[:end], config)
    if config.task == "text":
        return _of_characters(text.replace("\r\n", "\n")[:end], config, seen)
    if config.task == "forecast":
        return _of_values([parse_number(word) for word in split_numbers(text)][:end], config, seen)
    assert config.task == "copy", config.task  # whose ten symbols are checked where they are read
    return []


def _of_numbers_to_add(found: Marked, T: int) -> list[str]:
    count, ways = len(found.values), []
    if count != T:
        ways.append(f"{counted(count, 'number')} instead of {T:,}")
    ways += _beyond(found.values, 0, 1)
    places = [place for place, mark in enumerate(found.marks) if mark]
    if len(places) != 2:
        ways.append(f"{counted(len(places), 'mark')} instead of 2")
    elif (places[0] < count // 2) == (places[1] < count // 2):
        ways.append(f"both marks in the {'first' if places[0] < count // 2 else 'second'} half instead of one in each")
    return ways


def _of_a_beginning(found: Marked, T: int, count: int) -> list[str]:
    """Of the first `count` numbers: there may be a mark to come, as long as its half of the T is not over."""
    ways = _beyond(found.values[:count], 0, 1)
    for half, start, end in (("first", 0, T // 2), ("second", T // 2, T)):
        marks = sum(found.marks[start : min(end, count)])
        if marks > 1 or (not marks and count >= end):
            ways.append(f"{counted(marks, 'mark')} in the {half} half instead of 1")
    return ways


def _of_pulses(steps: Sequence[Sequence[float]], config: RunConfig) -> list[str]:
    ways = _longer(len(steps), config, "step")
    unset = [bit + 1 for bit, value in enumerate(steps[0]) if not value] if steps else []
    if unset:
        bits = f"bit {unset[0]}" if len(unset) == 1 else f"bits {listed(list(map(str, unset)))}"
        ways.append(f"no pulse of {bits} at the first step, which sets every bit in training")
    return ways


def _of_symbols(tokens: Sequence[int], config: RunConfig) -> list[str]:
    """Consistent with a period of training, or with no more than a beginning of one, is of the kind."""
    T = len(tokens)
    shortest, longest = periods(config.length)
    ways = _longer(T, config, "symbol")
    short = period_of(tokens, 1, min(T // 2, shortest - 1))
    if short is not None and config["symbols"] ** float(short - shortest) < RARE:
        ways.append(f"a repetition after {counted(short, 'symbol')} instead of {shortest:,} to {longest:,}")
    elif T > longest and period_of(tokens, shortest, longest) is None:
        ways.append(f"no repetition instead of one after {shortest:,} to {longest:,} symbols")
    return ways


def _of_characters(text: str, config: RunConfig, seen: Seen) -> list[str]:
    ways = _longer(len(text), config, "character")
    new = [character for character in dict.fromkeys(text) if character in seen.unseen]
    if new:
        which = f"the character {new[0]!r}" if len(new) == 1 else f"{len(new)} characters, such as {new[0]!r},"
        ways.append(f"{which} that the training part of the text never has")
    return ways


def _of_values(values: Sequence[float], config: RunConfig, seen: Seen) -> list[str]:
    ways = _longer(len(values), config, "number")
    return ways if seen.low == seen.high else ways + _beyond(values, seen.low, seen.high, seen.unit)


def _longer(count: int, config: RunConfig, what: str) -> list[str]:
    T = config.total_length
    return [f"{counted(count, what)} instead of at most {T:,}"] if count > T else []


def _beyond(values: Sequence[float], low: float, high: float, unit: str = "") -> list[str]:
    """That values are not between `low` and `high`."""
    off = [value for value in values if not low <= value <= high]
    of = f" {unit}" if unit else ""
    if not off:
        return []
    if min(off) == max(off):
        return [f"a value of {min(off):.6g} instead of {low:.6g} to {high:.6g}{of}"]
    return [f"values from {min(off):.6g} to {max(off):.6g} instead of {low:.6g} to {high:.6g}{of}"]
