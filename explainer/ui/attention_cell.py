"""One cell of an attention map, written out: chosen by a click on the map or in the boxes, computed only when open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explainer.charts.source import sourced
from explainer.charts.subject import network
from explainer.lenses.attention_cell.panels import check, lines, row_panel, strips_panel
from explainer.lenses.attention_cell.record import AttentionCellRecord
from explainer.player.backend import client
from explainer.player.mount import play
from explainer.runs.store import Run
from explainer.theory.attention_cell import head_question
from explainer.theory.looks import maps_fit, pooling
from explainer.ui.lesson import theme
from explainer.words import literal, marked

NAMES = ("layer", "head", "query", "key")


def cell_section(key: str, run: Run, picked: Mapping[str, Any] | None, start: Mapping[str, int]) -> None:
    """A switch, and below it the cell.

    Args:
        key: of the page.
        run: the run whose map is shown.
        picked: the cell that was clicked last (see `play`).
        start: layer and head before anything was clicked.
    """
    state = st.session_state
    if f"{key}:cell" not in state:
        state[f"{key}:cell"] = _from_address(st.query_params.get("cell", "")) or {**start, "query": 0, "key": 0}
        state[f"{key}:cell-open"] = "cell" in st.query_params
    if picked is not None and picked != state.get(f"{key}:picked"):
        state[f"{key}:picked"] = picked
        state[f"{key}:cell"] = {name: int(picked[name]) for name in NAMES}
        state[f"{key}:cell-clicked"] = True  # a query and a key of the map, in which several may share a row
        state[f"{key}:cell-step"] = int(picked["step"])
        state[f"{key}:cell-input"] = str(picked.get("input", ""))
        state[f"{key}:cell-open"] = True
        for name in NAMES:
            state.pop(f"{key}:cell-{name}", None)
        st.toast("This cell is written out below the pictures.", icon=":material/south:")
    if not st.toggle("Write out one cell: click one in the large map, or choose it here", key=f"{key}:cell-open"):
        st.query_params.pop("cell", None)
        return
    _cell(key, run)


def _cell(key: str, run: Run) -> None:
    state = st.session_state
    step = state.get(f"{key}:cell-step", run.step)
    text = state.get(f"{key}:cell-input", st.query_params.get("input", ""))
    row = st.container(horizontal=True, vertical_alignment="bottom")
    L, H = run.config.layers, run.config.network.sites
    whole = maps_fit(run.config, run.config.total_length)  # else one head is asked for at a time
    layer, head = (0, 0) if whole else _choose(key, row, _heads(L, H))
    try:
        kept = client().snapshot_before(run.id, step)
        record = client().look(run.id, kept, "attention_cell", text if whole else head_question(layer, head, text))
    except (ValueError, TimeoutError) as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    assert isinstance(record, AttentionCellRecord)
    if whole:
        layer, head = _choose(key, row, _heads(*record.query.shape[:2]))
    if state.pop(f"{key}:cell-clicked", False):
        each = pooling(L, H, len(record.tokens))
        state[f"{key}:cell"] |= {name: each * state[f"{key}:cell"][name] for name in ("query", "key")}
    tokens = [f"{at} ({token})" for at, token in enumerate(record.tokens)]
    t, s = _choose(key, row, {"query": [f"t = {each}" for each in tokens], "key": [f"s = {each}" for each in tokens]})
    st.query_params["cell"] = f"{layer},{head},{t},{s}"
    weights = f"Weights of step {kept}{'' if kept == step else f', the last that are kept before step {step}'}"
    said = f"{weights}. Layer {layer + 1}, head {head + 1}: query t = {tokens[t]}, key s = {tokens[s]}."
    at = layer - record.layer, head - record.head, t, s
    source = f"computed now · {'your input · ' if text else ''}step {kept} · {network(run.config)}"
    st.caption(marked(literal(said), source))
    play(sourced([strips_panel(record, *at, theme()), row_panel(record, *at, theme())], source), key=f"{key}-cell")
    for number, (words, formula) in enumerate(lines(record, *at), start=1):
        st.markdown(f"**{number}.** {literal(words)}\n\n$$\n{formula}\n$$")
    st.caption(marked(literal(check(record, *at)), source))


def _heads(L: int, H: int) -> dict[str, list[str]]:
    """The choices of layer and head."""
    return {"layer": [f"Layer {at + 1}" for at in range(L)], "head": [f"Head {at + 1}" for at in range(H)]}


def _choose(key: str, row: DeltaGenerator, names: Mapping[str, list[str]]) -> tuple[int, int]:
    """Two of the boxes; what a longer sequence or a larger model had is brought into range."""
    cell = st.session_state[f"{key}:cell"]
    for name, choices in names.items():
        cell[name] = row.selectbox(
            name.capitalize(),
            range(len(choices)),
            index=min(cell[name], len(choices) - 1),
            format_func=choices.__getitem__,
            key=f"{key}:cell-{name}",
            width=150,
        )
    first, second = names
    return cell[first], cell[second]


def _from_address(text: str) -> dict[str, int] | None:
    """layer,head,query,key; None for anything else."""
    parts = text.split(",")
    if len(parts) != len(NAMES) or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        return None
    return dict(zip(NAMES, map(int, parts), strict=True))
