"""Who can learn what, and who can't?"""

from __future__ import annotations

from collections.abc import Sequence

from explainer.charts.curves import loss_panel
from explainer.charts.subject import network, subjects
from explainer.config import RunConfig
from explainer.families import FAMILIES
from explainer.lenses.race.panels import race_panels
from explainer.ui.lesson import Lesson, open_lesson, show, theme, transport
from explainer.ui.source import cells_of
from explainer.ui.tabs import Experiment, lesson_words


def explain(configs: Sequence[RunConfig]) -> str:
    """What the pictures show of these networks."""
    config = configs[0]
    words = config.problem.words
    good = "\n".join(
        f"- **{each.network.title}** ({network(each)}) is good for {FAMILIES[each.model].good_for}." for each in configs
    )
    return f"""
The networks learn {words.name}. {words.asks}

All of them see **the same batches in the same order**, take the same number of steps and have the same learning rate, so what differs is the
network. The first chart says how often each is right on new sequences of the length of training, T = {config.length}. Solved is said from the
first measurement on after which {0.99:.0%} of the answers were right every time.

The second asks each for shorter and longer sequences than it was trained on. Who has found the **rule** goes on being right; who has learnt by
heart what can be done within T falls to chance (dotted). Whiskers are a standard error, whole sequences counting as one.
The third says where within a sequence of training the answers are right.

{good}

**What one race does not say.** A network that fails here fails at this width, this learning rate and this seed. Another rate may do: go through
some, and through three seeds, before you call a network unable. And a task on which one side wins has its counterpart on which the other does:
recurrent networks keep one state in order, attention finds what stands anywhere.
"""


MATH = r"""
With $r_{bt} \in [0, 1]$ how much of the answer at step $t$ of sequence $b$ is right and $J$ the steps that are judged, the share of right answers is

$$
a = \frac{\sum_{b} \sum_{t \in J_b} r_{bt}}{\sum_b |J_b|} .
$$

Steps of one sequence are not independent, so its standard error counts whole sequences, as that of a ratio of two sums: with
$d_b = \sum_{t \in J_b} r_{bt} - a\,|J_b|$ over $B$ sequences,

$$
\mathrm{se} = \frac{\sqrt{\tfrac{B}{B-1} \sum_b d_b^2}}{\sum_b |J_b|} .
$$

**Why parity divides them.** $y_t = y_{t-1} \oplus x_t$ is one bit that every one turns over. A recurrent cell can do that with a state of two values, at any length. A linear
recurrence $h_t = a_t h_{t-1} + b_t$ can only if $a_t$ may be **negative**: with $0 \le a_t \le 1$ what is kept never changes its sign
(Grazzi et al. 2025). Softmax attention of fixed depth takes means of what it reads, and one bit of $T$ changes a mean by $1/T$: the longer the sequence,
the finer the difference that has to be seen (Hahn 2020).
"""

EXPERIMENTS = (
    Experiment(
        "Let the minGRU keep a share of its state and never its opposite, as in the paper. Can it still turn a bit over?",
        {"networks": "mingru", "keep": "positive"},
        "No: with seeds 0, 1 and 2 it ends below 60 % right, little better than guessing, where the one that may be negative is above 99 % by step 200.",
    ),
    Experiment(
        "The word problem: what has a row of rearrangements made together, where their order counts? Who follows?",
        {"networks": "lstm,gru,mingru", "task": "words", "length": "16", "layers": "1", "width": "64", "lr": "0.005"},
        "With seeds 0, 1 and 2 the LSTM and the GRU are above 99 % right after 400 steps, and above 95 % at four times the length. The minGRU with one layer stays under 80 %.",
    ),
    Experiment(
        "Recall: pairs of a key and a value, then keys. One head of attention that also sees what stood a step before (a short convolution) is very "
        "small. Can the others keep up?",
        {
            "networks": "lstm,mingru,transformer",
            "task": "recall",
            "length": "64",
            "pairs": "8",
            "layers": "1",
            "width": "16",
            "heads": "1",
            "mlp": "false",
            "conv": "3",
            "positions": "none",
            "lr": "0.003",
        },
        "No: with seeds 0, 1 and 2 the Transformer, 2,224 numbers in all, is above 95 % right after 400 steps, and the LSTM and the minGRU are below 40 %. An LSTM of 64 units "
        "stays below 40 % as well, at learning rates of 0.001, 0.003 and 0.01. Here the other side wins: what has to be found stands anywhere, and there is too much of it for one state.",
    ),
    Experiment(
        "The flip-flop language: one bit to keep past many that must be ignored. Does attention hold on to it?",
        {"networks": "lstm,transformer", "task": "flipflop-language", "length": "64", "width": "64", "lr": "0.005"},
        "The LSTM is above 99 % right, at four times the length too (seeds 0, 1 and 2). Watch how far the Transformer gets within the length of training, and beyond.",
    ),
)

lesson = Lesson(
    key="race",
    shipped=("lesson-race-rnn", "lesson-race-lstm", "lesson-race-mingru", "lesson-race-transformer"),
    row=("task", "length", "lr"),
)

open_lesson(
    lesson,
    "Recurrent networks against attention, and what lies between: the **same task, the same batches, the same number of steps**. Who finds the rule, "
    "who only what happens to work within the length of training, and who neither?",
)
runs = transport(lesson)
if runs:
    shown = subjects([(run.id, run.config, run.meta) for run in runs])
    show(lesson, runs, [*race_panels(shown, theme()), loss_panel(shown, theme(), "race", height=250)])

code = [("lenses/race/look.py", "look"), ("models/scan.py", "scan"), *cells_of(run.config.model for run in runs)]
lesson_words(lesson, runs, explain(lesson.configs(runs)), MATH, code, EXPERIMENTS)
