"""Numbers that a person types into a box."""

from __future__ import annotations

import math
import re

from explainer.data.series import LARGEST

_DECIMAL_COMMA = re.compile(r"[-+−]?\d*,\d+(?:[eE][-+]?\d+)?\*?")
_THOUSANDS = re.compile(r"\d,\d{3}\.\d")


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
