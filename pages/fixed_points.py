"""Where does memory live?"""

from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.lenses.fixed_points.panels import panels, selections
from explainer.theory.followed import MOST_SEARCHED
from explainer.ui.lesson import Lesson, open_lesson, show, theme, transport
from explainer.ui.source import cells_of, is_there
from explainer.ui.tabs import Experiment, lesson_words


def explain(config: RunConfig) -> str:
    """What the pictures show of this run."""
    words, memories = config.problem.words, config.problem.memories
    if memories is not None:
        question = f"So {words.memory[0].lower()}{words.memory[1:]} How does a thing that moves at every step stay where it is?"
        born = rf"""
Drag the bar. An untrained network mostly has a single stable point, and forgets everything on the way to it. One that has learnt the
task needs **{memories.count} stable points**, one for each memory (hover to read the output there). At their most regular they are
{memories.shape}. The sentences say how many were found at this step.

The thin line is the path of one sequence. Where the task is learnt, it sits at a stable point, jumps when a pulse is read, and sits at another one."""
    else:
        question = f"{words.memory} Does it stay, and where, if nothing comes in?"
        born = rf"""
Drag the bar. An untrained network mostly has a single stable point, and forgets everything on the way to it. A memory that must last
while nothing comes in needs a stable point for each thing that it may hold. In this task a {words.token} comes in at every step, so a network may
do without; see what training makes of it here.

The thin line is the path of one sequence, which its inputs push on at every step. Where it ends, a sentence says which point is nearest."""
    return rf"""
This network learns {words.name}. {words.asks} {question}

Switch the input off and ask where the state $s$ would not move at all: $F(s) = s$. Such a **fixed point** is *stable* (a disc) if the
state returns to it after any small push. It is *unstable* if it has **ways out**, directions along which a push grows: a diamond has one,
a square two, a triangle three or more. Most of these are *saddles*, which draw the state in along all the others. Between the two it is
*neutral* (a hexagon): no push grows, but along some direction none fades either, so the state stays where it was put. A cross is a slow
point, where the state almost stays.
{born} The second map
shows the same from the side. Click a point to take it apart: its eigenvalues say how fast the state comes back, or leaves. {words.typed}
"""


MATH = r"""
One step without input is a map of the state to itself, $s_{t} = F(s_{t-1})$ with $F(s) = \mathrm{cell}(x = 0,\, s)$; $s$ is $h \in \mathbb{R}^N$, and for
an LSTM $(h, c) \in \mathbb{R}^{2N}$. Fixed points are where

$$
q(s) = \tfrac{1}{2} \lVert F(s) - s \rVert^2 = 0 .
$$

**The search** (Sussillo & Barak 2013, section 2; Golub & Sussillo 2018) starts from up to 1024 states that the network
passes through (fewer where the state is large), half of them midpoints of two, all with noise. Each goes down $q$ by Levenberg and Marquardt's method: with $g = F(s) - s$ and
$A = \partial F / \partial s - I$,

$$
\bigl( A^\top A + \mu I \bigr) \, d = -A^\top g, \qquad s \leftarrow s + d \ \text{ if that lowers } q,
$$

$\mu$ being lowered after a success and raised else. $q < 10^{-20}$ counts as **fixed** (the state moves by less than $2 \cdot 10^{-10}$ a step),
$q < 10^{-5}$ at the end of 40 rounds as a **slow point** (less than $0.0045$ a step). Points closer than a hundredth of the states' spread are one; those
three times as far out as the network ever goes are dropped. A search can miss points. It can't invent fixed ones.

**Around a point** $s^*$ a small distance $\delta$ follows the linear map

$$
\delta_{t} = J \, \delta_{t-1}, \qquad J = \frac{\partial F}{\partial s} \Big|_{s^*} .
$$

Every eigenvalue of $J$ with $|\lambda| < 1$ is a direction in which the state comes back, halving the distance in $\ln \frac12 / \ln |\lambda|$ steps; every one with
$|\lambda| > 1$ is a way out. All inside the circle: **stable**; at least one outside: **unstable**; none outside, but at least one on it: **neutral**. A length counts as 1
where it is closer to 1 than $10^{-4}$: that changes a distance by less than a tenth in 1,000 steps, and a search that stops at $q = 10^{-20}$ can't tell it
apart from 1 where two points have just met. (With $W_{hh} = I$ and ReLU every state of active units is a fixed point: a continuum, all of it neutral,
of which a search finds as many points as it has starts.
A ReLU unit whose input is 0 to $10^{-9}$ counts as on.) At most 96 points are kept and drawn; counts are of all that were found.

**The maps** are the first three principal components of all states and points of the whole tape, the same axes at every step. **Without a memory**
the best mean squared error of the flip-flop is $(1 - p)(T - 1) / T$, with $p = 0.2$ the probability of a pulse: right where one comes in, and 0 elsewhere.
"""

EXPERIMENTS = (
    Experiment(
        "Watch the memories being born: go through the tape from step 39 to step 70. Do all eight come at once?",
        {"step": "39"},
        "Nearly. At step 39 there is still a single stable point. At step 52 there are 3, with 4 saddles and 2 slow points where "
        "others are about to appear, and at step 70 all 27. From then on they only move apart, and the outputs there go to ±1.",
    ),
    Experiment(
        "Let a network hold two bits. How many points will there be?",
        {"bits": "2"},
        "Nine: 4 stable ones at the corners of a square, a saddle on each of its 4 sides, and one point with two ways out in the "
        "middle. Each bit can be +, − or undecided, so it is 3² = 9, as it is 3³ = 27 for three bits. LSTM and tanh RNN came out the same.",
    ),
    Experiment(
        "Does every memory live in a fixed point? Train a GRU on the adding problem, which it solves.",
        {"task": "adding", "length": "30", "width": "32", "lr": "0.005", "steps": "700"},
        "No. At step 700, with seed 0, there is one stable point, and without input the state goes back to it, the slowest "
        "direction by × 0.897 per step: half is forgotten in 6.4 steps. Its sums are held only while numbers keep coming in, as they do "
        "at every step of that task.",
    ),
)


def jacobian_of(step: str) -> tuple[str, str]:
    """Where the Jacobian of a cell's step is: in closed form, or by autograd."""
    closed = ("lenses/fixed_points/cell_jacobians.py", f"_{step.removesuffix('_cell')}")
    return closed if is_there(*closed) else ("models/operated_cell.py", "jacobians")


lesson = Lesson(key="fixed-points", shipped=("lesson-flipflop",), row=("task", "model", "width", "lr", "seed"))


def obstacle(config: RunConfig) -> str:
    """Why there is nothing to see of a run, with the way out; "" if there is."""
    if config.layers > 1:
        sought = "fixed points are searched for in networks of one layer"
        return f"layers = {config.layers}: {sought}. Choose 1 (under More)."
    if config.network.state_size > MOST_SEARCHED:
        most = MOST_SEARCHED // config.but(width=1).network.state_size
        return f"width = {config.width} makes the search for fixed points too long. Choose a width of at most {most}."
    return ""


open_lesson(
    lesson,
    "Switch the input of a network off, and look where its state **stays**. What it must not forget while nothing comes in needs such a "
    "place. Here they are at every step of training, with the saddles between them, and the path of one sequence.",
)
runs = transport(lesson, obstacle=obstacle)
if runs:
    run = subject(runs[0].config, runs[0].meta)
    show(lesson, runs, panels(run, theme()), selections=selections(run))

config = lesson.configs(runs)[0]
cells = cells_of([config.model])
look = [("lenses/fixed_points/look.py", "search"), ("lenses/fixed_points/look.py", "descend")]
code = [*look, *(jacobian_of(step) for _, step in cells), *cells]
lesson_words(lesson, runs, explain(config), MATH, code, EXPERIMENTS)
