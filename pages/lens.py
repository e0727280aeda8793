"""The page of a lens from outside: its figures on the run that the controls ask for (see `explainer.extensions`)."""

import streamlit as st

from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.lenses import LENSES
from explainer.lessons import LESSONS
from explainer.ui.lesson import Lesson, open_lesson, show, theme, transport
from explainer.ui.places import place_at

place = place_at(st.session_state["place"])
lens = LENSES[place.lens]


def obstacle(config: RunConfig) -> str:
    """Why there is nothing to see of a run; "" if there is."""
    return "" if lens.suits(config) else "This lens has nothing to look at in such a network. Choose another one."


fitting = next(name for name, recorded in LESSONS.items() if lens.suits(recorded.config))
lesson = Lesson(key=place.path, shipped=(fitting,), row=("task", "model", "width", "lr", "seed"))
open_lesson(lesson, "A lens that was added to this app.")
runs = transport(lesson, obstacle=obstacle)
if runs and lens.panels:
    show(lesson, runs[:1], lens.panels(subject(runs[0].config, runs[0].meta), theme()))
