"""Families of networks, without torch. A new one is a file here and a line in `FAMILIES`, and its torch half in `models`."""

from __future__ import annotations

from explainer.extensions import more
from explainer.families.attending import Attending, Blocks
from explainer.families.base import BYTES, Family, Gate, Roles, Run
from explainer.families.gru import GRU
from explainer.families.linear import LinearAttention
from explainer.families.lstm import LSTM
from explainer.families.mamba import Mamba
from explainer.families.mingru import MinGRU
from explainer.families.recurrent import Recurrent
from explainer.families.rnn import RNN
from explainer.families.rnn_relu import ReLURNN
from explainer.families.s4d import S4D
from explainer.families.transformer import Transformer

__all__ = ["BYTES", "DEFAULT", "FAMILIES", "Attending", "Blocks", "Family", "Gate", "Recurrent", "Roles", "Run"]

DEFAULT = GRU.kind
"""The family of a run that says none."""

FAMILIES: dict[str, type[Family]] = {
    family.kind: family
    for family in (
        RNN,
        ReLURNN,
        LSTM,
        GRU,
        MinGRU,
        LinearAttention,
        S4D,
        Mamba,
        Transformer,
        *more("families"),
    )
}
