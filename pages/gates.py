"""What do the gates do?"""

import streamlit as st

from explainer.charts.curves import loss_panel
from explainer.charts.panel import Reel, still
from explainer.charts.source import sourced
from explainer.charts.subject import network, subject
from explainer.config import RunConfig
from explainer.lenses.gates.panels import panels
from explainer.lenses.pattern import panels as pattern
from explainer.player import play
from explainer.player.backend import annotator, client, runs_of
from explainer.player.track import Selections
from explainer.runs.store import Run
from explainer.theory.variables import called
from explainer.ui.lesson import Lesson, example_inputs, open_lesson, show, theme, transport
from explainer.ui.places import address
from explainer.ui.source import cells_of
from explainer.ui.tabs import Experiment, lesson_words
from explainer.words import listed, literal, marked


def keeper(config: RunConfig) -> str:
    """The gate that multiplies what a unit had before, and on which the page opens."""
    gate = config.network.keeper
    assert gate is not None, config.model
    return f"{gate.name} gate"


def explain(config: RunConfig) -> str:
    """What the pictures show of this run."""
    words, keeps = config.problem.words, keeper(config)
    return f"""
A gate is a number between 0 and 1 for every unit at every time step, and it multiplies something. The first picture opens on
the **{keeps}**, which multiplies what the unit had before: at 1 the unit keeps it whole, at 0 it is written anew. Look for dark
columns: there the network decides to write. The bar below the pictures has the other gates.

This network learns {words.name}. {words.asks} {words.memory}

**How long a unit remembers** follows from its gate: if it keeps a share $f$ at each step, then after $-1/\\ln f$ steps about
a third is left. Before training all units are alike. See whether some have learnt to keep for longer.

**What was read** shows the sequence itself. A rule that needs no network (here {listed([f"“{called(name)}”" for name in config.problem.variables], "or")}) gives a number for every
position. It is compared with every unit, and the sequence is coloured by the unit that follows it best. That a unit follows
something is a correlation; whether the network needs it is another question. And among many units the best one always follows it a
little: the sentence says how well the best unit of the **untrained** network does, and how well the best one here follows the
values of *another* sequence.

The **readout** asks all units together: a weighted sum of them is fitted to the number on some sequences, and judged on **other**
ones by $R^2$, the share of the number's variance that it gets right: 1 is all, 0 is no more than the mean. (Whole sequences are kept apart, since
neighbouring positions are nearly alike: who has seen one knows the next.) The grey bar is a control, the
same readout for the numbers of another sequence: what it gets right follows from the place in the sequence alone.
The empty bar is the same network **before any training**. Random weights already mix what was read into the state, so what
training has put there is the difference of the two, and the sentence has it with its error. For a run that goes on from another
one the empty bar is no step of that, but fresh weights. All of this is measured on validation sequences that have no step in common,
so it stays the same when you type an input of your own.

**Where else are these units on?** asks a network that reads text: choose a stretch, such as one word. The units above the threshold all
along it are its pattern; then the validation text is searched for stretches of the same length over which all of them are on
(after LSTMVis, Strobelt et al. 2018). Read what stands in the frame: do the places have something in common? The number beside it says how
many there would be by chance, if each unit were on as often and as long as it is, whatever the others do.
"""


MATH = r"""
LSTM: $c_t = f_t \odot c_{t-1} + i_t \odot g_t$ with $f_t = \sigma(W_f x_t + U_f h_{t-1} + b_f)$; GRU:
$h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}$. A unit that keeps the share $f$ at every step has after $k$ steps
$f^k = e^{-k/\tau}$ of a value, so its **time constant** is $\tau = -1 / \ln f$; here $f$ is the mean of the gate over
time and batch (Tallec & Ollivier 2018 set the bias of the forget gate by this rule).

**Correlation**: Pearson's $r$ of the variable $v_{st}$ and the unit $h_{st}$ over all positions $t$ of $S$ validation sequences
$s$ without a common step (of a series, windows of all of it), some 16,000 positions in all and at most 256 sequences. Positions of one
sequence are no independent samples, so the error counts sequences: $\sqrt{\tfrac{S}{S-1}\sum_s \big(\sum_t u v - \tfrac r2 (u^2 + v^2)\big)^2} / ST$, with $u$, $v$ standardised.

**Readout**: ridge regression $\min_w \lVert X w - v \rVert^2 + \lambda M \lVert w \rVert^2$ on the $M$ positions of three quarters of the
sequences, centred, all units at the same variance; $\lambda$ is the one of $10^{-4}, 10^{-3}, \dots, 10$ that did best on another quarter.
With $e_s = \sum_t (v_{st} - \hat v_{st})^2$ of a sequence that the readout was not fitted on and $d_s = \sum_t (v_{st} - \bar v)^2$, each sequence being left out of the fit once,
$R^2 = 1 - \sum_s e_s / \sum_s d_s$. It is a ratio of sums over sequences, with the error
$\sqrt{\tfrac{S}{S-1} \sum_s (e_s - (1 - R^2)\, d_s)^2} / \sum_s d_s$; the difference to the untrained network is
$\sum_s (e'_s - e_s) / \sum_s d_s$, with its error likewise, and counts from three errors on. In the control (after Hewitt & Liang
2019) every sequence has the values of another one, which keeps their course and their persistence.

**By chance**: in a share $p_{uw}$ of the $R$ windows unit $u$ is on over the whole stretch of length $\ell$ from place $w$. If
each unit's windows were dealt out anew, all units would be on over $R \sum_w \prod_u p_{uw}$ stretches in the mean. Each unit keeps its persistence and its
course along a window in this; only what they have to do with each other is taken away. The error of the ratio is a jackknife over 20 blocks of windows.
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
        "with a bias of 0 it is about 1.4, as it is with the one that torch draws. On this task the bias was not found to make learning faster.",
    ),
    Experiment(
        "This LSTM reads Python’s language reference. Does a unit follow how deep in brackets it is, whether it is inside quotation "
        "marks, how far into a word? And was that learnt? Drag to step 0.",
        {"run": "lesson-text", "variable": "0", "step": "4000"},
        "Quotation marks, yes: a readout of the state tells them with R² 0.26, and with 0.13 before training, so that training added 0.13 ± 0.03; "
        "the best unit has a correlation of 0.28, before 0.14. The depth of the brackets, no: R² 0.19 ± 0.03, and 0.18 before; what is added, "
        "0.01, is less than its error and could be chance. How far into a word it is can be read with R² 0.56, but most of it could be at step 0, 0.47: what a blank leaves in "
        "a state fades with every character, untrained too. And how far into a line has become harder to read, 0.11 after 0.22.",
    ),
)

WORKER_STARTS = 20.0  # seconds, on a small host
READER = "lesson-text"
"""Whose units the pattern below is looked for in when the network on the page reads no text."""

lesson = Lesson(key="gates", shipped=("lesson-hidden",), row=("task", "model", "width", "lr", "seed"))
open_lesson(
    lesson,
    "An LSTM and a GRU decide at every step, unit by unit, what to keep and what to write. Here are these decisions, "
    "how long they make a unit remember, and what it keeps track of.",
)
runs = transport(lesson)
if runs:
    shown = runs[0].config
    run = subject(shown, runs[0].meta)
    figures = [*panels(run, theme()), loss_panel([run], theme(), "gates", span=12)]
    gates = [f"{name} gate" for name in shown.network.settable]
    selections: Selections = {
        "gate": ("Gate", [name.capitalize() for name in gates]),
        "layer": ("Layer", shown.layers),
        "variable": ("Variable", [called(name) for name in shown.problem.variables]),
    }
    show(lesson, runs, figures, selections=selections, start={"gate": gates.index(keeper(shown))})


@st.fragment
def elsewhere(run: Run) -> None:
    """A stretch of a text, the units that are on along it, and the places where the same ones are."""
    steps = client().snapshots(run.id)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=300):
            text = st.text_input(
                "Text",
                next(iter(example_inputs(run)), ""),
                max_chars=200,
                key=f"pattern-text{run.config.data[:8]}",  # its own for each text: its letters are that text's
                help="The network reads it from its start",
                bind="query-params",
            )
        last = max(1, len(text) - 1)
        with st.container(width=280):
            names = [f"{at} {literal(letter)}" for at, letter in enumerate(text.ljust(2, "·"))]
            # Its own key for each length: a slider's places may not change under it.
            first, end = st.select_slider(
                "Stretch",
                range(last + 1),
                (min(4, last), min(8, last)),
                names.__getitem__,
                key=f"pattern-stretch{last}",
                bind="query-params",
            )
        with st.container(width=170):
            threshold = st.slider(
                "On is above",
                -0.9,
                0.9,
                0.3,
                0.1,
                key="pattern-threshold",
                help="State h of a unit",
                bind="query-params",
            )
        step = steps[-1]
        if len(steps) > 1:
            with st.container(width=170):
                step = st.select_slider(
                    "Training step", steps, step, key=f"pattern-step{len(steps)}", bind="query-params"
                )
        fresh = st.toggle(
            "Just switched on",
            key="pattern-fresh",
            help="Only units that are off one character before",
            bind="query-params",
        )
    try:
        question = f"{first}-{end} {threshold:.1f}{' new' if fresh else ''}\n{text}"
        with st.spinner("Reading the validation text…"):
            record = client().look(run.id, step, "pattern", question, timeout=WORKER_STARTS)
    except (ValueError, TimeoutError) as error:
        st.warning(literal(str(error)), icon=":material/warning:")
        return
    reel = Reel({}, answers={"pattern": annotator().answer(run, step, "pattern", record)})
    shown = pattern.panels(subject(run.config, run.meta), theme())
    source = f"computed now · your choice · step {step} · {network(run.config)}"
    play(sourced([still(panel, [reel]) for panel in shown], source), key="pattern", heading=3)


asked = st.container()  # filled last: its answer comes from the worker, and nothing on the page has to wait for that
config = lesson.configs(runs)[0]
code = [
    *cells_of([config.model]),
    ("lenses/gates/look.py", "look"),
    ("theory/probes.py", "readout"),
    ("theory/patterns.py", "expected"),
]
lesson_words(lesson, runs, explain(config), MATH, code, EXPERIMENTS)

with asked:
    st.header("Where else are these units on?", anchor=False)
    reader = next((each for each in runs[:1] if each.config.problem.windows and client().snapshots(each.id)), None)
    if reader is None:
        reader = next(iter(runs_of([READER])), None)
        if reader is not None:
            said = (
                f"The network above reads no text, so here is one that does: an LSTM of {reader.config.width} units that "
                f"has read Python’s language reference. [Look into its gates]({address('gates', {'run': READER})})."
            )
            st.caption(marked(said, f"recorded · {network(reader.config)}"))
    if reader is not None:
        elsewhere(reader)
    else:
        st.caption(
            "Choose a stretch of text, and find where else the same units are on: for a network that reads text."
        )
