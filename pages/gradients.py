"""Why does an RNN forget?"""

import math
from collections.abc import Sequence

import streamlit as st

from explainer.charts.curves import loss_panel
from explainer.charts.dial import KINDS, dial_panel, turn
from explainer.charts.source import MATRIX, sourced
from explainer.charts.subject import subjects
from explainer.config import RunConfig
from explainer.lenses.gradients import panels
from explainer.player import play
from explainer.ui.controls import choice_of
from explainer.ui.lesson import Lesson, open_lesson, show, state_key, theme, transport
from explainer.ui.source import cells_of
from explainer.ui.tabs import Experiment, lesson_words


def explain(configs: Sequence[RunConfig]) -> str:
    """What the pictures show of these networks."""
    config = configs[0]
    words, last = config.problem.words, config.total_length - 1
    networks = [each.network for each in configs]
    plain = {kind for each in networks if each.plain for kind in each.activations.values()}
    gated, hops = any(each.gates for each in networks), [each for each in networks if not each.roles.steps]
    said = [
        rf"""
The networks learn {words.name}. {words.asks}

The upper left chart takes the loss at the last step, $t = {last}$, alone and asks how much it would change if the hidden state at
an earlier step $t$ were nudged: the length of $\partial L / \partial h_t$, mean over eight validation sequences, on a
log axis. A straight line that falls towards the left means the same factor at each step back. At 0.6 per step, {last} {"step" if last == 1 else "steps"}
would leave {_power_of_ten(0.6**last)} of it: a network can't learn from what it read then, because nothing tells it to.
"""
    ]
    if plain:
        slope = r"since $\tanh' \leq 1$ takes its share, and a ReLU that is off passes nothing on"
        if plain == {"tanh"}:
            slope = r"since $\tanh' \leq 1$ takes its share: the more a unit saturates, the more"
        elif plain == {"relu"}:
            slope = "since a ReLU that is off passes nothing on"
        said.append(
            rf"""
The **dashed line** is what theory says of a linear network: its factor in the long run is the spectral radius $\rho$ (the largest
absolute value of an eigenvalue) of $W_{{hh}}$, at this step of training. What is measured mostly falls faster, {slope}.
"""
        )
    if gated:
        nothing = " A plain RNN has no gate to open." if plain else ""
        said.append(
            rf"""
**Gated cells** mostly start no better, with gates half open. But a gate is a number that can be learnt: watch whether the factor in the upper
right chart comes near 1 just before the loss falls.{nothing}
"""
        )
    if hops:
        said.append(
            rf"""
{hops[0].article.capitalize()} **{hops[0].title}** reaches every position in one hop, so its line has no slope from the start (there, the gradient is that
of the first block's input). What it loses it loses in that hop, not by one factor at each step: its sentence says that
there is no steady trend.
"""
        )
    said.append(
        r"""
**Healthy** is said of what arrives at the first step: between a tenth and ten times of the last step's gradient. Less
is called vanishing, more exploding. The upper right chart shows the same as a factor per step, so its grey band is
narrower the longer the sequence.

The opposite, a gradient that **explodes**, is met by clipping: where the whole gradient is longer than the limit, it is
shortened to it and keeps its direction. That helps against growth; nothing of the kind brings back what has vanished.
"""
    )
    return "\n".join(part.strip() + "\n" for part in said)


def _power_of_ten(share: float) -> str:
    """0.6^49 as "$10^{-11}$"; from a hundredth on in digits."""
    return f"{share:.2g}" if share >= 0.01 else f"$10^{{{round(math.log10(share))}}}$"


MATH = r"""
For a plain network $h_t = \phi(a_t)$, $a_t = W_{ih} x_t + W_{hh} h_{t-1} + b$, with $h_t \in \mathbb{R}^N$ and
$W_{hh} \in \mathbb{R}^{N \times N}$, the chain rule gives a product of Jacobians
(Pascanu, Mikolov, Bengio 2013, section 2):

$$
\frac{\partial L_T}{\partial h_t} =
W_{hh}^\top D_{t+1} \; W_{hh}^\top D_{t+2} \cdots W_{hh}^\top D_T \; \frac{\partial L_T}{\partial h_T},
\qquad D_k = \mathrm{diag}\, \phi'(a_k) \in \mathbb{R}^{N \times N}, \quad 0 < \tanh' \leq 1 .
$$

**Rate and bound.** With $D = I$ the product of $k$ factors is $(W_{hh}^\top)^k$. Its rate in the long run is
$\rho = \max_i |\lambda_i|$, the spectral radius of $W_{hh}$; from the first step on

$$
\rho^k \leq \lVert (W_{hh}^\top)^k \rVert_2 \leq \sigma_{\max}^k .
$$

Only $\sigma_{\max} < 1$ *guarantees* shrinking: the powers of
$\begin{pmatrix} 0.9 & 10 \\ 0 & 0.9 \end{pmatrix}$, with $\rho = 0.9$, first grow to 38.7. For independent entries of
variance $s^2$ the circular law says $\rho \to s\sqrt{N}$: torch's start, uniform within $\pm 1/\sqrt N$, has
$\rho \to 1/\sqrt 3 \approx 0.58$. An orthogonal $W_{hh}$ keeps every length (Saxe et al. 2013).

**The factor per step** is the one that leads to what arrives: with $g_t = \lVert \partial L_T / \partial h_t \rVert$ it is
$f = (g_0 / g_T)^{1/T}$, so that $f^T = g_0 / g_T$. Healthy is $10^{\pm 1/T}$, less than tenfold over the $T$ steps from the
loss back to $t = 0$; for $T = 49$ that is 0.954 to 1.048. Outside of it, where the least-squares line through $\ln g_t$
against $t$ explains less than half of the curve's variance, no verdict is given, for one factor does not describe it.

**Gates.** In an LSTM $c_t = f_t \odot c_{t-1} + i_t \odot g_t$, so along the cell state
$\partial c_t / \partial c_{t-1}$ is $\mathrm{diag}(f_t)$ and what the gates add; with $f_t \approx 1$ it neither
shrinks nor grows. The GRU does the same with $z_t$.

**Clipping** (section 3.2 there): $g \leftarrow g \cdot \min(1,\, c / \lVert g \rVert_2)$, with $g$ the gradient of all
parameters together and $c$ the limit.
"""

EXPERIMENTS = (
    Experiment(
        "A plain network without gates that starts with W_hh = I and ReLU units (Le et al. 2015). Which factor does it "
        "start with, and does it learn the task?",
        {"networks": "rnn_relu", "init": "identity"},
        "It starts at × 0.991, healthy: 0.64 of the gradient arrives, because the identity keeps every length. With seeds 0, 1 and 2 "
        "it learns: the validation loss falls below 0.01 between steps 300 and 700, where the tanh network is still above 0.16 at step 800, no better than "
        "guessing the mean sum (0.167). So gates are one way to keep the gradient, not the only one; this way is the shakier one, see "
        "its loss jump: after step 300 single batches still cost over 0.05.",
    ),
    Experiment(
        "Start a tanh network with a spectral radius of 3. Look at step 0: does the gradient grow as theory says?",
        {"networks": "rnn", "init": "gaussian", "radius": "3.0", "steps": "400"},
        "It explodes, by × 1.26 per step back: the gradient norm is above 10⁵ and is clipped to 1. But ρ⁴⁹ would be "
        "10²³: the units saturate, and tanh′ near 0 takes most of it away. What training makes of it is a matter of luck: where the "
        "gradient explodes, the last bit of a number decides. With seeds 0, 1 and 2 the norm at step 400 is a thousand times "
        "smaller or less, and the task is not learnt.",
    ),
    Experiment(
        "Give the LSTM a forget-gate bias of 2, so that it starts by keeping (Jozefowicz et al. 2015). What changes at "
        "step 0, and when does the loss fall?",
        {"networks": "lstm", "forget_bias": "2.0"},
        "At step 0 the factor is × 0.923 instead of × 0.58, so 0.923⁴⁹, about 1/50, of the gradient arrives at t = 0, "
        "where it was less than 10⁻¹¹. A better start, and still no promise: the first hundred steps bring it down to × 0.82. "
        "With seeds 0, 1 and 2 the validation loss falls below 0.02 between steps 450 and 600, which is sooner than without the bias each time "
        "(with seed 1, that takes more than 800 steps).",
    ),
)

lesson = Lesson(
    key="gradients",
    shipped=("lesson-gradients-rnn", "lesson-gradients-lstm", "lesson-gradients-gru"),
    row=("task", "length", "lr"),
)


def start_with(kind: str, radius: float) -> None:
    """Set the controls so that the next run's W_hh begins as the dial has it."""
    st.session_state[state_key(lesson.key, "init")] = "orthogonal" if kind == "orthogonal" else "gaussian"
    st.session_state[state_key(lesson.key, "radius")] = radius


@st.fragment
def dial() -> None:
    """The spectral radius, turned by hand; closed form, so it answers at once."""
    knobs, picture = st.columns([3, 9], gap="medium")
    with knobs:
        radius = st.slider(
            "Spectral radius ρ of W_hh",
            0.1,
            2.0,
            0.9,
            0.01,
            key="dial-radius",
            help="Its largest |eigenvalue|",
            bind="query-params",
        )
        kind = choice_of("Matrix", KINDS, "gaussian", "dial-kind")
        N = st.select_slider(
            "Hidden units N",
            (2, 4, 8, 16, 32, 64, 128),
            64,
            key="dial-units",
            disabled=kind != "gaussian",
            bind="query-params",
        )
        fits = kind == "gaussian" or (kind == "orthogonal" and radius == 1)
        if st.button(
            "Start W_hh like this",
            icon=":material/arrow_upward:",
            on_click=start_with,
            args=(kind, radius),
            disabled=not fits,
            help="Sets the start of W_hh in the controls above; then press Train",
        ):
            st.toast(f"W_hh will start with ρ = {radius:g}. Press Train.")
            st.rerun()
    with picture:
        play(sourced([dial_panel(turn(kind, radius, N), theme())], MATRIX), key="dial", heading=3)


open_lesson(
    lesson,
    "To learn from what it read long ago, a network must carry the **gradient** of a late loss back through every "
    "step in between. Each step multiplies it, so over many steps it vanishes or explodes. Here it is, measured "
    "in networks that learn from the same batches: gates learn to let it through.",
)
runs = transport(lesson)
if runs:
    shown = subjects([(run.id, run.config, run.meta) for run in runs])
    look = theme()
    gradient = [panels.through_time_panel(shown, look), panels.factor_panel(shown, look)]
    loss = loss_panel(shown, look, "gradients", height=250)
    whole = [panels.clipping_panel(shown, look), panels.parameters_panel(shown, look)]
    show(lesson, runs, [*gradient, loss, *whole], selections=panels.selections(shown))

st.header("Turn the dial", anchor=False)
dial()

code = [
    ("lenses/gradients/look.py", "look"),
    ("theory/jacobian.py", "mean_factor"),
    ("training/optimizer.py", "clip_factor"),
    *cells_of(run.config.model for run in runs),
]
lesson_words(lesson, runs, explain(lesson.configs(runs)), MATH, code, EXPERIMENTS)
