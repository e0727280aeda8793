"""What a unit may keep track of: variables that can be read off a sequence by a rule, without a network.

Each is one number for every position, known once the token at that position has been read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

Variable = Callable[[Sequence[str]], Float[np.ndarray, " T"]]

OPENING, CLOSING, QUOTES = "([{", ")]}", "'\"`"


def position(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """How many tokens have been read."""
    return np.arange(1, len(tokens) + 1, dtype=np.float64)


def bracket_depth(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """Brackets that are open: +1 at ( [ {, -1 at ) ] }, never below 0."""
    depth, depths = 0, np.empty(len(tokens))
    for at, token in enumerate(tokens):
        depth = max(0, depth + (token in OPENING) - (token in CLOSING)) if len(token) == 1 else depth
        depths[at] = depth
    return depths


def inside_quotes(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """1 between a quotation mark and the next one of its kind, else 0; a newline ends a quotation."""
    opened, inside = "", np.empty(len(tokens))
    for at, token in enumerate(tokens):
        if opened:
            opened = "" if token in (opened, "\n", "⏎") else opened
        elif len(token) == 1 and token in QUOTES:
            opened = token
        inside[at] = bool(opened)
    return inside


def since(tokens: Sequence[str], marks: Callable[[str], bool]) -> Float[np.ndarray, " T"]:
    """Tokens since the last marked one (0 on it); before the first, since the beginning."""
    count, counts = 0, np.empty(len(tokens))
    for at, token in enumerate(tokens):
        count = 0 if marks(token) else count + 1
        counts[at] = count
    return counts


def since_marker(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """Numbers since the last starred one."""
    return since(tokens, lambda token: token.endswith("*"))


def markers_seen(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """Starred numbers so far."""
    return np.cumsum([token.endswith("*") for token in tokens]).astype(np.float64)


def since_space(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """Characters since the last blank: how far into a word."""
    return since(tokens, lambda token: token in (" ", "␣", "\n", "⏎"))


def since_line(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """Characters since the line began."""
    return since(tokens, lambda token: token in ("\n", "⏎"))


def bit(number: int) -> Variable:
    """The sign of the last pulse of one bit (`+1` or `-1` of bit 1, alone or beside others); 0 before the first."""

    def held(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
        sign, values = 0, np.empty(len(tokens))
        for at, token in enumerate(tokens):
            sign = 1 if f"+{number}" in token else -1 if f"-{number}" in token else sign
            values[at] = sign
        return values

    return held


def since_pulse(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """Steps since the last pulse of any bit."""
    return since(tokens, lambda token: "+" in token or "-" in token)


def ones_so_far(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """How many ones have been read."""
    return np.cumsum([token == "1" for token in tokens]).astype(np.float64)


def parity(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """1 where that is odd, else 0."""
    return ones_so_far(tokens) % 2


def written_bit(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """The bit behind the last w, as -1 or 1; 0 before it."""
    sign, values, writes = 0, np.empty(len(tokens)), False
    for at, token in enumerate(tokens):
        sign, writes = (1 if token == "1" else -1) if writes else sign, token == "w"
        values[at] = sign
    return values


CALLED: Mapping[str, str] = {
    "markers seen": "starred numbers so far",
    "numbers since a marker": "numbers since a star",
    "position": "place in the sequence",
}


def called(name: str) -> str:
    """What a page calls a variable: records have kept its first name."""
    return CALLED.get(name, name)
