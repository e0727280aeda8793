"""When do heads form?"""

from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.lenses.heads.panels import page_panels, selections
from explainer.ui.lesson import Lesson, no_layers, open_lesson, show, theme, transport, with_control
from explainer.ui.tabs import Experiment, lesson_words


def explain(config: RunConfig) -> str:
    """What the pictures show of this run."""
    words = config.problem.words
    token, control = words.token, config.layers > 1
    dotted = (
        "The dotted line is a control: the same model with **one layer**, on the same batches, its\nhighest head."
        if control
        else ""
    )
    twice = (
        f"""- **Induction score**: how much a head looks at the {token} that *followed* the present one's earlier occurrence (also called prefix
  matching). An **induction head** does.
- **Previous-token score**: how much it looks one step back. **Same-token score**: how much it looks at the earlier occurrence itself.
- These three have a level"""
        if config.has_tokens
        else f"""- **Previous-token score**: how much a head looks one step back.
- **Induction score** and **same-token score** ask where the present {token} came before. Numbers are never taken for the same, so here they say nothing.
- These scores have a level"""
    )
    models = "both models are" if control else "the model is"
    needs = f" and the *induction score* needs a {token} that comes twice" if config.has_tokens else ""
    return f"""
Every line of the first picture is one **head**; choose below the pictures which of its scores it shows. The pink one is the chosen head: click a row of
the second picture, or a bar, to choose another one. {dotted}

This network learns {words.name}. {words.asks} {words.attention}

{twice} **by chance** (dashed, of the chosen head): even attention, or the same head when some {token}s have changed places. A head
  has a role by a score of at least 0.5 that is at least twice its level.
- **Position-only score**: 1 if the head looks at the same places whatever stands there, as even attention does too; less if it reads what stands there.
- **Entropy**: how widely it spreads its attention. **Mean distance**: how far back it looks.
- **Δloss without the head**: what the others cannot make good when its output is set to zero. A score says what a head *looks at*, and this what
  it is *good for*. A whisker is two standard errors long, over the sequences of the batch.

Type **your own sequence** below the pictures, and {models} asked about it at every kept moment: the dots, and the bars at this
step. The lines stay those of the validation batch. What one sequence can't tell is left out, and the sentence says why: the *position-only score* compares
sequences{needs}.

A network can learn by and by, or all at once (a **phase change**). The **shaded stretch** is where it was at once: from the step at which
a curve bends up most to the one at which it bends back most. There is none unless the curve makes twice as much of its way in that stretch as learning
that just approaches its end could, at whatever rate.
"""


MATH = r"""
With $A_{ts}$ how much query $t$ takes from key $s$ (mean over a fixed validation batch of $B$ sequences), $P$ the period, and $\bar A$ the mean
of $A$ over the batch:

$$
\text{induction} = \frac{1}{T-P} \sum_{t \ge P} A_{t,\,t-P+1}, \qquad
\text{previous token} = \frac{1}{T-1} \sum_{t \ge 1} A_{t,\,t-1}, \qquad
\text{same token} = \frac{1}{T-P} \sum_{t \ge P} A_{t,\,t-P},
$$

$$
\text{position-only} = 1 - \frac{1}{2BT} \sum_{b,t,s} \bigl| A^{(b)}_{ts} - \bar A_{ts} \bigr|, \qquad
\text{entropy} = -\frac{1}{T} \sum_{t,s} A_{ts} \ln A_{ts}, \qquad
\text{mean distance} = \frac{1}{T} \sum_{t,s} A_{ts}\,(t-s) .
$$

The first three are of Olsson et al. 2022 (the first one as *prefix matching*), the fourth is one minus the variability of Vig & Belinkov 2019: each term is the total variation between one
sequence's row and the mean row, so it lies in $[0, 1]$. Even attention has entropy $\frac1T \ln T!$ and distance $\frac{T-1}{4}$.

The level by chance is explained on the Attention page.

**Knock-out.** $\Delta L_h = L(\text{output of head } h := 0) - L$, on the same batch (Michel et al. 2019). Its standard error is that of the mean of the
sequences' differences (of each sequence with and without the head). The $\Delta L_h$ do not add up to anything: two heads that do the same work hide each other, and two that need each other are both counted with the whole.

**Phase change.** Let $y(u)$ be a curve over $u = \ln(\text{step})$, smoothed by a Gaussian of width 0.1, at places $u_i$ that are 0.02 apart. Around its
steepest place, within a factor of 3 in steps,

$$
\text{first} = \arg\max_i \; y_{i+1} - 2 y_i + y_{i-1}, \qquad \text{last} = \arg\min_i \; y_{i+1} - 2 y_i + y_{i-1},
$$

one before, one after it (signs change for a falling curve). With $r = \text{last} / \text{first}$ it is a phase change if

$$
|y_\text{last} - y_\text{first}| \; \ge \; 2 \left( r^{-\frac{1}{r-1}} - r^{-\frac{r}{r-1}} \right) (\max y - \min y),
$$

and at least a tenth of the score's scale (1; the entropy or distance of even attention; the first loss).

Why $\ln(\text{step})$: there, $1 - e^{-\text{step}/\tau}$ is one curve, whatever $\tau$ is, only shifted. Its second difference is extreme at
$\text{step}/\tau = (3 \mp \sqrt5)/2$, a factor of 6.85 apart, and the bracket is the most that it can make of its way between steps that are
$r$-fold apart: a quarter for $r = 2$. So no exponential approach is ever taken for a phase change.
"""

lesson = Lesson(
    key="heads", shipped=("lesson-attention", "lesson-attention-one-layer"), row=("task", "layers", "positions", "lr")
)
START = {"score": 0, "layer": 1, "head": 2}
"""The head that the page opens with: in the recorded run the strongest induction head."""

EXPERIMENTS = (
    Experiment(
        "Three heads of the second layer look where an induction head should. Which head can the network least do without?",
        {"step": "800", "score": "6"},
        "None of them. On this tape at step 800 the loss is 1.40, and without head 1 of the first layer, the previous-token head, it is "
        "about 3 higher: worse than guessing (ln 32 = 3.47). Without any one of the three induction heads it is less than 0.3 higher, for "
        "the other two do the same work; the previous-token head has no double.",
    ),
    Experiment(
        "Before the loss falls, is there anything to be seen? Choose *position-only score*.",
        {"step": "72", "score": "3"},
        "Yes. The heads of the second layer begin to look at different places in different sequences between steps 35 and 72 (the score of "
        "layer 2, head 3 goes from 0.9 to 0.5), and they sharpen from step 112 on (entropy). At step 97 the loss is still 3.40 of 3.49. The "
        "induction scores and the loss then change phase together, both between steps 209 and 265.",
    ),
    Experiment(
        "Ask with your own sequence: twelve numbers that come twice. Then type `0 3 1 2 0 3 1 2 0 3`, whose period of 4 is shorter than any that the "
        "network has trained on (12 to 24). Are the induction heads still there?",
        {"step": "800", "input": "3 1 4 15 9 2 6 5 8 7 11 10 3 1 4 15 9 2 6 5 8 7 11 10"},
        "Twice twelve: heads 2, 3 and 4 of layer 2 have induction scores above 0.7. With a period of 4 heads 2 and 4 are still above 0.6, and head 3 is "
        "below 0.1: it is no induction head there, and without it the loss on that sequence would be lower, by 0.3 or more. A score belongs to a head *and* to what it reads.",
    ),
    Experiment(
        "Put the layer norm before each branch, as most models have it, and train. Is there a phase change?",
        {"norm": "pre"},
        "Not of the loss, nor of the induction score, in 800 steps (seed 2): the loss falls to 2.6 by and by, and no head's score passes "
        "0.1. It is not that heads do nothing: without any one head of the first layer the loss is 0.4 to 1.0 higher.",
    ),
)


open_lesson(
    lesson,
    "At first every head of a Transformer spreads its attention evenly. Some find a role, often **all at once**. Here is the life of each: "
    "what it looks at, how far and how sharply, and what the network would be without it.",
)
runs = transport(lesson, with_control, no_layers)
if runs:
    shown = [subject(run.config, run.meta) for run in runs]
    show(lesson, runs, page_panels(shown, theme()), selections=selections(shown[0]), start=START)

code = [
    ("lenses/heads/look.py", "look"),
    ("lenses/heads/look.py", "knocked_out"),
    ("lenses/head_scores.py", "Shuffling.levels"),
    ("theory/paired.py", "quotient"),
    ("lenses/heads/look.py", "positional"),
    ("theory/phase.py", "phase_change"),
]
lesson_words(lesson, runs, explain(lesson.configs(runs)[0]), MATH, code, EXPERIMENTS)
