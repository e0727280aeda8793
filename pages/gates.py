"""What do the gates do?"""

import streamlit as st

from explainer.figures import pattern
from explainer.figures.curves import loss_panel
from explainer.figures.gates import GATES, gates_panel, memory_panel, probe_panel, tracking_panel
from explainer.figures.panel import Reel, still
from explainer.figures.subject import subject
from explainer.lessons import LESSONS
from explainer.player import play
from explainer.player.mount import base_path
from explainer.runs.store import Run
from explainer.theory.variables import VARIABLES
from explainer.ui.backend import annotator, client, runs_of
from explainer.ui.lesson import EXAMPLES, Lesson, example_input, open_lesson, theme, tracks, transport
from explainer.ui.tabs import Experiment, words_below
from explainer.ui.words import literal

EXPLAIN = """
A gate is a number between 0 and 1 for every unit at every time step, and it multiplies something: the **forget gate** of
an LSTM, or the **update gate** of a GRU, multiplies what the unit held before. At 1 the unit keeps it whole, at 0 it is
written anew. Choose a gate in the bar below the pictures, and look for columns: there the network decides to write.

**How long a unit remembers** follows from its gate: if it keeps a share $f$ at each step, then after $-1/\\ln f$ steps about
a third is left. Before training all units are alike; afterwards a few have learnt to hold for long.

**What was read** shows the sequence itself. A rule that needs no network (how many brackets are open, how many marked numbers
have come) is compared with every unit, and the tokens are coloured by the unit that follows it best. That a unit follows
something is a correlation; that the network needs it is another question.

The **probe** asks the whole state: how much of each variable can a linear readout tell, on positions that it has not seen? The
grey bar beside is its control: the same readout on shuffled values. Only what stands out above it was put there by
the network. Some variables, such as the position in a short sequence, can be read from an untrained network too: drag to step 0.

**Where else are these units on?** For a network that reads text: choose a stretch, such as one word. The units above the threshold all
along it are its pattern; then the validation text is searched for stretches of the same length over which all of them are on
(after LSTMVis, Strobelt et al. 2018). Read what stands in the frame: do the places have something in common? The number beside it says how
many there would be by chance, if each unit switched on and off as it does but none knew of the others.
"""

MATH = r"""
LSTM: $c_t = f_t \odot c_{t-1} + i_t \odot g_t$ with $f_t = \sigma(W_f x_t + U_f h_{t-1} + b_f)$; GRU:
$h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}$. A unit that keeps the share $f$ at every step has after $k$ steps
$f^k = e^{-k/\tau}$ of a value, so its **time constant** is $\tau = -1 / \ln f$; here $f$ is the mean of the gate over
time and batch (Tallec & Ollivier 2018 set the bias of the forget gate by this rule).

**Correlation**: Pearson's $r$ of the variable $v_m$ and the unit $h_{mn}$ over all positions $m$ of 16 sequences.

**Probe**: ridge regression $\min_w \lVert X w - v \rVert^2 + \lambda \lVert w \rVert^2$ on a random half of the positions,
$R^2 = 1 - \sum (v - \hat v)^2 / \sum (v - \bar v)^2$ on the other half. The control (Hewitt & Liang 2019) does the same with
$v$ shuffled.

**By chance**: of $W$ stretches of $\ell$ characters let $p_u$ be the share over which unit $u$ is on all along. If units were
independent, $W \prod_u p_u$ stretches would have all of them on. Each unit keeps its own persistence in this; only what
they have to do with each other is taken away.
"""

EXPERIMENTS = (
    Experiment(
        "Compare step 0 with the end: where has the update gate learnt to write?",
        {"step": "0", "gate": "1"},
        "At step 0 the update gate is near one half everywhere. At the end it differs at the two starred numbers: "
        "there the state is renewed, and in between it is kept.",
    ),
    Experiment(
        "Start an LSTM with a forget-gate bias of 2. What does the picture of time constants look like before any training?",
        {"model": "lstm", "forget_bias": "2"},
        "All units keep about σ(2) = 0.88 of the old value, so their time constant is near −1 / ln 0.88 = 7.9 steps; "
        "with a bias of 0 it is about 1.4. On this task the bias was not found to make learning faster.",
    ),
    Experiment(
        "This LSTM reads Python’s language reference. Does a unit follow how deep in brackets it is, whether it is inside quotation "
        "marks, how far into a word? And was that learnt? Drag to step 0.",
        {"run": "lesson-text", "variable": "0", "step": "4000"},
        "Somewhat. Unit 34 falls with the depth of the brackets (r = −0.44), where no unit had more than 0.26 before training. Quotation "
        "marks: 0.25 before, 0.38 at the end, and the readout’s R² rises from 0.25 to 0.45. How far into a word it is some unit follows with "
        "0.72 at the end, but so did another one at step 0, with −0.72: what a blank leaves in a state fades with every character, "
        "untrained too.",
    ),
)

WORKER_STARTS = 20.0  # seconds, on a small host
READER = "lesson-text"
"""Whose units the pattern below is looked for in when the network on the page reads no text."""

lesson = Lesson(
    key="gates",
    base=LESSONS["lesson-hidden"].config,
    shipped=("lesson-hidden",),
    lenses=("gates",),
    row=("task", "model", "width", "lr", "seed"),
    choices={"model": ("gru", "lstm")},
)
open_lesson(
    lesson,
    "What do the gates do?",
    "An LSTM and a GRU decide at every step, unit by unit, what to keep and what to write. Here are these decisions, "
    "how long they make a unit remember, and what it keeps track of.",
)
runs = transport(lesson)
if runs:
    config = runs[0].config
    run = subject(config, runs[0].meta)
    look = theme()
    play(
        [
            gates_panel(run, look),
            memory_panel(run, look),
            tracking_panel(run, look),
            probe_panel(run, look),
            loss_panel([run], look, "gates", span=12),
        ],
        tracks(lesson, runs),
        key="gates",
        selections={
            "gate": ("Gate", [f"{name.capitalize()} gate" for name in GATES[config.model]]),
            "layer": ("Layer", config.layers),
            "variable": ("Variable", list(VARIABLES[config.task])),
        },
        ask=example_input(config),
    )
else:
    st.info("Nothing is recorded yet. Press Train.")


@st.fragment
def elsewhere(run: Run) -> None:
    """A stretch of a text, the units that are on along it, and the places where the same ones are."""
    steps = client().snapshots(run.id)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=300):
            text = st.text_input(
                "Text", EXAMPLES["text"], max_chars=200, key="pattern-text", help="The network reads it from its start"
            )
        last = max(1, len(text) - 1)
        with st.container(width=280):
            names = [f"{at} {letter}" for at, letter in enumerate(text.ljust(2, "·"))]
            # Its own key for each length: a slider's places may not change under it.
            first, end = st.select_slider(
                "Stretch",
                range(last + 1),
                (min(4, last), min(8, last)),
                names.__getitem__,
                key=f"pattern-stretch{last}",
            )
        with st.container(width=170):
            threshold = st.slider("On is above", -0.9, 0.9, 0.3, 0.1, key="pattern-threshold", help="State h of a unit")
        step = steps[-1]
        if len(steps) > 1:
            with st.container(width=170):
                step = st.select_slider("Training step", steps, step, key=f"pattern-step{len(steps)}")
        fresh = st.toggle("Just switched on", key="pattern-fresh", help="Only units that are off one character before")
    try:
        question = f"{first}-{end} {threshold:.1f}{' new' if fresh else ''}\n{text}"
        with st.spinner("Reading the validation text…"):
            record = client().look(run.id, step, "pattern", question, timeout=WORKER_STARTS)
    except (ValueError, TimeoutError) as error:
        st.warning(literal(str(error)), icon=":material/warning:")
        return
    reel = Reel({}, answers={"pattern": annotator().answer(run, step, "pattern", record)})
    shown = pattern.panels(subject(run.config, run.meta), theme())
    play([still(panel, [reel]) for panel in shown], key="pattern")


asked = st.container()  # filled last: its answer comes from the worker, and nothing on the page has to wait for that
words_below(
    "gates",
    "gates",
    explain=EXPLAIN,
    math=MATH,
    code=[
        ("models/cells.py", f"{runs[0].config.model if runs else 'gru'}_cell"),
        ("lenses/gates.py", "look"),
        ("theory/variables.py", "probe"),
        ("theory/patterns.py", "expected"),
    ],
    experiments=EXPERIMENTS,
    again=runs[0] if runs else None,
)

with asked:
    st.subheader("Where else are these units on?", anchor=False)
    reader = next((each for each in runs[:1] if each.config.task == "text" and client().snapshots(each.id)), None)
    if reader is None:
        reader = next(iter(runs_of([READER])), None)
        if reader is not None:
            st.caption(
                f"The network above reads no text, so here is one that does: an LSTM of {reader.config.width} units that "
                f"has read Python’s language reference. [Look into its gates]({base_path()}gates?run={READER})."
            )
    if reader is not None:
        elsewhere(reader)
    else:
        st.caption(
            "Choose a stretch of text, and find where else the same units are on: for a network that reads text."
        )
