"""The choice of several networks that one press of Train starts on the same batches."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explainer.charts.theme import FAMILY_NAMES

MOST = 4


def networks_from_address(key: str, text: str, choices: Sequence[str]) -> None:
    """Take the networks that an address names ("rnn,gru") as the page's choice.

    Raises:
        ValueError: one that is not known here.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in choices]
    if unknown:
        raise ValueError(f"networks = {unknown[0][:40]!r} is not known. Choose from: {', '.join(choices)}.")
    set_networks(key, names)


def set_networks(key: str, names: Sequence[str]) -> None:
    """Make these the page's choice; before its control is drawn."""
    st.session_state[f"{key}:networks"] = list(dict.fromkeys(names))
    st.session_state.pop(f"{key}.networks", None)


def networks(key: str, default: Sequence[str]) -> tuple[str, ...]:
    """The page's choice as it stands."""
    return tuple(st.session_state.get(f"{key}:networks", default))


def choose_networks(key: str, choices: Sequence[str], default: Sequence[str]) -> tuple[str, ...]:
    """One pill for each network; those chosen, in the order of `choices`.

    Raises:
        ValueError: none is chosen, or more than `MOST`.
    """
    pills = f"{key}.networks"
    if pills not in st.session_state:
        st.session_state[pills] = list(networks(key, default))
    chosen = st.pills(
        f"Networks (1 to {MOST}), all on the same batches",
        choices,
        selection_mode="multi",
        key=pills,
        format_func=lambda name: FAMILY_NAMES[name],
        wrap=True,
    )
    names = tuple(name for name in choices if name in chosen)
    st.session_state[f"{key}:networks"] = list(names)
    if not 1 <= len(names) <= MOST:
        raise ValueError(f"{len(names)} networks are chosen. Choose 1 to {MOST}.")
    return names
