"""What a person types into a box: how much of it, and numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from explainer.data.series import LARGEST

ASKED_CHARACTERS = 2000
"""Of a viewer's own input to a run, at most: an address holds it."""
MARK = "*"
SILENT = "·"

_DECIMAL_COMMA = re.compile(r"[-+−]?\d*,\d+(?:[eE][-+]?\d+)?\*?")
_THOUSANDS = re.compile(r"\d,\d{3}\.\d")
_GAP = re.compile(r"…|\.\.\.")
_STEP = re.compile(r"(?:[+-]\d+)+")


class Marked(NamedTuple):
    """Numbers of which some are marked.

    Attributes:
        values: in their order.
        marks: of each, whether it is marked.
        drawn: how many of them a gap stood for.
    """

    values: tuple[float, ...]
    marks: tuple[bool, ...]
    drawn: int


def read_marked(text: str, length: int, seed: int) -> Marked:
    """Numbers, divided as `split_numbers` says, some of them with a star: `0.3 0.5* … 0.8*`.

    A gap, `…` or three points, stands for unmarked numbers that are drawn evenly from 0.00, 0.01, ..., 1.00, as many as bring
    all to `length`; several share them. What is drawn depends on its place and the seed alone, so it stays when what was
    typed is altered.

    Raises:
        ValueError: something else is in the text.
    """
    parts = _GAP.split(text)
    words = split_numbers(("; " if ";" in text else " ").join(parts))
    counts = [len(part.replace(";", " ").split()) for part in parts]
    if sum(counts) != len(words):
        counts = [len(split_numbers(part)) for part in parts]
    if sum(counts) != len(words):
        raise ValueError(
            f"{text[:40]!r} can be read in more than one way. Write decimals with a point, such as 0.3 0.5* … 0.8*."
        )
    gaps = len(parts) - 1
    missing = max(0, length - len(words)) if gaps else 0
    pool = np.random.default_rng((seed, length)).random(length).round(2).tolist()
    values: list[float] = []
    marks: list[bool] = []
    for number, count in enumerate(counts):
        here, words = words[:count], words[count:]
        values += [parse_number(word.removesuffix(MARK)) for word in here]
        marks += [word.endswith(MARK) for word in here]
        if number < gaps:
            share = missing // gaps + (number < missing % gaps)
            values += pool[len(values) : len(values) + share]
            marks += [False] * share
    return Marked(tuple(values), tuple(marks), missing)


def read_pulses(text: str, bits: int) -> list[list[float]]:
    """Steps between blanks or commas: `·`, `.` or `0` for silence, else signs with the number of the bit.

    `+1-3 · · -1` sets bit 1 and clears bit 3, waits two steps and clears bit 1.

    Raises:
        ValueError: a step is neither silence nor pulses of bits that are there, each once.
    """
    return [_pulses(word, bits) for word in text.replace(",", " ").split()]


def _pulses(word: str, bits: int) -> list[float]:
    """The inputs of one step."""
    if word in (SILENT, ".", "0"):
        return [0.0] * bits
    pulses = re.findall(r"([+-])(\d+)", word) if word.isascii() and len(word) < 40 and _STEP.fullmatch(word) else []
    values = {int(number): 1.0 if sign == "+" else -1.0 for sign, number in pulses}
    if not values or len(values) < len(pulses) or not set(values) <= set(range(1, bits + 1)):
        raise ValueError(
            f"{word[:20]!r} is not a step of {bits} bits. Write a dot for silence, or a sign and a "
            f"number from 1 to {bits} for each pulse, as in “+1 . . -1”."
        )
    return [values.get(bit + 1, 0.0) for bit in range(bits)]


def written_pulses(step: Sequence[float]) -> str:
    """A step in the notation of `read_pulses`."""
    return "".join(f"{value:+.0f}"[0] + str(bit + 1) for bit, value in enumerate(step) if value) or SILENT


def split_numbers(text: str) -> list[str]:
    """The numbers of a text, as words with a decimal point.

    Commas divide numbers, with or without blanks: `1,2,3` and `1, 2` and `1.5,2.5`. Where blanks or
    semicolons divide them and every word has one comma, it is a decimal one: `20,7 17,9` are two
    numbers. Between semicolons some words may lack it: `20,7; 17`.

    Raises:
        ValueError: it can be read in more than one way, such as `20,7 17` or `1,234.5`.
    """
    semicolons = ";" in text
    words = [word for word in re.split(r"[;\n]+" if semicolons else r"\s+", text) if word.strip()]
    words = [word.strip() for word in words]
    inner = [word.strip(",") for word in words if word.strip(",")]
    with_comma = [word for word in inner if "," in word]
    if not with_comma:
        return [part for word in inner for part in word.split()]
    decimal = all(_DECIMAL_COMMA.fullmatch(word) for word in with_comma) and inner == words
    if decimal and (semicolons or (len(words) > 1 and len(with_comma) == len(words))):
        return [word.replace(",", ".") for word in words]
    points = any("." in word for word in words)
    if semicolons or any(map(_THOUSANDS.search, words)) or not (len(words) == 1 or points):
        raise ValueError(
            f"{' '.join(words)[:40]!r} can be read in more than one way. Write decimals with a point, such as 20.7 17.9, "
            "or semicolons between numbers with decimal commas, such as 20,7; 17."
        )
    return [part for word in words for part in word.split(",") if part]


def parse_number(text: str) -> float:
    """The finite number that a person wrote.

    Raises:
        ValueError: it is not a number, not finite, or beyond ±1e30.
    """
    shown = f"{text.strip()[:40]!r}"
    try:
        value = float(text.strip().replace("−", "-"))
        if "_" in text or math.isnan(value):  # Python reads 1_000 and nan as numbers, people don't
            raise ValueError(text)
    except ValueError:
        raise ValueError(f"{shown} is not a number. Write numbers such as 0.25 or 1e-3.") from None
    if abs(value) > LARGEST:
        raise ValueError(f"{shown} is too large. Keep within ±{LARGEST:g}.")
    return value
