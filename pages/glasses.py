"""What can a Transformer not see?"""

from __future__ import annotations

from collections.abc import Sequence

from explainer.charts.subject import network, subjects
from explainer.config import RunConfig
from explainer.families import Attending
from explainer.lenses import LENSES
from explainer.lenses.glasses.panels import page_panels, selections
from explainer.ui.lesson import Lesson, open_lesson, show, theme, transport
from explainer.ui.source import cells_of
from explainer.ui.tabs import Experiment, lesson_words


def explain(configs: Sequence[RunConfig]) -> str:
    """What the pictures show of these networks."""
    config = configs[0]
    words = config.problem.words
    one, two = config.problem.vocabulary[:2] if len(config.problem.vocabulary) > 1 else ("one token", "another")
    told = ", ".join(dict.fromkeys(network(each) for each in configs))
    said = f"""
Two inputs: *n* times **{one}** and then **{two}**, and *n* + 1 times **{one}** and then **{two}**. They end alike and differ by one token far back. Whoever is to count, to add up or to
say how long something lasted must have them apart in the end. Here are {told}, **before any training**: the networks of this page have weights as they
are drawn, and step 1 is a single update of one that learns {words.name}. {words.asks}

The first chart says how far apart the two states are that the readout reads at the last step, in the length of one of them, computed in 64 bits. Both axes are logarithmic, so a
straight line is a power of *n*.
"""
    if any(each.network.roles.attention for each in configs):
        said += """
**Attention takes means.** If nothing tells the ones apart, the last token gives each of them the same weight, about 1/*n*, and itself about as much. One more of them
changes that by about 1/*n*², and so do all layers above, which read the same. The distance falls along the dotted line whatever the weights are.
An encoding that is **added** to the embeddings makes every one different from the next, and the two stay apart; one that only turns queries and keys, or
takes something from far scores, changes which ones count and not what they say.
"""
    if any(each.network.roles.steps or each.network.roles.linear for each in configs):
        said += """
**A state forgets.** A recurrence that shrinks by a factor at every step brings the two together exponentially in *n*, faster than any power, as soon as its state has come to
rest among the ones; what keeps the last token apart is how much of the state it may replace.
"""
    return (
        said
        + """
The second chart asks in which **number format** anything is left. A number of 16 bits (bfloat16) has three decimal digits: two states that differ in the
fourth are rounded to the same one, or to neighbours by chance, and what is the same number for number can't be told apart by anything that follows, however well it is trained.
Between the length where the true distance is below a format's last digit and the length where both are the same, what is left is noise of rounding.
"""
    )


MATH = r"""
Let $x^{(n)} = (1, \ldots, 1, 2)$ with $n$ ones, without an encoding of places. All ones have the same query, key and value in every layer (each sees only ones), so the last token's row of weights in a head is

$$
a_s = \frac{e^{\alpha}}{n\,e^{\alpha} + e^{\beta}} \ (s \le n), \qquad a_{n+1} = \frac{e^{\beta}}{n\,e^{\alpha} + e^{\beta}}, \qquad o = v_1 + a_{n+1} (v_2 - v_1),
$$

and with $n + 1$ ones in the place of $n$

$$
o^{(n)} - o^{(n+1)} = (v_2 - v_1)\Big(\frac{e^\beta}{n e^\alpha + e^\beta} - \frac{e^\beta}{(n+1) e^\alpha + e^\beta}\Big) \approx \frac{e^{\beta - \alpha}}{n^2}\,(v_2 - v_1) .
$$

The layers above read states that differ by as much, and the residual stream adds the differences up (Barbero et al. 2024, "Transformers need glasses!", section 4, where it is
shown that the distance goes to 0 for any such sequences). With ALiBi the last token looks mostly at near ones, and far ones count less still. The power is
$\operatorname{d} \ln \lVert s^{(n)} - s^{(n+1)} \rVert / \operatorname{d} \ln n$, fitted by least squares over $n \ge 64$, with the standard error of that fit.

A format with $p$ bits of mantissa rounds to a relative $2^{-p-1}$: $2^{-9} \approx 0.002$ for bfloat16, $2^{-25} \approx 3 \cdot 10^{-8}$ for float32.
"""

EXPERIMENTS = (
    Experiment(
        "Rotary positions turn queries and keys and add nothing to what is said. Does that keep them apart?",
        {"positions": "rotary"},
        "No: the line lies on that without an encoding. With seeds 0, 1 and 2 both go as n to the power of −2 (within 0.1), while with sinusoidal positions they stay more than 0.1 apart at every n.",
    ),
    Experiment(
        "ALiBi takes something from the scores of far keys. Does that?",
        {"positions": "alibi"},
        "On the contrary: far ones count less, so another of them changes less. With seeds 0, 1 and 2 the distance at n = 1,024 is less than half of that without an encoding.",
    ),
    Experiment(
        "Train them for a while, on whether the number of ones is even. Do they learn to keep them apart?",
        {"networks": "transformer,gru", "steps": "300", "batch": "64", "layers": "1", "seed": "0"},
        "The GRU must, for each more turns the answer over: with seeds 0, 1 and 2 over 99 % of its answers are right in the end, and at n = 32 its states are more than 0.001 apart, "
        "where they were less than 0.0001 before. Far beyond the 16 steps that it has learnt from they come together all the same. The Transformer without an encoding ends below "
        "65 % right, and its distance goes as n to the power of −2 (within 0.1) as before.",
    ),
)


def encodings(config: RunConfig) -> list[RunConfig]:
    """The run; where it attends, one without an encoding and one with: that of the control, or sinusoidal."""
    if not isinstance(config.network, Attending):
        return [config]
    other = config.network.positions if config.network.positions != "none" else "sinusoidal"
    return [config.but(positions=positions) for positions in ("none", other)]


def without_tokens(config: RunConfig) -> str:
    """Why the page can't look into such a run."""
    if LENSES["glasses"].suits(config):
        return ""
    if not config.has_tokens:
        return "This task reads numbers, and two tokens are what this page compares. Choose a task of tokens, such as parity."
    return "This network can't read more than the T steps of its training. Choose another encoding of positions."


lesson = Lesson(
    key="glasses",
    shipped=(
        "lesson-glasses-none",
        "lesson-glasses-sinusoidal",
        "lesson-glasses-gru",
        "lesson-glasses-mamba",
    ),
    row=("task", "positions", "layers"),
)

open_lesson(
    lesson,
    "Two long inputs that differ by **one token** near the start. Before any training, and in every number format: can what comes out of the last step still tell them apart?",
)
runs = transport(lesson, encodings, without_tokens)
if runs:
    shown = subjects([(run.id, run.config, run.meta) for run in runs])
    show(lesson, runs, page_panels(shown, theme()), selections=selections(shown), asks=False)

code = [
    ("lenses/glasses/look.py", "last_state"),
    ("lenses/glasses/notes.py", "slope"),
    *cells_of(run.config.model for run in runs),
]
lesson_words(lesson, runs, explain(lesson.configs(runs)), MATH, code, EXPERIMENTS)
