"""What a page gives the player to play: tapes, or the places of an axis, and what a viewer can choose in the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Selections = Mapping[str, tuple[str, int | Sequence[str]]]
"""What a viewer can choose within the figures: name -> (label, how many or their names)."""


@dataclass(frozen=True)
class Shown:
    """What the figures show, beside what the page's controls ask for.

    Attributes:
        said: what is shown, in words that stand in the bar, always in sight.
        stale: the controls ask for something else, so the figures are greyed.
    """

    said: str
    stale: bool = False


@dataclass(frozen=True)
class Track:
    """One tape that a page plays.

    Attributes:
        run: the run's id.
        lenses: whose views it shows; the first sets the pace.
        live: the page was made for a run that trains or waits; when that is over, the page runs again.
        shown: what the tapes of the page are, all together; on the first of them.
        name: what it is called in the line below a picture that is taken away.
    """

    run: str
    lenses: tuple[str, ...]
    live: bool = False
    shown: Shown | None = None
    name: str = ""


@dataclass(frozen=True)
class Scan:
    """What a player without tapes moves through: the places of an axis, such as the positions of a sequence."""

    label: str
    places: tuple[int, ...]


def names_of(label: str, choices: int | Sequence[str]) -> list[str]:
    """What a selection's choices are called: as given, or "Layer 1", "Layer 2" … for a number of them."""
    return [f"{label} {number + 1}" for number in range(choices)] if isinstance(choices, int) else list(choices)
