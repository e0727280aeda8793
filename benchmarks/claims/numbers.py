"""Numbers in plain English: where they are in a sentence, and what they are worth."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "half": 0.5, "twice": 2, "double": 2, "third": 1 / 3, "quarter": 0.25,
    "tenth": 0.1, "twentieth": 0.05, "hundredth": 0.01, "thousandth": 0.001, "hundred": 100, "thousand": 1000,
    "million": 1e6, "tenfold": 10, "hundredfold": 100, "thousandfold": 1000, "single": 1, "nine tenths": 0.9, "two thirds": 2 / 3,
    "three quarters": 0.75, "ten million": 1e7, "a hundred": 100, "a thousand": 1000,
}  # fmt: skip
"""In words. "One" is left out: it is a pronoun nearly everywhere."""

_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_DIGITS = r"\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?|\.\d+"
_RAISED_TO = r"[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+"
_NUMBER = re.compile(
    rf"(?<![\w.])(?P<sign>[−-](?=[\d.]))?"
    rf"(?:(?P<one>{_DIGITS})/(?P<other>{_DIGITS})"
    rf"|(?:(?P<mantissa>{_DIGITS})·)?10(?P<power>{_RAISED_TO})"
    rf"|(?P<plain>{_DIGITS})(?:e(?P<exponent>[−-]?\d+))?(?P<raised>{_RAISED_TO})?)"
    rf"(?P<percent>\s?%)?"
    rf"|\b(?P<word>{'|'.join(sorted(WORDS, key=len, reverse=True))})(?:s|th|ths)?\b",
    re.IGNORECASE,
)


class Number(NamedTuple):
    """One number of a text.

    Attributes:
        start: its place, `end` the one after it.
        value: what it is worth; a percentage as a share.
        unit: what its last digit is worth; 0 of a word, a fraction, or a whole power, which are exact.
    """

    start: int
    end: int
    value: float
    unit: float


def numbers(text: str) -> list[Number]:
    """All of a text, in their order."""
    return [_number(match) for match in _NUMBER.finditer(text)]


def _number(match: re.Match[str]) -> Number:
    groups = match.groupdict()
    if groups["word"]:
        return Number(match.start(), match.end(), WORDS[groups["word"].lower()], 0.0)
    if groups["one"]:
        value, unit = float(Fraction(_plain(groups["one"])) / Fraction(_plain(groups["other"]))), 0.0
    elif groups["power"]:
        scale = 10.0 ** int(groups["power"].translate(_RAISED))
        mantissa = groups["mantissa"]
        value, unit = float(_plain(mantissa or "1")) * scale, (_unit(mantissa) if mantissa else 0.0) * scale
    else:
        scale = 10.0 ** int((groups["exponent"] or "0").replace("−", "-"))
        value, unit = float(_plain(groups["plain"])) * scale, _unit(groups["plain"]) * scale
        if groups["raised"]:
            value, unit = value ** int(groups["raised"].translate(_RAISED)), 0.0
    share = 0.01 if groups["percent"] else 1.0
    return Number(match.start(), match.end(), (-value if groups["sign"] else value) * share, unit * share)


def _plain(digits: str) -> str:
    return digits.replace(",", "")


def _unit(digits: str) -> float:
    """What the last digit is worth: .01 of 0.23, 1 of 5,050."""
    return 10.0 ** -len(digits.partition(".")[2])
