"""A leaky network: a plain cell that moves only a part of the way to its new state (Jaeger et al. 2007, section 2)."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.families.rnn import RNN
from explainer.parts import knob


@dataclass(frozen=True, kw_only=True)
class Leaky(RNN):
    """h' = (1 - a) h + a tanh(W x + U h + b)."""

    kind = "leaky"
    title = "Leaky RNN"
    article = "a"
    colour = "#6A51A3"
    symbol = "hexagon"
    good_for = "slow signals: it averages over about 1/a steps"
    cell = "tests.toys.cells:leaky"
    plain = False
    activations = {"drive": "tanh"}  # the state itself is no value of tanh; what it moves to is

    leak: float = knob(0.5, "a, how far a step goes to the new state", above=0.0, high=1.0, label="Leak a")


FAMILIES = (Leaky,)
