"""How far back can it remember?"""

from collections.abc import Sequence

import streamlit as st

from explainer.charts.source import sourced
from explainer.config import MODELS, RunConfig
from explainer.lenses.hidden_states import answers as figures
from explainer.lenses.reach.panels import Memory, page_panels
from explainer.player import play
from explainer.runs.outcomes import Outcome
from explainer.runs.rows import StoredSweep
from explainer.tasks import TASKS
from explainer.ui.asking import ask_all, common_examples, own_input, refusals, what_differs
from explainer.ui.controls import choice_of
from explainer.ui.lesson import theme
from explainer.ui.source import method_of
from explainer.ui.sweeping import (
    Listed,
    SweepPage,
    board,
    name_of,
    open_sweep,
    outcomes_shown,
    shown_of,
    sweep_transport,
)
from explainer.ui.tabs import Experiment, words_below


def explain(base: RunConfig, recorded: bool) -> str:
    """What the charts show of a sweep with these settings.

    Args:
        base: of its runs.
        recorded: whether it is the sweep that ships, of which results are told.
    """
    words, lag = base.problem.words, base.problem.lag
    assert lag is not None, base.task
    within = reached = ""
    gates = """
Gates are numbers that can be learnt: see in the second chart whether the gradient of an LSTM or a GRU reaches further back after training (dotted).
"""
    if recorded:
        within = " For the plain RNN that is nearly the whole story: it learns lags within its horizon, half learns the next one, and nothing beyond."
        gates = """
With **gates** the story has a second half. The LSTM and the GRU start with a horizon as short, and learn lags several times as long. Gates are numbers that
can be learnt, and what little gradient arrives opens them. See the second chart: after training (dotted) their gradient reaches all the way back.
"""
        reached = (
            " All that learnt are above, and all that failed are below. Reaching is what a network needs; the first experiment under Try shows that it is "
            "not enough. Near its edge a network's luck counts too: with another seed the longest lag of the LSTM is shorter, and its gradient does "
            "not reach further either."
        )
    return f"""
The networks learn {words.name}. {lag.asks}

Every point of the first chart is a run of its own: the same network, the same number of updates, another sequence length. Below the length stands the **lag**, the
steps between reading something and having to say it: {lag.said}. The height says how much of the loss of a guesser without memory is gone: 1 is perfect, 0 is nothing learnt.

The dashed upright lines were there **before** the first update. They stand where the gradient of the last loss has fallen under 1 % of itself on its
way back: the **horizon**. What lies beyond it hardly tells the network anything.{within}
{gates}
The third chart asks each run after its training: does the gradient reach the lag? Above the dotted diagonal it does.{reached}

**Ask with a sequence of your own**, below the pictures, once you have trained: every network answers it, as it was before its first update and after its last.

All runs of a sweep are ordinary runs. They train one after the other, **Stop** keeps what is done, and **Go on** trains the rest.
"""


MATH = r"""
With $s_t$ the state of the top layer, $h_t$ or for an LSTM $(h_t, c_t)$, and $L_T$ the loss at the last step, let

$$
r_k = \frac{\lVert \partial L_T / \partial s_{T-k} \rVert}{\lVert \partial L_T / \partial s_T \rVert},
\qquad
\text{horizon} = \min \{ k : r_k < 0.01 \},
$$

with the norms a mean over eight validation sequences, and $k$ taken between two steps where the straight line through $\ln r$ crosses $\ln 0.01$. A network
whose gradient changes by the same factor $f$ at each step has $r_k = f^k$ and the horizon $\ln 0.01 / \ln f$: 9 steps at $f = 0.6$, 459 at 0.99. For a linear
network $f$ is in the long run the spectral radius $\rho$ of $W_{hh}$ (Pascanu, Mikolov, Bengio 2013, section 2). The dashed lines are measured at step 0 in the
longest sequences of the sweep.

**Lag.** Copy memory: each of ten symbols is said $d + 10$ steps after it was read, $d$ being the delay, the setting *length*. Adding problem: the answer comes at
step $T - 1$ and the first marked number lies uniformly in the first half, so on average $T - 1 - (\lfloor T/2 \rfloor - 1)/2$ steps before.

**Score.** $1 - L / L_0$ on validation sequences, with $L_0$ the loss without a memory: $1/6$ for guessing the mean sum, 1, every time in the adding problem, or
$10 \ln(\text{symbols}) / (d + 20)$ for copy memory (Arjovsky et al. 2016, section 4.1). *Right answers* are symbols recalled (chance: 1 / symbols), or sums less
than 0.04 off; guessing 1 every time is so near in $2 \cdot 0.04 - 0.04^2 = 7.8\,\%$ of all cases. *Learnt* means more than half the way from that to 1.
"""

EXPERIMENTS = (
    Experiment(
        "Start the tanh network with an orthogonal W_hh, which keeps lengths. Its gradient reaches five times as far before training. Does it "
        "learn lags five times as long? (About 20 seconds.)",
        {"networks": "rnn", "init": "orthogonal", "lengths": "10,20,40,80"},
        "No. With seed 0 the horizon before training is 46.5 steps at T = 80 instead of 8.5, and at T = 10 the score is above 0.7 with seeds 0, 1 "
        "and 2, but at T = 20 it is at most 0.25 and at T = 40 less than 0.2, no better than after the usual start. "
        "The updates don't keep it: at T = 40 the gradient reached all the way before training, and after it no longer does with every seed. "
        "A gradient that arrives is needed; it is not enough.",
    ),
    Experiment(
        "Give the LSTM's forget gates a bias of 3, so that it begins by keeping (Jozefowicz et al. 2015). Where does the dashed line go, and does it learn more?",
        {"networks": "lstm", "forget_bias": "3.0", "lengths": "10,20,40,80"},
        "The dashed line is gone: even over 79 steps the gradient never falls under 1 %. With seed 0 the score at T = 80 is hardly better, 0.99 "
        "against 0.98: the usual start finds the way too. With seeds 1 and 2 it does not, with scores of about 0, and the bias of 3 gets more than half of the way at least.",
    ),
    Experiment(
        "The short one for a class: three lengths and 300 updates, a quarter of a minute. What changes against the recorded sweep, and what can't?",
        {"lengths": "5,10,20", "steps": "300"},
        "The dashed lines stay: they are from before the first update. At T = 20 the GRU is nearly done at 300 updates, with 0.99; "
        "the LSTM has 0.95 with seed 0, and less than 0.2 with seeds 1 and 2. The RNN has 0.49 at T = 10 and less than 0.2 at T = 20, against more "
        "than 0.9 and 0.4 after 800 (seed 0). At the edge of its horizon it learns, but slowly.",
    ),
)

SCORES = {"loss": "Loss that is gone", "right": "Right answers"}
LAGGED = tuple(sorted(kind for kind, problem in TASKS.items() if problem().lag is not None))
"""The tasks whose answer lies a known number of steps back."""

page = SweepPage(
    key="memory-horizon",
    lesson="lesson-horizon",
    listed=(Listed("length", "lengths", "Lengths T"), Listed("model", "networks", "Networks", MODELS)),
    row=("task", "steps"),
    choices={"task": LAGGED},
)


def memories(outcomes: Sequence[Outcome], score: str) -> list[Memory]:
    """The outcomes as the charts see them."""
    return [
        Memory(
            model=outcome.config.model,
            length=outcome.config.total_length,
            delay=outcome.config.length if outcome.config.total_length > outcome.config.length else 0,
            lag=lag.steps if (lag := outcome.config.problem.lag) else float("nan"),
            score=scored(outcome, score),
            first=outcome.first.get("reach"),
            last=outcome.last.get("reach"),
        )
        for outcome in outcomes
    ]


def scored(outcome: Outcome, score: str) -> float:
    """The share of right answers, or 1 - loss / the loss without a memory; NaN before the end of training."""
    if not outcome.done:
        return float("nan")
    if score == "right":
        return outcome.final[outcome.config.problem.accuracy]
    return 1 - outcome.final["validation loss"] / outcome.meta["baseline"]


RECORDED = (
    "The recorded sweep keeps no weights, so its networks can't be asked. Press **Train** to make networks that can: with the lengths "
    "5, 10, 20 and 300 steps it takes a quarter of a minute.",
    "memory-horizon?lengths=5,10,20&steps=300",
)


@st.fragment
def own_sequence(shown: StoredSweep | None) -> None:
    """A sequence of the viewer's own, and what each network answers to it before and after training."""
    outcomes = outcomes_shown(page, shown)

    def answers(text: str) -> None:
        asked = ask_all(outcomes, "hidden_states", text, first=True)
        found = [
            figures.Answer(
                name=name_of(page, each.outcome.config),
                model=each.outcome.config.model,
                length=each.outcome.config.length,
                before=each.records[0] if len(each.records) > 1 else None,
                after=each.records[-1],
            )
            for each in asked
            if each.records
        ]
        if found:
            source = f"computed now · your input · before and after training · {len(found)} runs"
            play(sourced(figures.panels(found, theme()), source), key="memory-horizon-answers")
        what_differs(asked, text)
        refusals(asked, lambda outcome: name_of(page, outcome.config))

    examples = common_examples([outcome.config for outcome in outcomes] or page.sweep.configs)
    own_input("memory-horizon", "Ask with a sequence of your own", examples, outcomes, RECORDED, answers)


def draw(outcomes: Sequence[Outcome]) -> None:
    """The charts, with a choice of what counts as remembering."""
    score = choice_of("Score", SCORES, "loss", "horizon-score", label_visibility="collapsed")
    if not outcomes:
        st.info("Nothing is recorded yet. Press Train.")
        return
    lag = outcomes[0].config.problem.lag
    axis, baseline, name = "share of the loss that is gone", 0.0, "a guesser without memory"
    if score == "right" and lag is not None:
        axis, baseline, name = lag.axis, lag.chance, lag.guess
    done = sum(outcome.done for outcome in outcomes)
    charts = page_panels(memories(outcomes, score), theme(), axis, baseline, name)
    source = f"recorded · first and last step · {done} of {len(outcomes)} runs"
    play(sourced(charts, source), key="memory-horizon", link=True, shown=shown_of(page))


open_sweep(
    page,
    "Each network learns the same task again and again, each time with a longer sequence, and so a longer **lag** between what it reads and what it "
    "has to say. "
    "Where does it stop learning, and could its gradient before training have told us?",
)
shown = sweep_transport(page)
board(page, shown, draw)
own_sequence(shown)

base = (shown or page).sweep.base
words_below(
    "memory-horizon",
    explain=explain(base, recorded=shown is None),
    math=MATH,
    code=[
        ("theory/jacobian.py", "gradient_horizon"),
        method_of(type(base.problem), "lag"),
        ("lenses/reach/look.py", "look"),
        ("runs/turns.py", "next_up"),
    ],
    experiments=EXPERIMENTS,
    again=(shown or page).sweep.configs[-1],
)
