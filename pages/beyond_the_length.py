"""Which encoding reads beyond its training length?"""

from collections.abc import Sequence

import streamlit as st

from explainer.charts.source import sourced
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.families import Attending
from explainer.families.attending import POSITIONS
from explainer.lenses.beyond_the_length import passage
from explainer.lenses.beyond_the_length.notes import Trained
from explainer.lenses.beyond_the_length.panels import page_panels, panels
from explainer.player import Track, play
from explainer.player.backend import client, runs_of
from explainer.runs.kinds import passages_of
from explainer.runs.outcomes import Outcome
from explainer.runs.rows import StoredSweep
from explainer.runs.store import Run
from explainer.sweep import Sweep
from explainer.ui.asking import ask_all, own_input, refusals
from explainer.ui.lesson import theme
from explainer.ui.run_table import data_name, title
from explainer.ui.sharing import says_whose, share_control
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
from explainer.words import literal

RECORDED_TEXT = r"""
**Sinusoidal** positions are defined for every position, yet a vector for position 100 is one that the network has never met, and it breaks as soon as there is one.
**Rotary** positions know distances only, and hold, in the recorded sweep, for another T; then they break too, for such distances have never been met either. **Learned** positions have a row
for each of T positions and none for T + 1: there is no curve to draw. **ALiBi** adds nothing to the embeddings. It holds every head back in proportion to the distance,
each head at its own slope: what is far weighs less, at any length, and the curve stays flat. **None** is worse from the start, having no order but what the causal mask
betrays, and has nothing that can break: it degrades gently.

The two lower charts are the cause beside the effect. On the right is the encoding alone, the kernel: how alike it makes two positions. On the left is what the heads
made of it, at T (dotted) and in the longest window (solid). In the recorded sweep the heads with sinusoidal or rotary positions look a few tokens back at T, and in the
longest window as far as if they looked everywhere alike: what they were taught to pick out, they no longer find. ALiBi's look further there too, but not half as far. Those
without positions look everywhere alike at both lengths, so to them little has changed.
"""

OWN_TEXT = r"""
**Sinusoidal** positions are defined for every position, yet a vector for a position after T is one that the network has never met. **Rotary** positions know distances
only, but distances of more than T have never been met either. **Learned** positions have a row for each of T positions and none for T + 1: there is no curve to draw.
**ALiBi** adds nothing to the embeddings. It holds every head back in proportion to the distance, each head at its own slope: what is far weighs less, at any length. **None**
has no order but what the causal mask betrays, and nothing that can break.

Two charts are the cause beside the effect. One is the encoding alone, the kernel: how alike it makes two positions. The other is what the heads
made of it, at T (dotted) and in the longest window (solid): how far back do they look, and is that as far as if they looked everywhere alike?
"""


def explain(shown: Sweep, recorded: bool, alone: RunConfig | None) -> str:
    """What the charts show of a sweep, or of one run.

    Args:
        shown: the sweep.
        recorded: whether it is the one that ships, of which results are told.
        alone: of the run that the address names, if one is shown above the sweep.
    """
    seeds = dict(shown.axes).get("seed", (shown.base.seed,))
    length, each = shown.base.length, "the mean over the seeds, drawn thin behind it" if len(seeds) > 1 else "one run"
    curves = f"Each curve of the first chart is {each}"
    if alone is not None:
        curves = f"The upper pictures are of one run, at T = {alone.length}. In those of the sweep below, each curve is {each}"
    return f"""
More context can only help a reader who knows what to do with it. {curves}. A flat curve means
that the network reads windows eight times as long as any it has trained on (up to {8 * length} characters, after {length}), and is as good there. The second chart shows *where* it goes
wrong: loss against the position within the longest window, with a dotted line where the training windows ended.
{RECORDED_TEXT if recorded else OWN_TEXT}
The last quarters of the longer windows are other text, harder or easier by some hundredths of a nat: that is the ± in the sentence below the first chart.

**Ask with a text of your own**, below the pictures, once you have trained: longer than T, so that you see where each encoding loses the thread, character by character.
"""


MATH = r"""
A window of $n \in \{T, 2T, 4T, 8T\}$ characters is judged by

$$
\mathcal{L}_n = \frac{1}{W} \sum_{w=1}^{W} \frac{1}{n/4} \sum_{t = 3n/4}^{n-1} -\ln p\,(x_{t+1} \mid x_0 \dots x_t),
$$

on $W$ windows that are spaced evenly over the validation part of the text, the same for every network (64 of $8T$, 512 of $T$, so that as much text is judged; fewer where
windows are long or the text is short: no character is judged in two windows of a length). Windows that lie near each other are alike, since a hard page is longer than a window. So neighbours are put together into $G$ blocks,
at most 16 and each from a stretch of text as long as a window or longer, and the standard error is $s / \sqrt{G}$, with $s$ the standard deviation of the blocks' means
(the method of batch means, Schmeiser 1982). Where a text has fewer than four such stretches there is none, and it is said. Behind a rise from $T$ to $8T$ stands
$\pm \sqrt{e_T^2 + e_{8T}^2}$ of the two errors. All networks read the same windows, so most of it is shared: it says how hard the windows are, not how sure the difference between
two curves is. For that, look at the seeds.

| encoding | where it enters | kernel at distance $d$ |
|---|---|---|
| none | nowhere | 1 |
| learned (Gehring et al. 2017) | a row is added to the embedding | mean cosine of the rows $p$ and $p + d$ |
| sinusoidal (Vaswani et al. 2017, §3.5) | a fixed row is added | $\frac{2}{D} \sum_i \cos d\,\omega_i$ |
| rotary (Su et al. 2021, §3.2) | queries and keys are turned | $\frac{2}{K} \sum_i \cos d\,\omega_i$ |
| ALiBi (Press et al. 2022, §3) | $-m_h d$ is added to the scores | mean over the heads of $e^{-m_h d}$ |

with $\omega_i = 10\,000^{-2i/D}$ (rotary: $K$ for $D$); where positions are shuffled, the mean over the pairs of tokens $d$ apart. Attention by distance is the mean weight of the queries in the last quarter on the key $d$ tokens before, over all
blocks and heads. The curve of an even attention over a window of $n$ lies at about $1/n$.

The result is that of Press, Smith and Lewis 2022 (*Train short, test long*, figure 1), at a size that a laptop trains in a few minutes. A curve is called flat where
the loss rises by less than 0.1 nats from T to the longest window, broken from 0.7 on.
"""

EXPERIMENTS = (
    Experiment(
        "Give ALiBi a single head. Its only slope is then 1/256, the gentlest. Is it still better than no encoding? (About half a minute.)",
        {"heads": "1", "seeds": "0", "encodings": "none,rotary,alibi"},
        "Hardly. With seed 0 ALiBi ends at 2.52 at T and 2.60 at 8T, as good as nothing at all (2.53 and 2.61): over 32 tokens a slope of 1/256 takes 12 % off a weight. "
        "It looks 87 tokens back in the longest window, not 41. What helps are the steep heads, which know near from far.",
    ),
    Experiment(
        "Train at half the length. Which encodings break earlier, and is it the position or the ratio that counts?",
        {"length": "16", "seeds": "0", "encodings": "none,sinusoidal,rotary,alibi"},
        "The ratio, more or less. Sinusoidal positions break at 2T as before, now 32 (2.30 to 3.04, seed 0), where the recorded networks were at home. Rotary positions no "
        "longer last to 2T (2.24 to 2.72). ALiBi reads on as before: 2.37 at T, 2.29 at 2T and 2.41 at 8T, each ± 0.05 or so.",
    ),
    Experiment(
        "Look at a run of another page: the learned positions of “How does a Transformer know the order?”, T = 24.",
        {"run": "lesson-positions"},
        "One point at T = 24, about 2.2 nats at the last step, and in words why there are no others. Any Transformer that learns a text can be opened like this, from the page Runs; "
        "drag the bar to see how the curve came about.",
    ),
)

page = SweepPage(
    key="beyond-the-length",
    lesson="lesson-beyond",
    listed=(Listed("seed", "seeds", "Seeds"), Listed("positions", "encodings", "Encodings", POSITIONS)),
    row=("length", "steps"),
    fixed=("task", "model"),
)


EXAMPLE = "a paragraph in plain letters, longer than T, up to 8T characters"
RECORDED = (
    "The recorded sweep keeps no weights, so its networks can't be asked. Press **Train** to make networks that can: with one seed "
    "it takes about a minute. Or open a single Transformer that learns a text from the page Runs.",
    "beyond-the-length?seeds=0",
)


def draw(outcomes: Sequence[Outcome]) -> None:
    """The charts of what has ended so far."""
    if not outcomes:
        st.info("Nothing is recorded yet. Press Train.")
        return
    runs = [
        Trained(each.config["positions"], each.config.seed, each.last.get("beyond_the_length") if each.done else None)
        for each in outcomes
    ]
    done = sum(outcome.done for outcome in outcomes)
    source = f"recorded · last step · {done} of {len(runs)} runs"
    play(sourced(page_panels(runs, theme()), source), key="beyond-the-length", link=True, shown=shown_of(page))


@st.fragment
def own_text(shown: StoredSweep | None) -> None:
    """A text of the viewer's own, and what each encoding makes of it."""
    outcomes = outcomes_shown(page, shown)

    def answers(text: str) -> None:
        asked = ask_all(outcomes, "beyond_the_length", text)
        runs = [
            Trained(each.outcome.config["positions"], each.outcome.config.seed, each.records[0])
            for each in asked
            if each.records
        ]
        if runs:
            source = f"computed now · your input · last step · {len(runs)} runs"
            play(sourced(passage.panels(runs, text, theme()), source), key="beyond-the-length-answers")
        refusals(asked, lambda outcome: name_of(page, outcome.config))

    found = runs_of([outcome.run for outcome in outcomes if outcome.run][:1])
    examples = passages_of(client().store, found[0], 8) if found else ()  # held-out text, several windows long
    own_input("beyond-the-length", "Ask with a text of your own", examples, outcomes, RECORDED, answers, EXAMPLE)


def one_run() -> Run | None:
    """The run that the address names, if this lens can look at it."""
    found = runs_of([st.query_params.get("run", "")[:80]])
    if found and not (isinstance(found[0].config.network, Attending) and found[0].config.problem.windows):
        st.warning("This page looks at Transformers that learn a text; the run of the address is none.")
        return None
    return found[0] if found else None


open_sweep(
    page,
    "A Transformer learns a text in windows of T characters. Then it is given windows of 2T, 4T and 8T, and judged by the last quarter, where it "
    "has the most to go by. All that differs between the curves is how it is told the **order** of its tokens.",
)
run = one_run()
if run is not None:
    st.header(literal(f"One run: {title(run.config, data_name(run))}"), anchor=False)
    share_control("beyond-the-length", [run])
    says_whose([run])
    play(
        panels(subject(run.config, run.meta), theme()),
        [Track(run.id, ("beyond_the_length",))],
        key="beyond-the-length-run",
        ask=[" ".join(passage.split()) for passage in passages_of(client().store, run, 8)],
        heading=3,
    )
shown = sweep_transport(page)
board(page, shown, draw)
if run is None:  # whose own box is below its pictures
    own_text(shown)

words_below(
    "beyond-the-length",
    explain=explain((shown or page).sweep, shown is None, run.config if run else None),
    math=MATH,
    code=[
        ("lenses/beyond_the_length/look.py", "look"),
        ("lenses/beyond_the_length/look.py", "weight_by_distance"),
        ("lenses/beyond_the_length/look.py", "kernel"),
        ("models/positions.py", "alibi_bias"),
        ("models/positions.py", "sinusoidal"),
    ],
    experiments=EXPERIMENTS,
    again=run if run is not None else page.sweep.configs[-1],
)
