"""What this is, and where to begin."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from explainer.charts.panel import Panel
from explainer.charts.subject import network, subject
from explainer.lenses.attention.panels import mosaic_panel
from explainer.player import Track, play
from explainer.player.access import query_of, viewer
from explainer.player.backend import client, runs_of, trouble
from explainer.runs.kinds import shown_words
from explainer.runs.store import ACTIVE, Listing, Run
from explainer.ui.lesson import theme
from explainer.ui.notices import in_sentences
from explainer.ui.places import LESSON_PLACES, RUNS, grouped, places_for
from explainer.ui.run_table import data_name, title
from explainer.words import literal, marked

MOST_LISTED = 5
OPENING = "lesson-attention"


@st.fragment(run_every="2s")
@in_sentences
def now() -> None:
    """Which device trains, and what is running."""
    worker = client().store.worker_state()
    if worker.ready:
        st.markdown(f":material/memory: Trains on **{literal(worker.device)}**")
    elif trouble():
        st.markdown(":material/block: Nothing can be trained at the moment.")
        return
    else:
        st.markdown(":material/hourglass_top: The training process is starting.")
    everything = Listing(statuses=tuple(sorted(ACTIVE)))
    mine = replace(everything, viewer=viewer())
    active, seen = client().store.count(everything), client().store.count(mine)
    if not active:
        st.caption("Nothing is training at the moment.")
        return
    st.markdown(f"**Running now** ({active})")
    for run in client().store.listed(mine, MOST_LISTED):
        if run.unreadable:  # the worker gives it up, and the page Runs says why
            continue
        place = places_for(run.config, run.lenses)[0]
        done = f"step {run.step:,} of {run.config.steps:,}" if run.status == "running" else run.status
        st.page_link(
            place.page(),
            label=literal(f"{title(run.config, data_name(run))}: {done}"),
            icon=":material/play_circle:" if run.status == "running" else ":material/schedule:",
            query_params=query_of(client(), run),
            help=f"Open it in {place.title}",
        )
    if seen > MOST_LISTED:
        st.page_link(RUNS.page(), label=f"and {seen - MOST_LISTED} more")
    if active > seen:
        st.caption(f"{active - seen} of them on data of somebody's own")


def opening_panel(run: Run) -> Panel:
    """All heads of the recorded Transformer at once, without the choice that its own page has."""
    panel = mosaic_panel(subject(run.config, run.meta), theme(), span=12)
    (heat,), layout = panel.figure["data"], panel.figure["layout"]
    return replace(
        panel,
        title="Which tokens each attention head looks at, while the Transformer learns",
        figure={
            "data": [heat | {"hovertemplate": "weight %{z:.4f}<extra></extra>"}],
            "layout": {**layout, "shapes": []},
        },
        slots=tuple(slot for slot in panel.slots if "shapes" not in slot.to),
        click={},
        height=360,
    )


words, picture = st.columns([5, 7], gap="large")
with words:
    st.title("Watch networks learn, from the inside", anchor=False)
    st.markdown(
        "Unrolled trains small recurrent networks and Transformers while you watch, and shows what goes on inside: "
        "hidden states, gradients through time, attention, positions. Every number on screen was computed by the "
        "network at that step, and moments all along are kept, so you can drag back and forth through training like "
        "through a film. Change a setting, press **Train**, and the picture moves; copy the address, and someone "
        "else sees the same."
    )
    now()
with picture:
    found = runs_of([OPENING])
    if found:
        run = found[0]
        play([opening_panel(run)], [Track(run.id, ("attention",))], key="home", loop=True)
        place = places_for(run.config, run.lenses)[0]
        st.caption(marked(literal(shown_words(client().store, run)), f"recorded · {network(run.config)}"))
        st.page_link(place.page(), label=f"Recorded: {network(run.config)}", help=f"See it in {place.title}")
    else:
        st.info("The recorded lessons are not here yet.")

st.header("Where to begin", anchor=False)
widest = max(len(places) for places in grouped(LESSON_PLACES).values())
for group, places in grouped(LESSON_PLACES).items():
    st.subheader(group, anchor=False)
    for column, place in zip(st.columns(widest), places, strict=False):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{place.question}**")
            st.page_link(place.page())
