"""What the lens `pattern` saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from explainer.lenses.shapes import sizes_of


@dataclass(frozen=True, eq=False)
class PatternRecord:
    """Units of the top layer that are on together over a stretch of one text, and where else they are.

    On is a unit whose state is above the threshold. The text that is searched is cut into windows; a stretch
    lies in one of them.

    Attributes:
        units: on at every step of the stretch (and, if that was asked, off at the step before).
        above: how many are on at every step of it, whatever they were before; more than `units` only if that was asked.
        tokens: of the viewer's text, as labels.
        on: of the viewer's text, the share of `units` that is on at each step; NaN where a state is not finite.
        first: where the stretch begins in it.
        last: its last step.
        threshold: above which a unit is on.
        found: stretches of the same length over which all of `units` are on.
        searched: stretches of that length there are.
        expected: how many there would be if the units did not know of each other (`theory.patterns.expected`).
        times: found / expected, and `times_error`: its standard error over windows. NaN where there is none.
        places: where they are: stretches that overlap or touch are one place.
        shares: of the first places, the share of `units` that is on around each; NaN outside of its window.
            Column `before` is the first step of the place.
        before: columns before a place.
        lengths: for how many steps all of `units` are on there.
        texts: what stands there, row after row; empty outside of the window.
    """

    units: Int[np.ndarray, " U"]
    above: int
    tokens: tuple[str, ...]
    on: Float[np.ndarray, " T"]
    first: int
    last: int
    threshold: float
    found: int
    searched: int
    expected: float
    times: float
    times_error: float
    places: int
    shares: Float[np.ndarray, "R C"]
    before: int
    lengths: Int[np.ndarray, " R"]
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        sizes = sizes_of(self)
        assert sizes["U"] <= self.above, (sizes, self.above)
        assert len(self.tokens) == sizes["T"], len(self.tokens)
        assert 0 <= self.first <= self.last < sizes["T"], (self.first, self.last)
        assert 0 <= self.found <= self.searched, (self.found, self.searched)
        assert len(self.texts) == self.shares.size, (len(self.texts), self.shares.shape)
        assert self.places >= sizes["R"], self.places
