"""What does a recurrent network remember?"""

import streamlit as st

from explainer.config import RECURRENT
from explainer.figures.curves import loss_panel
from explainer.figures.hidden import output_panel, path_panel, states_panel
from explainer.figures.subject import subject
from explainer.lessons import LESSONS
from explainer.player import play
from explainer.ui.lesson import Lesson, open_lesson, theme, tracks, transport

lesson = Lesson(
    key="hidden",
    base=LESSONS["lesson-hidden"].config,
    shipped=("lesson-hidden",),
    lenses=("hidden",),
    row=("task", "model", "width", "lr", "seed"),
    choices={"model": RECURRENT},
)
open_lesson(
    lesson,
    "What does a recurrent network remember?",
    "A recurrent network reads a sequence one step at a time and keeps a single vector, its **hidden state**. "
    "Here is that vector, unit by unit, while the network learns what is worth keeping.",
)
runs = transport(lesson)
if runs:
    run = subject(runs[0].config, runs[0].meta)
    look = theme()
    play(
        [states_panel(run, look), path_panel(run, look), output_panel(run, look), loss_panel([run], look, "hidden")],
        tracks(lesson, runs),
        key="hidden",
        selections={"layer": ("Layer", runs[0].config.layers)},
    )
else:
    st.info("Nothing is recorded yet. Press Train.")
