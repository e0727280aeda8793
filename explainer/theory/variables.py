"""What a unit may keep track of: variables that can be read off a sequence by a rule, without a network.

Each is one number for every position, known once the token at that position has been read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

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


def first_bit(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """The sign of the last pulse of bit 1 (`+1` or `-1`, alone or beside others); 0 before the first."""
    held, values = 0, np.empty(len(tokens))
    for at, token in enumerate(tokens):
        held = 1 if "+1" in token else -1 if "-1" in token else held
        values[at] = held
    return values


def since_pulse(tokens: Sequence[str]) -> Float[np.ndarray, " T"]:
    """Steps since the last pulse of any bit."""
    return since(tokens, lambda token: "+" in token or "-" in token)


Variable = Callable[[Sequence[str]], Float[np.ndarray, " T"]]

VARIABLES: Mapping[str, Mapping[str, Variable]] = {
    "text": {
        "bracket depth": bracket_depth,
        "inside quotes": inside_quotes,
        "characters since a blank": since_space,
        "characters since the line began": since_line,
    },
    "adding": {"markers seen": markers_seen, "numbers since a marker": since_marker, "position": position},
    "copy": {"position": position},
    "repeat": {"position": position},
    "flipflop": {"bit 1": first_bit, "steps since a pulse": since_pulse, "position": position},
    "forecast": {"position": position},
}
"""Of each task, what is worth looking for."""


def correlation(variable: Float[np.ndarray, " M"], units: Float[np.ndarray, "M N"]) -> Float[np.ndarray, " N"]:
    """Pearson's r of the variable with each unit; 0 for one that never changes, or is not finite."""
    x = np.asarray(variable, np.float64) - np.mean(variable)
    y = np.asarray(units, np.float64)
    y = y - y.mean(axis=0)
    size = np.sqrt((x @ x) * np.einsum("mn,mn->n", y, y))
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (x @ y) / size
    return np.where(np.isfinite(r), np.clip(r, -1.0, 1.0), 0.0)


def probe(
    states: Float[np.ndarray, "M N"], variable: Float[np.ndarray, " M"], seed: int = 0, ridge: float = 1e-2
) -> tuple[float, float]:
    """How well a linear readout of the state tells the variable, and a control (Hewitt & Liang 2019).

    Ridge regression on a random half of the samples, R^2 on the other half; the control does the
    same with the variable's values shuffled among the samples, so that it can only memorise.

    Args:
        states: standardised inside.
        variable: its value at each sample.
        seed: of the halves and the shuffling.
        ridge: penalty relative to the number of samples.

    Returns:
        (R^2, R^2 of the control); (0, 0) if the variable does not change.
    """
    states = np.asarray(states, np.float64)
    variable = np.asarray(variable, np.float64)
    M = len(variable)
    if M < 4 or variable.std() == 0 or not np.isfinite(states).all():
        return 0.0, 0.0
    spread = states.std(axis=0)
    design = np.column_stack([(states - states.mean(axis=0)) / np.where(spread > 0, spread, 1.0), np.ones(M)])
    random = np.random.default_rng(seed)
    order = random.permutation(M)
    shuffled = variable[random.permutation(M)]
    train, test = order[: M // 2], order[M // 2 :]
    gram = design[train].T @ design[train] + ridge * len(train) * np.eye(design.shape[1])

    def score(target: Float[np.ndarray, " M"]) -> float:
        rest = target[test] - design[test] @ np.linalg.solve(gram, design[train].T @ target[train])
        total = ((target[test] - target[test].mean()) ** 2).sum()
        return float(1 - (rest**2).sum() / total) if total > 0 else 0.0

    return score(variable), score(shuffled)
