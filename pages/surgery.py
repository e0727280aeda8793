"""What if I break it?"""

from dataclasses import replace

import streamlit as st

from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.lenses.surgery.panels import branch_panel, panels
from explainer.lessons import LESSONS
from explainer.player import Track, play
from explainer.player.backend import annotator
from explainer.runs.store import ACTIVE
from explainer.surgery import Surgery
from explainer.ui import operating
from explainer.ui.lesson import example_inputs, steered, steering, theme
from explainer.ui.run_table import branch
from explainer.ui.sharing import says_whose, share_control
from explainer.ui.tabs import Experiment, words_below
from explainer.words import literal

SHIPPED = ("lesson-microscope-lstm", "lesson-attention")


def explain(config: RunConfig) -> str:
    """What the pictures show of this run, and what can be done to its network."""
    words, network = config.problem.words, config.network
    part, keeper = network.site, network.keeper
    ways = []
    if network.roles.attention:
        ways.append("- **A head** that is off adds zeros to the residual stream.")
    if network.roles.steps:
        unit = "is set to one number at every step, so nothing can be written into it or read from it"
        ways.append(f"- **A unit** {unit}.")
    if keeper:
        gate = f"{keeper.article} {keeper.name} gate at 1 {keeper.opened}, at 0 it keeps nothing"
        ways.append(f"- **A gate** is set to one number in all units: {gate}.")
    if not network.roles.steps:
        told = "each token is told the place of another one. What it may look at stays as it was"
        ways.append(f"- **The positions** are shuffled: {told}.")
    memory = "at step t becomes what it would be after *another* input. From there on it reads its own"
    ways.append(f"- **Its memory** {memory} {words.token}s again.")
    return f"""
A picture of a network shows what goes *along* with its answers. What is *needed* for them shows only when it is taken away.
This network learns {words.name}. {words.asks}

**Bold** is the operated network, **dashed** the same weights untouched, on the same sequence. Below, the loss {words.token} by {words.token}
({words.counted}). To the right, every {part} was switched off in turn, the others being whole: a long bar is missed, a bar at zero could go, a bar
below zero was in the way. Click one to operate on it. The last picture keeps these bars for every kept step of training.

A loss is a mean over some sequences, so a bar has an error: its **whisker** is two standard errors long, up and down. Counted as missed are
bars that are above the **dotted line**, a tenth of the longest, and whose whisker ends above zero. The longest of many bars is too long in the
mean, for luck had a hand in choosing it; so the sentences measure it again, on sequences that did not choose it. Your own sequence is
one, and has no error.

{chr(10).join(ways)}

A part that is missed is not therefore *where* the answer is made: the rest was trained to work with it, and zero may be a number that it
never saw. **Train on like this** asks the next question: do the others take over? The run starts from the weights of this moment,
the operation stays in every forward pass, and its parent is shown beside: its loss, and faint in the other pictures the moment that the run goes on from.
"""


MATH = r"""
With $f_\theta$ the network and $L$ the mean loss of the sequences looked at, a bar is

$$
\Delta_k = L\bigl(f_\theta \mid u_k := 0\bigr) - L(f_\theta), \qquad u_k = h_{t,k} \text{ for all } t, \text{ or all that head } k \text{ reads.}
$$

Sequences of a batch do not touch each other, so the batch is repeated once for each $k$, and one forward pass gives all bars.

**Errors.** Sequence $i$ has $b_i$ positions that count, and $a_i$ is the sum of $\ell' - \ell$ over them, the same sequence with and without. Then

$$
\Delta = \frac{\sum_i a_i}{\sum_i b_i}, \qquad \text{SE} = \frac{1}{\sum_i b_i} \sqrt{\frac{n}{n-1} \Bigl(1 + \frac nm\Bigr) \sum_i (a_i - \Delta\, b_i)^2} .
$$

For $n$ sequences drawn anew $m = \infty$. A text or a series holds only $m$ windows that do not overlap, however many are drawn. "91 ± 7 times" is the
same formula with the losses operated as $a_i$ and untouched as $b_i$ (the delta method); a ratio is said only where the untouched loss is more than five
of its own standard errors (Cochran 1977, §6.4).

**A unit at 0** is the same as zeros in its outgoing weights: column $k$ of $W_{hh}$, of the readout and of the next layer's $W_{ih}$.
**A head off** is zeros in its columns of the output projection (Michel et al. 2019).

**A gate set to one number.** In an LSTM $c_t = f_t \odot c_{t-1} + i_t \odot g_t$. With $f = 1$ and $i = 0$, $c_t = c_0$ for ever.

**Positions.** With a permutation $\pi$ token $t$ gets what belongs to place $\pi(t)$: the row of the table, the angle of a rotation, or the
bias between $\pi(t)$ and $\pi(s)$. The causal mask stays, so without positions nothing changes.

**Memory.** For a recurrent network $(h_t, c_t)$ of all layers, for a Transformer the keys and values up to $t$. As both follow from
what was read, the answer afterwards is that of an input made of the donor up to $t$ and the own one after it.

How far an output moves is $|o - o'|$, or for tokens $\tfrac12 \sum_v |p_v - p'_v|$, the probability that goes elsewhere.
"""

EXPERIMENTS = (
    Experiment(
        "Here the LSTM's forget gate is set to 1 at every step, at the end of training: it never forgets. Is that harmless, in a task where all "
        "depends on remembering?",
        {"surgery": "layer 1 gate forget = 1", "step": "800"},
        "No: the loss rises by 0.21 ± 0.01, from 0.0025 to 0.21. The cell also keeps what it should drop, and the answer comes out "
        "too high. But train on like this for 300 steps and it learns to live with it: the validation loss is less than 0.1 "
        "after one step, 0.002 after 50 and less than 0.001 after 300.",
    ),
    Experiment(
        "Of the eight heads of this Transformer, head 1 of layer 1 looks at the previous token. What is left of the whole without it?",
        {"run": "lesson-attention", "surgery": "layer 1 head 1 off", "step": "800"},
        "Worse than nothing: the loss of 1.4 rises by more than 2.5 (± 0.1), to more than 4, and a guess among 32 symbols would have ln 32 = 3.5. The heads of "
        "layer 2 that copy what came after the last occurrence find it by what this head writes; without it they are sure of "
        "the wrong token. Head 2 beside it can nearly go: that costs 0.01.",
    ),
    Experiment(
        "Unit 10 of the LSTM is switched off: the loss is 0.24 ± 0.01 higher, nearly a hundred times what it was. Press Train on like this. "
        "Is a unit that is missed so much one that can't be replaced?",
        {"surgery": "layer 1 unit 10 = 0", "step": "800"},
        "It can. After the first step the validation loss is about 0.17, that of guessing the mean sum. After 50 steps it is 0.04, "
        "after 300 less than 0.002; the parent had less than 0.003 when the branch began. What was missed was this unit's part in "
        "these weights, not the unit.",
    ),
)

run = operating.open_page(
    "To find out what a part does, take it away. Keep a gate open, zero a unit, switch a head off, and see at once what the "
    "network says then, beside what the same weights say **untouched**.",
    SHIPPED,
)
if run is None:
    st.info("Nothing is recorded yet. Train a network on another page.")
else:
    surgery, trouble = Surgery(), ""
    with st.container(horizontal=True, vertical_alignment="bottom", key="surgery-controls"):
        with st.container(width=410):
            operating.choose_run(run, SHIPPED)
        try:
            surgery = operating.surgery_controls(run.config)
        except ValueError as error:
            trouble = str(error)
        operating.branch_control(run, surgery)
        steering("surgery", steered([run]))
        share_control("surgery", [run])
    says_whose([run])
    if trouble:
        st.error(literal(trouble), icon=":material/error:")
    operating.write_address(run, SHIPPED, surgery)
    about, parent = subject(run.config, run.meta), operating.parent_of(run)
    if branch(run.config):
        st.caption(literal(f"This run {branch(run.config)}. That stays; what you choose above comes on top."))
    shown = panels(about, theme())
    if parent is not None and run.config.branched_from is not None:
        beside = branch_panel(about, annotator().metrics(parent), run.config.branched_from[1], theme())
        output, worth, losses, history = shown
        shown = [output, worth, beside, replace(losses, span=4), replace(history, span=4)]
    play(
        shown,
        [Track(run.id, ("surgery",), run.status in ACTIVE, operating.shown(run, surgery, bool(trouble)))],
        key="surgery-player",
        ask=example_inputs(run),
        surgery=str(surgery),
        on_surgery=operating.surgery_from_text,
    )
words_below(
    "surgery",
    explain=explain(run.config if run is not None else LESSONS[SHIPPED[0]].config),
    math=MATH,
    code=[
        ("models/operate.py", "edits"),
        ("models/operate.py", "_edit"),
        ("models/swap.py", "swapped"),
        ("lenses/surgery/look.py", "knock_out_losses"),
        ("lenses/surgery/look.py", "_losses_without"),
        ("lenses/surgery/look.py", "check"),
        ("theory/paired.py", "quotient"),
    ],
    experiments=EXPERIMENTS,
    again=run,
)
