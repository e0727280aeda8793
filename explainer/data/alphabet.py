"""The signs that a network reads a text in: its characters, up to a number; of more, the rare ones stand as one sign."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

OTHER = "\ufffd"
"""The sign for all characters of a text that have none of their own."""
MOST_SIGNS = 2048
"""V at most. Embedding, read-out and softmax grow with V: at T = 32, B = 32 and width 64 a step of a GRU takes 45 ms with 2,048
signs and 7 with 103, one of two blocks 26 and 11, and its memory is estimated at 45 MB and 5. It is a number and no setting of a host: the signs must follow
from the text alone, for a run is named by its configuration and its text."""


@dataclass(frozen=True)
class Alphabet:
    """Signs of a text.

    Attributes:
        signs: in the order of their code points; a network's tokens are their numbers.
        distinct: characters of the text.
        rare: distinct characters that stand as `OTHER`, 0 where every one has a sign.
        rare_share: of the text, that is.
    """

    signs: tuple[str, ...]
    distinct: int
    rare: int = 0
    rare_share: float = 0.0

    @property
    def has_other(self) -> bool:
        """Whether a character that is not among the signs can be read."""
        return self.rare > 0

    def words(self) -> str:
        """How many signs there are and what has become of the others, a sentence."""
        if not self.rare:
            return f"A network reads it in {self.distinct:,} distinct characters."
        return (
            f"{self.distinct:,} distinct characters; the rarest {self.rare:,}, {percent(self.rare_share)} of the text, stand "
            f"as one sign, {OTHER}: a network reads it in {len(self.signs):,} signs."
        )


@lru_cache(maxsize=8)
def alphabet(text: str, most: int = MOST_SIGNS) -> Alphabet:
    """The signs of a text: its characters, or where it has more than `most`, the most - 1 frequent ones and `OTHER`.

    Of equally frequent characters those with the smaller code points stay. The text's own U+FFFD counts as `OTHER`.
    """
    distinct = set(text)
    if len(distinct) <= most:
        return Alphabet(tuple(sorted(distinct)), len(distinct))
    counts = Counter(text)
    ranked = sorted(distinct - {OTHER}, key=lambda character: (-counts[character], character))
    kept, rare = ranked[: most - 1], ranked[most - 1 :]
    share = (sum(counts[character] for character in rare) + counts[OTHER]) / len(text)
    return Alphabet(tuple(sorted([*kept, OTHER])), len(distinct), len(rare), share)


def percent(share: float) -> str:
    """ "1.9 %", "0.004 %": two digits of a share below a tenth."""
    return f"{100 * share:.2g} %" if share < 0.1 else f"{share:.0%}".replace("%", " %")
