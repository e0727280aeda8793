"""Which loss reaches which moment?"""

from collections.abc import Sequence

from explainer.charts.subject import subjects
from explainer.config import RunConfig
from explainer.lenses.microscope.panels import page_panels, selections
from explainer.ui.lesson import Lesson, open_lesson, show, theme, transport
from explainer.ui.source import cells_of
from explainer.ui.tabs import Experiment, lesson_words


def explain(configs: Sequence[RunConfig]) -> str:
    """What the pictures show of these networks."""
    words, networks = configs[0].problem.words, [each.network for each in configs]
    states = {each.state for each in networks}
    state = networks[0].state if len({each.kind for each in networks}) == 1 else "s"
    named = r" ($s$ is $h$, of a Transformer the input $x$ of the block)" if state == "s" and "x" in states else ""
    said = rf"""
The page on gradients follows one loss, the last. Here is **every** loss and every moment before it, on one sequence. Row $t$
of the large picture is the loss at step $t$; column $k$ is a moment before; the colour says how long the gradient
$\partial L_t / \partial {state}_k$ is{named}. On the diagonal are a loss and its own moment. Bright only along the diagonal: the network
can learn nothing from what lies further back. A bright triangle: everything reaches everything.

The networks learn {words.name}. {words.asks}

**Grey** is a gradient of exactly 0: the way is cut, or the number became too small even for the computer ($10^{{-45}}$).
**Pink** is not a finite number: it grew beyond $10^{{38}}$. A triangle at the right edge marks the losses that count in training
({words.counted}); any others are what the same network would be told if it were asked there.

The second picture takes the mean along the diagonals: what is left at each **lag** $t - k$, for all networks. The third keeps that
curve for every recorded step of training, one column each; the white line is how far back a hundredth still arrives. Does it
rise before the loss falls?
"""
    carrying = [each for each in networks if each.roles.carried]
    if carrying:
        said += rf"""
{carrying[0].article.capitalize()} **{carrying[0].title}** has two ways back: along the cell state $c$, where only the forget gates multiply, and by way of $h$ through the
gates of later steps. The fourth picture measures them apart. They are vectors, and may cancel in part.
"""
    return said


MATH = r"""
With $s_k$ the state that is nudged ($h_k$ or $c_k \in \mathbb{R}^N$; in a Transformer $x_k \in \mathbb{R}^D$, the residual stream
that enters the block), the picture is

$$
G_{tk} = \Bigl\lVert \frac{\partial L_t}{\partial s_k} \Bigr\rVert_2, \qquad G \in \mathbb{R}^{T \times T},
\quad G_{tk} = 0 \text{ for } k > t,
$$

a total derivative: through everything between $k$ and $t$. The curve is its mean along a diagonal,
$g_j = \frac{1}{|C_j|} \sum_{t \in C_j} G_{t,\,t-j}$, with $C_j$ the losses $t \geq j$ that count.

**One pass for all losses.** Sequences of a batch do not touch each other. So the sequence is copied $T$ times, copy $t$ is asked for
$L_t$ alone, and a single backward pass of $\sum_t L_t^{(t)}$ leaves $\partial L_t / \partial s_k$ in copy $t$ at step $k$.

**Along $c$, or by way of $h$.** In an LSTM $c_k = f_k \odot c_{k-1} + i_k \odot g_k$, $h_k = o_k \odot \tanh c_k$, and the gates at $k$
depend on $h_{k-1}$. The chain rule from $L_t$ to $c_k$ is a sum over ways. The one that never leaves the cell state is

$$
\Bigl(\frac{\partial L_t}{\partial c_k}\Bigr)_{\!c} = \frac{\partial L_t}{\partial c_t} \odot f_t \odot f_{t-1} \odot \cdots \odot f_{k+1} ,
$$

which is all that the LSTM's inventors let through (Hochreiter & Schmidhuber 1997, who cut the gradient elsewhere; the forget gate is
of Gers et al. 2000). *By way of $h$* is the rest, $\partial L_t / \partial c_k$ less that: every way that passes through some $h$ in between.
By the triangle inequality the two lengths add up to no less than that of the whole.
"""

EXPERIMENTS = (
    Experiment(
        "The LSTM's two ways, before training and after. Which one carries the gradient to the first step: the cell "
        "state alone, or the detours by way of h?",
        {"network": "1", "way": "2", "step": "800"},
        "On this tape at step 0, 5·10⁻¹¹ arrives along c and 6·10⁻¹⁰ by way of h: gates half open halve it at each "
        "step. At step 800 it is about 0.015 and 0.025. So training opened both, by a factor of more than ten million, and "
        "the famous cell state is the smaller half of it: this network keeps its memory in a loop that goes through h too.",
    ),
    Experiment(
        "See numbers end. Start a ReLU network with a spectral radius of 3 and sequences of 100 steps, and look at step 0.",
        {"networks": "rnn_relu", "init": "gaussian", "radius": "3.0", "length": "100", "steps": "20"},
        "The lower left corner is pink, with seed 0 about 600 of 5,050 cells: beyond 10³⁸ a float32 has no number, and training ends "
        "before its first update. (With seed 1 it is nearly half of the cells, with seed 2 none.) "
        "With the default start and 200 steps it is grey instead, exactly 0, for what is below 10⁻⁴⁵ is 0. Neither is a "
        "gradient that anything can be learnt from.",
    ),
    Experiment(
        "Let a Transformer with one block read the same sequences. How does its matrix differ from that of every recurrent "
        "network at step 0?",
        {"networks": "rnn,transformer", "layers": "1", "width": "16", "heads": "4", "steps": "200"},
        "It has no decay with the lag: below the bright diagonal (the residual connection) the cells of a row are of one size; in the "
        "last row between 1/500 and 1/150 of the diagonal, for each of t earlier positions gets about 1/t of the attention. One hop to everywhere, "
        "from the start.",
    ),
)

lesson = Lesson(
    key="microscope",
    shipped=("lesson-microscope-rnn", "lesson-microscope-lstm", "lesson-microscope-gru"),
    row=("task", "length", "lr"),
)
open_lesson(
    lesson,
    "A network can only learn from a moment that a later **loss** still reaches with its gradient. Here is that gradient "
    "for every loss and every moment before it, at each step of training: how far each network hears, and along which way.",
)
runs = transport(lesson)
if runs:
    shown = subjects([(run.id, run.config, run.meta) for run in runs])
    show(lesson, runs, page_panels(shown, theme()), selections=selections(shown), start={"network": len(shown) - 1})

code = [
    ("lenses/microscope/look.py", "look"),
    ("lenses/microscope/look.py", "along_cell"),
    ("theory/followed.py", "mean_by_lag"),
    *cells_of(run.config.model for run in runs),
]
lesson_words(lesson, runs, explain(lesson.configs(runs)), MATH, code, EXPERIMENTS)
