"""Which tokens look at which?"""

from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.lenses.attention.panels import beside_panel, page_panels, selections
from explainer.lenses.hidden_attention import panels as hidden
from explainer.ui.attention_cell import cell_section
from explainer.ui.lesson import Lesson, no_layers, open_lesson, show, theme, transport, with_control
from explainer.ui.tabs import Experiment, lesson_words


def attends(config: RunConfig) -> bool:
    """Whether it has attention, or else maps of a recurrence."""
    return bool(config.network.roles.attention)


def explain_hidden(config: RunConfig) -> str:
    """What the pictures show of a run whose layers are linear recurrences."""
    words, network = config.problem.words, config.network
    said = f"""
{network.article.capitalize()} {network.title} does not attend: it carries a state from step to step. But what it does to that state is **linear**: by how much a step multiplies
the state, what it adds to it and how it is read depend on what is read and never on the state itself. So what a unit says at *t* is a sum over all
earlier steps, and the factors of that sum are a map like one of attention: row *t*, column *s*. There are as many maps as units, not as heads.

The first map of a layer is the **mean of all units**, signs left out; the others are of the units that say most. Each is divided by its largest number. A
row does not sum to 1, and a number may be **negative**: what was read is then taken away. A map that is the same along every diagonal does
not look at what is there, only at how long ago it was. That is all that a recurrence can do whose factors are the same at all steps.

This network learns {words.name}. {words.asks} {words.attention}
"""
    return said + "\nCompare it with a Transformer on the same task: its maps stand beside these, on the same tokens.\n"


def explain(config: RunConfig) -> str:
    """What the pictures show of this run."""
    if not attends(config):
        return explain_hidden(config)
    words = config.problem.words
    said = f"""
Each **row** of a map is one {words.token} asking (the query), each **column** one {words.token} that it may read (the key). A row's
weights sum to 1. Above the diagonal lies the future, which is masked. All maps show one validation sequence that the
network never trains on; the scores are means over a batch of them. A weight is kept in 256 levels, so the number under
the pointer is right to 1/510 of the largest weight.

This network learns {words.name}. {words.asks} {words.attention}
"""
    control = " The dotted control with **one layer** learns from the same batches." if config.layers > 1 else ""
    if config.problem.repeats:
        said += """
No single layer can do that: a key knows its own token, not the one before it. Two layers can, together. A head of the first writes into every
token which one stood before it: a **previous-token head**, a stripe just below the diagonal. A head of a later layer then looks for a key whose
*previous* token is the present one: an **induction head**, a stripe parallel to the diagonal, *P* − 1 places below it, where *P* is the number of tokens
after which the sequence repeats.
"""
        if config.layers > 1:
            said += f"The upper curves are their scores: see whether they rise together, for neither is of use alone, and accuracy with them.{control}\n"
        else:
            said += "This network has one layer: see how far it gets.\n"
    elif config.has_tokens:
        said += f"""
Two kinds of heads have a score of their own: a **previous-token head** looks at the {words.token} just before, and an **induction head** at the one that
followed the present {words.token}'s earlier occurrence. The upper curves are their scores.{control}
"""
    else:
        said += f"""
A **previous-token head** looks at the {words.token} just before: the first curve of scores. No {words.token} is taken for the same as an earlier one,
for they are numbers, so the scores that compare them say nothing here.{control}
"""
    level = "A score alone is no role: each has its level **by chance** beside it (dashed), even attention on the same input, or the same head"
    if config.has_tokens:
        level = f"""\
A score alone is no role. Where a {words.token} has come often before, even attention gives a high one, and a head that likes the ones that mostly come
next needs to match nothing. So each score has its level **by chance** beside it (dashed): even attention on the same input, or the same head"""
    return f"""{said}
{level}
when a quarter of the {words.token}s have changed places, whichever is more. A head has a role with a score of at least 0.5 that is at least twice that.

A high weight says what a head reads, not what the model makes of it (Jain & Wallace 2019).
"""


MATH = r"""
For a head of size $K$ with queries, keys and values $Q, K, V \in \mathbb{R}^{T \times K}$ (Vaswani et al. 2017, §3.2)

$$
A = \operatorname{softmax}\!\Big(\frac{Q K^\top}{\sqrt{K}} + M\Big) \in \mathbb{R}^{T \times T}, \qquad
M_{ts} = \begin{cases} 0 & s \le t \\ -\infty & s > t \end{cases}, \qquad \text{output} = A V .
$$

A map shows $A_{ts}$: how much query $t$ takes from key $s$. With ALiBi, $-m_h (t - s)$ is added to the scores of head
$h$; with rotary positions $Q$ and $K$ are turned first.

The scores (Olsson et al. 2022, where the one of induction is called *prefix matching*), for one head, each a mean over a batch and the queries it is about:

$$
\text{previous token} = \frac{1}{T-1} \sum_{t \ge 1} A_{t,\,t-1}, \qquad
\text{induction} = \frac{1}{T-P} \sum_{t \ge P} A_{t,\,t-P+1}, \qquad
\text{same token} = \frac{1}{T-P} \sum_{t \ge P} A_{t,\,t-P},
$$

$P$ being the sequence's period. Where no period is known, as in a text, the induction score adds up the weights on *every* token
that followed an earlier one equal to the present one, so it is not small even when attention is spread evenly.

**By chance.** Even attention gives the mean of $k_t / (t + 1)$, $k_t$ being how many keys the score adds up for query $t$. The second level breaks just
what the score is about. A quarter of the places, drawn at random, permute their tokens, and the same weights read that: $A'$. For the induction score, look
at the pairs $(t, s)$ whose tokens and places are as before, while the token *before* $s$ is another one. Over these,

$$
\text{by chance} = \text{score} - \frac{\sum (A_{ts} - A'_{ts})}{\sum 1 / k_t} .
$$

A head of the first layer does not see what stands before a key; its weight stays, and all of its score is chance. For the same token, the token at $s$ itself is
another one; for the previous token, the level is the mean of $A'$ from $t$ to where its neighbour has gone. Of a run of one letter there is no other order,
and all is chance. (Olsson et al. score heads on random tokens said twice, which have no habits.)

**Without attention.** A linear recurrence $h_t = a_t * h_{t-1} + b_t u_t$, $y_t = c_t \cdot h_t$ says in each of its units (Ali et al. 2025, section 3)

$$
y_t = \sum_{s \le t} A_{ts}\, u_s, \qquad A_{ts} = c_t \cdot \Big(\prod_{r=s+1}^{t} a_r\Big) * b_s .
$$

A minGRU has $a = z$ (or $2z - 1$), $b = 1 - z$ and $c = 1$; of a state space $a = e^{\Delta A}$, of Mamba with $\Delta$, $b = \Delta B$ and $c$ set by what is read, of S4D
with the same numbers at every step, so that $A_{ts}$ is a function of $t - s$. Gates and skips that come after $y$ are not in the map.

The entropy is $-\frac{1}{T}\sum_{t,s} A_{ts} \ln A_{ts}$ nats; spread evenly over all it may see, a head has
$\frac{1}{T} \sum_t \ln(t+1)$.
"""

EXPERIMENTS = (
    Experiment(
        "Which comes first: the previous-token head, the induction head, or the accuracy? Step slowly from here.",
        {"step": "183"},
        "None, to the eye: in this run the induction score goes from 0.11 at step 183 to 0.53 at step 254 and the "
        "previous-token score from 0.08 to 0.38, while accuracy, measured at other steps, goes from 0.1 at step 193 to 0.6 at "
        "step 236 and 0.8 at step 256. Then the previous-token head goes on sharpening, to 0.95 at the end. The control's accuracy creeps to 0.19.",
    ),
    Experiment(
        "Put the layer norm before each branch, as most models have it, and train. Do the same heads form?",
        {"norm": "pre"},
        "Not in 800 steps: no head's score passes 0.15, and accuracy reaches 0.4, not 0.99. Nor with seeds 0 and 1. "
        "The loss falls all the same, so there are other, worse ways. Whether a circuit forms is a matter of "
        "the recipe too.",
    ),
    Experiment(
        "Use ALiBi. What is the strongest previous-token score, before the first step and at the end?",
        {"positions": "alibi", "steps": "400"},
        "About 0.2 both times: the slopes favour near tokens from the start, and they are not learnt. An induction "
        "head forms nevertheless (0.64 at step 400): blurred news of the last few tokens is enough for it.",
    ),
    Experiment(
        "Give the network real text. Do its heads get a role?",
        {"task": "text", "length": "64", "mlp": "true", "lr": "0.003"},
        "Not in 800 steps: previous-token scores rise from 0.06 to nearly 0.4, in the second layer, and induction scores from "
        "0.10 to 0.13. It starts that high because many characters stood there before: 0.10 is what even attention "
        "has, and of what the heads have at the end less than 0.1 is more than chance.",
    ),
)

lesson = Lesson(
    key="attention",
    shipped=("lesson-attention", "lesson-attention-one-layer"),
    row=("task", "model", "layers", "positions", "lr"),
)
INDUCTION = {"layer": 1, "head": 2}
"""The head that the page opens with: in the recorded run the strongest induction head."""


open_lesson(
    lesson,
    "In a Transformer every token reads from those before it, and each **head** learns from which. Here are all heads, "
    "from before the first step of training to the last; and the map that a linear recurrence hides, if you choose one.",
)
runs = transport(lesson, with_control, no_layers)
if runs:
    if attends(runs[0].config):  # a run without scores of heads has no place among their curves
        runs = [run for run in runs if attends(run.config)]
    shown = [subject(run.config, run.meta) for run in runs]
    if attends(runs[0].config):
        picked = show(lesson, runs, page_panels(shown, theme()), selections=selections(shown[0]), start=INDUCTION)
        cell_section("attention", runs[0], picked, INDUCTION)
    else:
        figures = hidden.page_panels(shown, theme())
        beside = [at for at, run in enumerate(runs) if attends(run.config)]
        figures[2:2] = [beside_panel(shown[at], theme(), at) for at in beside[:1]]
        show(lesson, runs, figures, selections=hidden.selections(shown[0]))

code = [
    ("models/transformer.py", "Attention"),
    ("theory/attention_cell.py", "attention_cell"),
    ("lenses/attention/look.py", "look"),
    ("models/scan.py", "Recurrence"),
    ("lenses/head_scores.py", "earlier_occurrence"),
    ("lenses/head_scores.py", "Shuffling.levels"),
    ("lenses/head_scores.py", "pairs"),
]
lesson_words(lesson, runs, explain(lesson.configs(runs)[0]), MATH, code, EXPERIMENTS)
