"""Small groups of permutations, for the word problem.

(1 … n) ↦ p    one-line notation: what stands at place i afterwards stood at place p_i before
a ∘ b          first b, then a: (a ∘ b)_i = b_{a_i}
"""

from __future__ import annotations

from functools import cache
from itertools import permutations
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

Permutation = tuple[int, ...]


class Group(NamedTuple):
    """The permutations of so many things, or the even ones among them."""

    things: int
    even_only: bool


GROUPS = {"S3": Group(3, False), "A5": Group(5, True)}


@cache
def elements(group: str) -> tuple[Permutation, ...]:
    """In the order of their one-line notation, so that the identity is the first; S₃ has 6, A₅ has 60."""
    things, even_only = GROUPS[group]
    return tuple(p for p in permutations(range(things)) if not even_only or inversions(p) % 2 == 0)


def inversions(permutation: Permutation) -> int:
    """Pairs that stand in the wrong order; their parity is that of the permutation."""
    return sum(a > b for at, a in enumerate(permutation) for b in permutation[at + 1 :])


def written(permutation: Permutation) -> str:
    """In one-line notation, counted from 1: "213" swaps the first two of three."""
    return "".join(str(thing + 1) for thing in permutation)


@cache
def products(group: str) -> Int[np.ndarray, "G G"]:
    """The number of a ∘ b for the elements of each number."""
    found = elements(group)
    number = {element: at for at, element in enumerate(found)}
    return np.array([[number[tuple(b[at] for at in a)] for b in found] for a in found])
