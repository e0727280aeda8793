"""What if I break it?"""

import streamlit as st

from explainer.figures.subject import subject
from explainer.figures.surgery import panels
from explainer.player import Track, play
from explainer.surgery import Surgery
from explainer.ui import operating
from explainer.ui.lesson import EXAMPLES, theme
from explainer.ui.tabs import words_below
from explainer.ui.words import literal

SHIPPED = ("lesson-microscope-lstm", "lesson-attention")

EXPLAIN = r"""
"""

run = operating.open_page(
    "What if I break it?",
    "To find out what a part does, take it away. Hold a gate open, zero a unit, switch a head off, and see at once what the "
    "network says then, beside what the same weights say **untouched**.",
    SHIPPED,
)
if run is None:
    st.info("Nothing is recorded yet. Train a network on another page.")
else:
    surgery = Surgery()
    with st.container(horizontal=True, vertical_alignment="bottom", key="surgery-controls"):
        with st.container(width=330):
            operating.choose_run(run, SHIPPED)
        try:
            surgery, trouble = operating.surgery_controls(run.config), ""
        except ValueError as error:
            trouble = str(error)
    if trouble:
        st.error(literal(trouble), icon=":material/error:")
    operating.write_address(run, SHIPPED, surgery)
    play(
        panels(subject(run.config, run.meta), theme()),
        [Track(run.id, ("surgery",))],
        key="surgery-player",
        ask=EXAMPLES[run.config.task],
        surgery=str(surgery),
        on_surgery=operating.surgery_from_text,
    )
words_below(
    "surgery",
    "surgery",
    explain=EXPLAIN,
    math="",
    code=[("models/operate.py", "edits"), ("models/operate.py", "_edit"), ("models/swap.py", "swapped")],
    experiments=(),
    config=run.config if run else None,
)
