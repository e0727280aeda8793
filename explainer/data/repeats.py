"""Passages that a text says twice: left out of a text, or counted between its training and its validation part.

A passage repeats another where `STRETCH` characters or more are the same. What a network has read word for word in
training it may say by heart, and a validation loss on it says nothing of text that it has never seen.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Shaped

from explainer.data.windows import training_characters

STRETCH = 50
"""Characters that must be the same, one behind the other, to count as repeated."""

_MASK = 2**64 - 1
_BASE = 0x9E3779B97F4A7C15
_BUCKETS = 22  # bits of a hash that choose its place in a table of 4 MB


def without_repeats(text: str) -> str:
    """The text without the paragraphs that repeat 50 characters or more of one that was kept before them.

    Paragraphs are divided by blank lines and kept or left out whole, from the first on. One is left out if any 50
    characters that end in it, the blank line and the end of the paragraph before it among them, stand in what was
    kept. So nowhere that the text is cut does the second part repeat the first, but for stretches that only came
    about where something was left out between two paragraphs: `repeated_share` tells.
    """
    hashes = stretch_hashes(_codes(text)).tolist()
    before = STRETCH - 1
    seen: set[int] = set()
    kept = []
    start = 0
    for paragraph in text.split("\n\n"):
        end = start + len(paragraph)
        own = hashes[max(0, start - before) : max(0, end - before)]
        if seen.isdisjoint(own):
            kept.append(paragraph)
            seen.update(own)
        start = end + 2
    return "\n\n".join(kept)


@lru_cache(maxsize=4)
def repeated_share(text: str) -> float | None:
    """Share of the validation characters that lie in stretches of 50 or more which stand verbatim in the training part.

    None where the validation part is shorter than 50 characters, so that there is nothing to look for.
    Exact: what two hashes say is looked up in the text. 0.1 s for 2 MB.
    """
    boundary = training_characters(len(text))
    if len(text) - boundary < STRETCH:
        return None
    return float(covered(found_stretches(text[:boundary], text[boundary:])).mean())


def found_stretches(training: str, validation: str) -> Bool[np.ndarray, " stretches"]:
    """For each 50 characters of the validation part, from its first on: whether they stand somewhere in training."""
    ours, theirs = _codes(validation), _codes(training)
    hashes, others = stretch_hashes(ours), stretch_hashes(theirs)
    found = np.zeros(len(hashes), dtype=bool)
    if not len(hashes) or not len(others):
        return found
    # A table of a few bits of each hash first: it leaves few of the many hashes of training to be sorted.
    asked = np.zeros(2**_BUCKETS, dtype=bool)
    shift = np.uint64(64 - _BUCKETS)
    asked[hashes >> shift] = True
    places = np.flatnonzero(asked[others >> shift])
    if not len(places):
        return found
    places = places[np.argsort(others[places], kind="stable")]
    first = np.searchsorted(others[places], hashes)
    place = places[np.minimum(first, len(places) - 1)]
    alike = np.flatnonzero(others[place] == hashes)
    same = np.ones(len(alike), dtype=bool)
    for offset in range(STRETCH):
        same &= ours[alike + offset] == theirs[place[alike] + offset]
    found[alike[same]] = True
    for start in alike[~same].tolist():  # two stretches with one hash: then it takes a search
        found[start] = validation[start : start + STRETCH] in training
    return found


def covered(found: Bool[np.ndarray, " stretches"]) -> Bool[np.ndarray, " characters"]:
    """Which characters lie in one of the stretches that were found, each by the number of its first character."""
    change = np.zeros(len(found) + STRETCH, dtype=np.int64)
    change[: len(found)] += found
    change[STRETCH:] -= found
    return np.cumsum(change)[:-1] > 0


def stretch_hashes(codes: Shaped[np.ndarray, " characters"]) -> Shaped[np.ndarray, " stretches"]:
    """A hash of each 50 numbers one behind the other: sum_k m(c_k) b^(49 - k) modulo 2^64, with m mixing the bits of a number.

    Made of those of 1, 2, 4 … numbers: the hash of two pieces is that of the first times b^(length of the second), plus
    that of the second (Karp & Rabin 1987).
    """
    power = (codes.astype(np.uint64) + np.uint64(1)) * np.uint64(_BASE)
    power ^= power >> np.uint64(29)
    length, factor = 1, _BASE | 1
    whole, known, rest = None, 0, STRETCH
    while rest:
        if rest & 1:
            whole = power if whole is None else _joined(whole, power, known, factor)
            known += length
        rest >>= 1
        if rest:
            power = _joined(power, power, length, factor)
            length, factor = 2 * length, factor * factor & _MASK
    assert whole is not None
    return whole


def _joined(
    first: Shaped[np.ndarray, " a"], second: Shaped[np.ndarray, " b"], length: int, factor: int
) -> Shaped[np.ndarray, " c"]:
    """Hashes of a piece of `length` numbers and the one behind it, whose b^(its length) is the factor."""
    count = max(0, len(second) - length)
    return first[:count] * np.uint64(factor) + second[length : length + count]


def _codes(text: str) -> Shaped[np.ndarray, " characters"]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)
