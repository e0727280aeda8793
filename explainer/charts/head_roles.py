"""What makes a role of a head, in numbers and in words: the only place."""

from __future__ import annotations

import math
from collections.abc import Mapping

STRONG = 0.5
"""A head has a role if its score is at least this: half of its attention, in the mean."""

ABOVE = 2.0
"""... and at least so many times what it would be by chance: no more than half of it may be chance."""

RULE = f"a score of {STRONG:g} or more, at least twice that of chance"

CALLED = {
    "previous_token": ("previous", "previous-token head"),
    "prefix_matching": ("induction", "induction head"),
    "duplicate_token": ("same token", "same-token head"),
}
"""A score -> what a head with a high one is called above its small map, and in a sentence."""

PLAIN = {
    "previous_token": "previous-token score",
    "prefix_matching": "induction score",
    "duplicate_token": "same-token score",
}

Score = tuple[float, float]
"""A score, and what it would be by chance (see `lenses.head_scores`)."""


def role_among(scores: Mapping[str, Score]) -> tuple[str, Score] | None:
    """The role that a head has by these scores: the highest of those that are strong and well above chance."""
    known = {name: (score, chance) for name, (score, chance) in scores.items() if score >= max(STRONG, ABOVE * chance)}
    return max(known.items(), key=lambda item: item[1][0]) if known else None


def no_role(scores: Mapping[str, Score]) -> str:
    """Why a head has none: "no role (all scores under 0.5)", or how near chance the high ones are."""
    high = {name: (score, chance) for name, (score, chance) in scores.items() if score >= STRONG}
    if not high:
        return f"no role (all scores under {STRONG:g})"
    name, (score, chance) = max(high.items(), key=lambda item: item[1][0])
    return f"no role ({PLAIN[name]} {score:.2f}, but {chance:.2f} by chance)"


def said(score: Score) -> str:
    """ "0.61, by chance 0.08"."""
    return f"{score[0]:.2f}, by chance {score[1]:.2f}"


def uniform_entropy(T: int) -> float:
    """Entropy of a head that looks evenly at all it may: the mean of ln(t + 1) over t = 0 … T-1, in nats."""
    return math.lgamma(T + 1) / T


def described(role: tuple[str, Score]) -> str:
    """ "an induction head (0.61, by chance 0.08)"."""
    name = CALLED[role[0]][1]
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name} ({said(role[1])})"
