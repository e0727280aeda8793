"""What does each layer know?"""

from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.lenses.layers.panels import panels
from explainer.ui.lesson import Lesson, no_layers, open_lesson, show, theme, transport
from explainer.ui.tabs import Experiment, lesson_words


def explain(config: RunConfig) -> str:
    """What the pictures show of this run."""
    words = config.problem.words
    wrong = "cross-entropy" if config.says_tokens else "squared error"
    likeliest = f"the likeliest for {words.answers}" if config.says_tokens else f"its answer for {words.answers}"
    residual = (
        ", half of it being the residual connection,"
        if config.layers > 1
        else " (here of one), half of it being the residual connection,"
    )
    others = "But these have already read others. " if config.layers > 1 else ""
    return f"""
This network learns {words.name}. {words.asks}

Each layer adds to what a position carries along, its **residual stream**. The **logit lens** reads that stream before the later layers have
added their part, with the model's own readout: the first picture writes down {likeliest} after the embedding and after each
layer, and colours how wrong it is by its loss, the {wrong} (bright: right). Where a column becomes bright from one row to the next, that layer found the answer.

A row that says nonsense need not know nothing: the readout was trained for the last one only.

**Raw attention** of the last layer says which positions it reads. {others}**Rollout** multiplies the attention of all layers{residual}
and says how much of each *input {words.token}* may have arrived. It leaves out what the values and
the norms do, so it shows ways, not effects.

An input of your own may be typed into the box: the weights of the last kept moment at or before this step read it.
"""


MATH = r"""
With $x^{(l)}_t \in \mathbb{R}^D$ the residual stream at $t$ after layer $l$ ($l = 0$: the embedding), $N$ the final norm and $U$ the readout,

$$
p^{(l)}_t = \operatorname{softmax}\bigl(U \, N(x^{(l)}_t)\bigr), \qquad \ell^{(l)}_t = -\ln p^{(l)}_t(y_t), \qquad p^{(L)} = \text{the model's own prediction.}
$$

With the norm *after* each branch there is no final norm: every $x^{(l)}$, $l \ge 1$, leaves a norm of its block, and the embedding is read as it is.
For numbers, the squared error takes the place of $\ell$.

Rollout (Abnar & Zuidema 2020, §3), with $A^{(l)}$ the mean over the heads of layer $l$:

$$
R = \tilde A^{(L)} \cdots \tilde A^{(1)}, \qquad \tilde A^{(l)} = \tfrac12 \bigl(A^{(l)} + I\bigr), \qquad \sum_s R_{ts} = 1 .
$$
"""

EXPERIMENTS = (
    Experiment(
        "At the end of training, which layer finds the next token? And what has the other one done for it?",
        {"step": "800"},
        "The second: the mean loss is 3.5 after the embedding, about 4 after layer 1 and 1.4 after layer 2, near 0 a few tokens after the sequence "
        "begins again. By this lens layer 1 makes it *worse*. What it writes (which token stood before) is for layer 2 to look for, not for the readout.",
    ),
    Experiment(
        "Let it read a repetition after 4 tokens. In training they came after 12 to 24. Does the last row still know what comes next?",
        {"step": "800", "input": "7 2 9 4 7 2 9 4 7"},
        "Yes, though it is less sure: from t = 4 on its likeliest token is right every time (2, 9, 4, 7). The loss is above 2 at t = 4, and lower at "
        "t = 7. After layer 1 these guesses are not all right.",
    ),
    Experiment(
        "Where did the induction stripe of the raw map go in the rollout?",
        {"step": "800"},
        "It is there, but pale: raw, more than 0.95 of t = 30's attention goes to s = 12; the rollout's largest share of an earlier token is about 0.55, at the second "
        "position. Each layer counts half for the residual connection and a mean over all heads for the rest. A position has 0.29 of itself on "
        "average, and so it had before training.",
    ),
)

lesson = Lesson(key="layers", shipped=("lesson-attention",), row=("task", "layers", "positions", "lr"))
open_lesson(
    lesson,
    "A Transformer builds its answer layer by layer. What would it say if it **stopped early**? And how much of each input token has reached "
    "a position by then?",
)
runs = transport(lesson, obstacle=no_layers)
if runs:
    show(lesson, runs[:1], panels(subject(runs[0].config, runs[0].meta), theme()))

code = [("lenses/layers/look.py", "look"), ("theory/rollout.py", "rollout")]
lesson_words(lesson, runs, explain(lesson.configs(runs)[0]), MATH, code, EXPERIMENTS)
