"""When does theory fail?"""

from collections.abc import Sequence

import streamlit as st

from explainer.charts.source import MATRIX, sourced
from explainer.charts.subject import subjects
from explainer.config import RunConfig
from explainer.families import FAMILIES
from explainer.lenses import LENSES
from explainer.lenses.jacobian.panels import page_panels, preset_panels, selections
from explainer.player import play
from explainer.theory.followed import MOST_STATE
from explainer.ui.lesson import Lesson, open_lesson, show, theme, transport
from explainer.ui.source import cells_of
from explainer.ui.tabs import Experiment, lesson_words
from explainer.words import listed


def explain(configs: Sequence[RunConfig]) -> str:
    """What the pictures show of these networks."""
    words = configs[0].problem.words
    networks = [each.network for each in configs]
    plain, gated = any(each.plain for each in networks), any(each.gates for each in networks)
    bends = {kind for each in networks for kind in each.activations.values()}
    theory, flat, without = [], [], ["by slopes that are a little below 1 at every step", "by directions"]
    if plain:
        theory.append(r"of $W_{hh}$ to the power $k$, as if the network were linear")
    if "tanh" in bends:
        flat.append(r"A tanh that is nearly $\pm 1$ has a slope near 0 and passes nothing back")
    if gated:
        theory.append(r"of the Jacobian of a gated network at rest (state 0, no input), to the power $k$")
        flat.append("a gate that is nearly 0 or 1 can no longer be moved" if "tanh" in bends else "")
        without.append("because gates have moved")
    if "relu" in bends:
        flat.append(f"{'a' if 'tanh' in bends else 'A'} ReLU that is off passes nothing back")
    return rf"""
One step of a recurrent network turns a small change of its state into another one. To first order that is a matrix, the
**Jacobian** $J_t$, and a gradient that travels back $k$ steps is multiplied by $k$ of them. The first picture takes one apart: its
**eigenvalues** as points, its **singular values** as ticks on the real axis. Choose a step, or a product of many steps (then per step).
The networks learn {words.name}. {words.asks}

Points inside the circle (absolute value below 1) shrink what lies in *their* direction, in the long run. But the largest tick says what one step can do to *any*
direction, and it may lie outside while all points lie inside. Then something grows before it shrinks: see the matrix below the
pictures, which grows 38.7 times.

The second picture is the contest. Dashed: **theory**, the spectral radius $\rho$ (the largest absolute value of an eigenvalue) {listed(theory, "or")}.
Bold: what is **measured**, the gradient of the last loss. A dotted upright line
stands where they part by more than ten times.

Why do they part? {listed(flat)}: it is **saturated**. The lower right
picture counts those at each time step, and crosses in the contest mark steps where more than half are. Without any of them theory
can fail too: {listed(without, "or")}.
"""


MATH = r"""
With $s_t$ the top layer's state, $h_t$ or for an LSTM $(h_t, c_t) \in \mathbb{R}^{M}$,

$$
J_t = \frac{\partial s_t}{\partial s_{t-1}} \in \mathbb{R}^{M \times M}, \qquad
\frac{\partial L_T}{\partial s_{T-k}} = \frac{\partial L_T}{\partial s_T} \, J_T J_{T-1} \cdots J_{T-k+1} .
$$

For a plain network $J_t = D_t W_{hh}$ with $D_t = \mathrm{diag}\,\phi'(a_t)$ (Pascanu, Mikolov, Bengio 2013, section 2). With
$D = I$ it is the same matrix at every step, and

$$
\rho^k \leq \lVert W_{hh}^k \rVert_2 \leq \sigma_{\max}^k, \qquad \lVert W_{hh}^k \rVert_2^{1/k} \to \rho .
$$

The upper bound holds for tanh and ReLU as well, since $0 \leq \phi' \leq 1$: $\sigma_{\max} < 1$ is enough for vanishing. $\rho$ bounds nothing once the
$D_t$ differ: $\rho(D_T W D_{T-1} W \cdots)$ can be smaller or larger than $\prod_t \rho(D_t W)$.

**With gates** there is no one matrix. The dashed line is then $\rho(J)^k$ with $J$ at rest: state 0, no input. The dotted one is $\prod_t \sigma_{\max}(J_t)$,
a bound for every network.

**A product of $k$ steps** is shown per step: of each eigenvalue $\lambda = r e^{i\varphi}$ the point $r^{1/k} e^{i\varphi}$, of each singular value
$\sigma^{1/k}$. Those below $10^{-10}$ of the largest are left out, since rounding has made them.

**Saturated** is an activation whose slope is under a tenth of its largest, 1 for tanh and $\tfrac14$ for $\sigma$: $|\tanh a| > 0.949$, or a gate
below 0.026 or above 0.974; of ReLU, a unit that is off. A saturated *gate* does not always stop a gradient: a forget gate at 1 lets it all through.
"""

EXPERIMENTS = (
    Experiment(
        "Start a tanh network with a spectral radius of 3. Theory says that gradients explode. Do they, at step 0?",
        {"networks": "rnn", "init": "gaussian", "radius": "3.0", "steps": "200"},
        "Not as theory says. ρ³⁹ = 4·10¹⁸, and 6·10⁻⁴ is measured with seed 0: it vanishes. With seeds 1 and 2 it grows, but a "
        "thousandfold at most. For 40 to 54 % of the activations are saturated, and the mean slope is 0.28 to 0.35; theory is off "
        "tenfold within four steps back. After a hundred updates ρ is still above 2.5, so theory says more than 10¹⁵, and with each of these "
        "seeds less than a hundredfold is measured.",
    ),
    Experiment(
        "Start with an orthogonal W_hh, which keeps every length (Saxe et al. 2013). How long does theory hold?",
        {"networks": "rnn", "init": "orthogonal", "steps": "200"},
        "For 19 steps within tenfold, with seed 0 at step 0. Nothing is saturated, but the slopes of tanh are 0.87 on "
        "average, and 0.87 at each of 39 steps leaves little: 0.02 is measured where ρ³⁹ = 1. A little less than 1, often enough.",
    ),
    Experiment(
        "Play the GRU's tape and watch its eigenvalue farthest from 0, at the last step. Where does it go when the loss falls?",
        {"network": "2", "step": "185"},
        "To 1. Its absolute value is 0.65 at step 0, 0.84 at step 50 and 1.01 at step 185, when the sum is nearly learnt: a direction in which the "
        "state is kept. Over the last 39 steps the measured gradient goes from 4·10⁻⁸ to 0.17. The network at rest knows little of it "
        "(0.01): the gates open where they need to.",
    ),
    Experiment(
        "Parity has to turn a bit over at every one that is read. Which eigenvalue does that take? Train this minGRU, then one that keeps shares "
        "between 0 and 1 (More, What is kept).",
        {"networks": "mingru", "task": "parity", "keep": "signed", "layers": "2", "lr": "0.005", "steps": "400"},
        "A negative one. With seeds 0, 1 and 2 the smallest eigenvalue of a step comes below −0.9, where a one is read: what is kept changes its sign and loses nothing, and over 99 % of the answers are right. "
        "The other's eigenvalues are never below 0, for they are gates, and with each of these seeds less than 60 % of its answers are right (Grazzi et al. 2025).",
    ),
)

lesson = Lesson(
    key="jacobian",
    shipped=("lesson-microscope-rnn", "lesson-microscope-lstm", "lesson-microscope-gru"),
    row=("task", "length", "width", "lr"),
)


def small_enough(config: RunConfig) -> Sequence[RunConfig]:
    """The run, if the Jacobians of every chosen network can be taken apart.

    Raises:
        ValueError: the state is too large; the sentence names the widest that works.
    """
    models = st.session_state["jacobian:networks"]
    most = min(MOST_STATE // FAMILIES[model](width=1).state_size for model in models)
    if config.width > most:
        raise ValueError(
            f"width = {config.width} makes Jacobians that take too long to take apart. Choose a width of at most {most}."
        )
    return [config]


def obstacle(config: RunConfig) -> str:
    """Why the Jacobians of a network can't be taken apart; "" if they can."""
    if LENSES["jacobian"].suits(config):
        return ""
    return f"The state of this network has more than {MOST_STATE} numbers: too many to take its Jacobians apart here."


open_lesson(
    lesson,
    "A linear network's gradient changes by a fixed factor at each step back: the **spectral radius** of its matrix. Real "
    "networks bend, saturate and open gates. Here is the matrix of each of their steps, and what theory makes of it, beside what is measured.",
)
runs = transport(lesson, small_enough, obstacle)
if runs:
    shown = subjects([(run.id, run.config, run.meta) for run in runs])
    show(lesson, runs, page_panels(shown, theme()), selections=selections(shown))

st.header("A matrix that grows before it decays", anchor=False)
play(sourced(preset_panels(theme()), MATRIX), key="preset", heading=3)

code = [
    ("models/operated_cell.py", "jacobians"),
    ("lenses/jacobian/look.py", "products_back"),
    ("lenses/jacobian/look.py", "per_step"),
    *cells_of(run.config.model for run in runs),
]
lesson_words(lesson, runs, explain(lesson.configs(runs)), MATH, code, EXPERIMENTS)
