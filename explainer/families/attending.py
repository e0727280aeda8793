"""What families whose blocks attend share: heads, maps and an encoding of positions."""

from __future__ import annotations

from typing import Any

from explainer.families.base import Family
from explainer.parts import knob

ENCODING_NAMES = {
    "none": "None",
    "learned": "Learned",
    "sinusoidal": "Sinusoidal",
    "rotary": "Rotary",
    "alibi": "ALiBi",
}
POSITIONS = tuple(ENCODING_NAMES)


def positions() -> Any:
    """The knob that says how such a network knows the order."""
    return knob("learned", "how the Transformer knows the order", label="Positions", names=ENCODING_NAMES)


class Attending(Family):
    """A family whose heads, maps and encoding of positions can be asked for; its knobs are these among others."""

    heads: int
    positions: str
    mlp: bool
