"""What does a recurrent network remember?"""

from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.lenses.hidden_states.panels import panels
from explainer.ui.lesson import Lesson, open_lesson, show, theme, transport
from explainer.ui.source import cells_of
from explainer.ui.tabs import Experiment, lesson_words


def explain(config: RunConfig) -> str:
    """What the pictures show of this run."""
    words = config.problem.words
    elsewhere = "This is all that carries the past on: what is not in this column is forgotten."
    if config.layers > 1:
        elsewhere = f"The {config.layers} layers have a state each: choose one below the pictures. What is in none of them is forgotten."
    if config.network.roles.carried:
        network = f"{config.network.article.capitalize()} {config.network.title}"
        elsewhere = f"{network} carries a second vector along, the cell state c, which is not drawn: " + (
            "each of its layers has one." if config.layers > 1 else "what is in neither of the two is forgotten."
        )
    return f"""
Each **column** of the large picture is one moment of reading; what was read stands below it. Each **row** is one
hidden unit. The colour is the unit's value: blue below zero, orange above. {elsewhere}

This network learns {words.name}. {words.asks} {words.memory} Drag the bar to step 0: what is read leaves a mark, which
mostly soon fades. Then drag it to the end. {words.states}.

The **path** shows the same columns as points in a plane: the two directions in which the states of all recorded
steps vary most. The plane is the same for every training step, so what moves is the network. Where the path takes a long stride,
what was read there changed the state a lot.

The lower pictures say what the memory is good for: the **output** beside the target ({words.counted}), and the **loss**.
What is dotted in it is the loss {words.guess}: a network that uses its memory gets below.
"""


MATH = r"""
At every time step $t$ a cell makes the new state from the old one and the input. For the plain network

$$
h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}), \qquad h_t \in \mathbb{R}^N,\; x_t \in \mathbb{R}^F .
$$

The **GRU** (Cho et al. 2014) keeps a share $z_t$ of the old state, unit by unit:

$$
r_t = \sigma(W_{ir} x_t + W_{hr} h_{t-1} + b_r), \quad z_t = \sigma(W_{iz} x_t + W_{hz} h_{t-1} + b_z),
$$

$$
n_t = \tanh(W_{in} x_t + b_{in} + r_t \odot (W_{hn} h_{t-1} + b_{hn})), \quad
h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1} .
$$

The **LSTM** (Hochreiter & Schmidhuber 1997; with the forget gate of Gers et al. 2000) carries a second vector, the cell
state: $c_t = f_t \odot c_{t-1} + i_t \odot g_t$ and $h_t = o_t \odot \tanh(c_t)$, each gate being
$\sigma(W x_t + U h_{t-1} + b)$.

The path is $(h_t - \bar h) V^\top$, where the rows of $V \in \mathbb{R}^{2 \times N}$ are the first two right singular
vectors of all states on the tape, less their mean $\bar h$.
"""

EXPERIMENTS = (
    Experiment(
        "Look at the untrained network first. Which columns stand out? Then drag to the end and look again.",
        {"step": "0"},
        "At step 0 no column stands out. At the end the two starred ones do: the state jumps there and is held "
        "between.",
    ),
    Experiment(
        "Train a tanh RNN on sequences of 50 numbers. Does its loss get below the dotted line?",
        {"model": "rnn", "length": "50", "width": "64", "lr": "0.003", "steps": "1000"},
        "No: with seeds 0, 1 and 2 its validation loss was between 0.16 and 0.18 at steps 400, 600 and 1000, and guessing the "
        "mean sum gives 1/6 = 0.167. The GRU is below 0.01 before step 500 with each of these seeds. Why? See the page on gradients.",
    ),
    Experiment(
        "Let the network predict real sunspots one year ahead. Whom does it have to beat?",
        {"task": "forecast", "length": "32", "width": "32", "steps": "600", "lr": "0.003"},
        "Repeating last year's number is off by 32.9 (root mean square over the last 60 years); a linear fit to the "
        "last nine years by 19.1. A network is worth its trouble only below the second.",
    ),
)

lesson = Lesson(key="hidden-states", shipped=("lesson-hidden",), row=("task", "model", "width", "lr", "seed"))
open_lesson(
    lesson,
    "A recurrent network reads a sequence one step at a time and keeps a single vector, its **hidden state**. "
    "Here is that vector, unit by unit, while the network learns what is worth keeping.",
)
runs = transport(lesson)
if runs:
    run = subject(runs[0].config, runs[0].meta)
    show(lesson, runs, panels(run, theme()), selections={"layer": ("Layer", runs[0].config.layers)})

config = lesson.configs(runs)[0]
code = [
    *cells_of([config.model]),
    ("lenses/hidden_states/look.py", "look"),
    ("training/trainer.py", "Trainer.advance"),
]
lesson_words(lesson, runs, explain(config), MATH, code, EXPERIMENTS)
