"""What a task can learn from beside what it makes up: a text or a series, one's own or the one that comes with Python or the app."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from explainer.data.corpus import check_text, default_text, digest, respelled
from explainer.data.series import SUNSPOTS, Series
from explainer.data.windows import check_series_length, check_text_length


@dataclass(frozen=True)
class Source:
    """A kind of data.

    Attributes:
        word: for it.
        option: of the command line, which names a person's own.
        default: what is learnt from where nobody gives anything.
        read: the canonical form of what a person gives; raises ValueError where it can't be learnt from.
        size: characters, or values.
        check_length: refuses, by a ValueError, windows of T steps that do not fit into so many.
        offer: to learn from one's own, a sentence without its stop.
        gives_away: what a link to a run on one's own gives away; {0} stands for the runs.
        respelled: the default in the characters of another version of Python's; None where all versions have the same.
        in_python: whether a few lines of Python read one's own file as the command line does.
    """

    word: str
    option: str
    default: Callable[[], str]
    read: Callable[[str], str]
    size: Callable[[str], int]
    check_length: Callable[[int, int], None]
    offer: str
    gives_away: str
    respelled: Callable[[str, str], str] | None = None
    in_python: bool = False

    @cached_property
    def default_digest(self) -> str:
        """SHA-256 of the default."""
        return digest(self.default())


TEXT = Source(
    word="text",
    option="--text",
    default=default_text,
    read=lambda data: check_text(data, math.inf),
    size=len,
    check_length=check_text_length,
    offer="Learn from a text of yours",
    gives_away="Whoever has the link sees all that this app shows of {0}, and **can read your text through it**: pieces of it "
    "stand in the pictures, and by asking the network most of the rest comes out.",
    respelled=respelled,
    in_python=True,
)
SERIES = Source(
    word="series",
    option="--csv",
    default=SUNSPOTS.to_text,
    read=lambda data: Series.from_text(data).to_text(),
    size=lambda body: len(Series.from_text(body).values),
    check_length=check_series_length,
    offer="Learn from a column of your own CSV file",
    gives_away="Whoever has the link sees all that this app shows of {0}, and **can read your series through it**: its "
    "values stand in the pictures.",
)
SOURCES = (TEXT, SERIES)
