"""How does a Transformer know the order?"""

import streamlit as st

from explainer.charts.source import CLOSED_FORM, sourced
from explainer.charts.subject import subject
from explainer.config import RunConfig
from explainer.lenses.beyond_the_length.notes import Trained, length_reading
from explainer.lenses.positions import alibi, rotary, sinusoidal
from explainer.lenses.positions import panels as positions
from explainer.lenses.positions.order import places
from explainer.player import Scan, play
from explainer.runs.store import Run
from explainer.ui.controls import choice_of
from explainer.ui.lesson import Lesson, open_lesson, show, theme, transport
from explainer.ui.places import ENTERED, address
from explainer.ui.sweeping import recorded
from explainer.ui.tabs import Experiment, lesson_words
from explainer.words import literal, marked

ENCODINGS = {"sinusoidal": "Sinusoidal", "learned": "Learned", "rotary": "Rotary", "alibi": "ALiBi"}
LENGTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
WIDTHS = (8, 16, 32, 64, 128)
BASES = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 500_000)
VECTORS = {"equal": "all ones", "random": "drawn at random"}

EXPLAIN = {
    "sinusoidal": """
Attention by itself sees a **set**: shuffle the tokens that a query may look at, and its output stays the same. (The
causal mask tells only what came before, not how long ago.) Order has to be put in. Vaswani et al. added a fixed vector to each embedding: for every **pair** of dimensions the
sine and the cosine of the position, at a frequency of its own. Read the pairs as the hands of clocks. The first goes
round in 2π = 6.28 positions, each further one more slowly; with a base of 10,000 the last of many hardly moves. No two positions show the same time.

Play the bar. The hands turn, and the curve beside the square map slides without changing its shape: the dot product
of two positions depends on **how far apart they are** (the offset $m - n$) and not on where they stand. That is what a head needs to learn
"the token three back" once and use it everywhere.

It works only because sine and cosine of a pair share **one** frequency. Many tutorials compute the exponent from an
index that already steps by two, and double it once more. The map looks much the same. Switch to it, and read the
numbers above the figures: with T = 512, D = 128 and a base of 10,000 nearly half of the dimensions stand still. Where the cosine gets another exponent as well, the hands
change length, and the curve changes its shape as it slides.
""",
    "learned": """
The plainest way to tell positions apart: a **table** with one free vector for each, added to the embedding and trained
like any other weight (GPT-2 does it so). Nothing says that position 7 is next to position 8. At step 0 the rows are
noise, and the square map shows it: each vector is like itself and like no other.

Play the bar. TASK The curve below the map counts the order that appears, though nobody put it in: how much of the likeness the
distance alone explains.

What the task does not need is not learnt. Train on another task (Task, above), and the map looks different: see Try.
The price of a table is its end: it has no vector for a position that training never reached.
""",
    "rotary": """
Rotary positions add nothing to the embeddings. They **turn** each query and each key instead, pair by pair, by an
angle that grows with the position; every pair has its own speed. A score is a dot product, and a dot product sees only the
**angle between** two hands. Let both move on by one position, and both turn by the same angle: the score stays.

Play the bar. In every dial the solid hand is the query, the dotted one the key, always the same number of positions
before it. Both go round; the coloured sector between them keeps its size. So does the score: one value along each diagonal of
the square map.

With query and key all ones you see what the encoding does by itself: with a base of 10,000 the score falls, with ripples, as the
offset grows. It is the same curve as the sinusoidal table's. Draw the two at random, and the largest score may be
anywhere: the **contents** decide which offset fits. The base sets the slowest pair; Llama 3 uses 500,000,
for long texts.
""",
    "alibi": """
ALiBi is the shortest answer: no vectors, no angles. From the score of a query and a key it **takes off a penalty that grows
with their distance**, and each head does so at its own fixed slope. A steep head sees the last few tokens only; a
flat one almost everything. Nothing is learnt.

The left map is the bias of the chosen head; the future is masked, as always. Adding to a score means multiplying a
weight: the small maps show the factor. If every key scored the same, the weights of the query at p would be the
curve on the right. Play the bar: once there are enough tokens behind it, the curve just moves along.

That is why it carries on where training ended.
""",
}

MATH = {
    "sinusoidal": r"""
Position $p = 0 \dots T-1$, width $D$, pairs $i = 0 \dots D/2 - 1$, frequencies $\omega_i = b^{-2i/D}$ with base $b$ (10,000
in Vaswani et al. 2017, section 3.5):

$$
\mathrm{PE}_{p,\,2i} = \sin(\omega_i\, p), \qquad \mathrm{PE}_{p,\,2i+1} = \cos(\omega_i\, p), \qquad
\mathrm{PE} \in \mathbb{R}^{T \times D} .
$$

Wavelengths $2\pi/\omega_i$ go from $2\pi$ to almost $2\pi b$. Since $\sin a \sin b + \cos a \cos b = \cos(a - b)$,

$$
\langle \mathrm{PE}_m, \mathrm{PE}_n \rangle = \sum_{i} \cos\big(\omega_i (m - n)\big), \qquad
\lVert \mathrm{PE}_p \rVert^2 = D/2, \qquad \mathrm{PE}_{p+k} = M_k\, \mathrm{PE}_p
$$

with one matrix $M_k \in \mathbb{R}^{D \times D}$ for all $p$: it turns every pair by $\omega_i k$.

**The bugs.** With $j = 0, 2, \dots, D-2$ already stepping by two, *doubled exponent* takes $b^{-2j/D}$ for both:
wavelengths up to almost $2\pi b^2$. *Cosine differs* takes $b^{-2j/D}$ for the sine and $b^{-2(j+1)/D}$ for the
cosine: then $\sin^2 + \cos^2 \ne 1$. The **largest difference between products at one offset** is $\max_{m,n} |G_{mn} - G_{0,|m-n|}|$ of
$G = \mathrm{PE}\,\mathrm{PE}^\top$. A dimension **hardly moves** if its standard deviation over the $T$ positions is below
0.001.
""",
    "learned": r"""
A parameter $P \in \mathbb{R}^{T \times D}$; block 0 reads $x_t = E_{\text{token}_t} + P_t$ (Gehring et al. 2017).
$P$ starts as $\mathcal{N}(0, 0.02^2)$, as in GPT-2, and gets its gradient from the loss like all else.

Likeness is the cosine $C_{mn} = \langle P_m, P_n \rangle / (\lVert P_m \rVert \lVert P_n \rVert)$, $C \in \mathbb{R}^{T \times T}$.
With $\bar C_d$ the mean over all pairs $m < n$ that are $d = n - m$ apart, and $\bar C$ the mean over all pairs,

$$
\text{explained by distance} = 1 - \frac{\sum_{m<n} (C_{mn} - \bar C_{n-m})^2}{\sum_{m<n} (C_{mn} - \bar C)^2} .
$$

It is 1 if $C$ depends on the distance only, as for the sinusoidal table. For vectors without any order, about
$(T-2) / (T(T-1)/2 - 1)$ is to be expected.

The path is $(P_t - \bar P) V^\top$, the rows of $V \in \mathbb{R}^{2 \times D}$ being the first two principal axes of all
tables on the tape.

*Attention against distance* is the mean of the weights $A_{t,\,t-d}$ over the queries $t \ge d$ and a batch.
""",
    "rotary": r"""
A query $q$ and a key $k$ of a head, both in $\mathbb{R}^K$; pairs $i = 0 \dots K/2 - 1$, $\omega_i = b^{-2i/K}$ (Su et
al. 2021, section 3.2). $R_p \in \mathbb{R}^{K \times K}$ turns pair $i$ by the angle $\omega_i p$:

$$
\begin{pmatrix} x'_{2i} \\ x'_{2i+1} \end{pmatrix} =
\begin{pmatrix} \cos \omega_i p & -\sin \omega_i p \\ \sin \omega_i p & \cos \omega_i p \end{pmatrix}
\begin{pmatrix} x_{2i} \\ x_{2i+1} \end{pmatrix}.
$$

Turning back is transposing, so for query position $m$ and key position $n$

$$
\langle R_m q, R_n k \rangle = q^\top R_m^\top R_n k = q^\top R_{n-m}\, k .
$$

Lengths stay: $\lVert R_p x \rVert = \lVert x \rVert$. With all ones for both,
$\langle R_m q, R_n k \rangle / K = \tfrac{2}{K} \sum_i \cos \omega_i (m - n)$, the sinusoidal kernel. The figures show
the score as a cosine, that is over $\lVert q \rVert \lVert k \rVert$. The random $q$ and $k$ are drawn from
$\mathcal{N}(0, 1)$ with a fixed seed.
""",
    "alibi": r"""
For head $h = 1 \dots H$, query $i$ and key $j \le i$ (Press et al. 2022, section 3), with $q_i, k_j \in \mathbb{R}^K$:

$$
s_{ij} = \frac{\langle q_i, k_j \rangle}{\sqrt{K}} - m_h\, (i - j), \qquad A_i = \mathrm{softmax}_{j \le i}(s_{ij}), \qquad
m_h = 2^{-8h/H}
$$

for $H$ a power of two: $1/2, 1/4, \dots, 1/256$ for 8 heads. For other $H$ the authors' code takes the slopes of the
power of two below, then every other one of the power above.

Softmax turns what is added into a factor: a key at distance $d$ counts $e^{-m_h d}$ times as much as it would, and that
halves every $\ln 2 / m_h$ positions. If all $\langle q_i, k_j \rangle$ are equal,

$$
A_{ij} = \frac{e^{-m_h (i-j)}}{\sum_{d=0}^{i} e^{-m_h d}} .
$$
""",
}

CODE = {
    "sinusoidal": [
        ("models/positions.py", "sinusoidal"),
        ("models/positions.py", "SinusoidalPositions"),
        ("theory/encodings.py", "sinusoidal_bug"),
        ("theory/encodings.py", "_frequencies"),
        ("theory/encodings.py", "offset_error"),
    ],
    "learned": [
        ("models/positions.py", "LearnedPositions"),
        ("lenses/positions/look.py", "look"),
        ("lenses/positions/notes.py", "distance_share"),
    ],
    "rotary": [
        ("models/positions.py", "rotate"),
        ("models/positions.py", "rotary_angles"),
        ("theory/encodings.py", "rotary_scores"),
    ],
    "alibi": [
        ("models/positions.py", "alibi_slopes"),
        ("models/positions.py", "alibi_bias"),
        ("theory/encodings.py", "alibi_weights"),
    ],
}

EXPERIMENTS = (
    Experiment(
        "512 positions, 128 dimensions, and the exponent doubled. The product still depends on the offset alone. What breaks?",
        {"T": "512", "D": "128", "code": "doubled exponent"},
        "The wavelengths: the longest is 4.7e8 positions instead of 54,410, and 43 % of the dimensions hardly move over "
        "512 positions (2 % in the right table). A test of the offset alone does not find this bug. With another "
        "exponent for the cosine products at one offset differ by up to 9.1, where the largest is to be 64.",
    ),
    Experiment(
        "Rotary with a base of 10, 256 positions, all ones. Does the score tell far from near?",
        {"encoding": "Rotary", "T": "256", "base": "10"},
        "No: even the slowest pair goes round every 54 positions, so the score falls to nothing within a few positions "
        "and comes back in part (to 0.32 at an offset of 101). With 10,000 it stays above 0.1 and falls far more slowly.",
    ),
    Experiment(
        "Let the Transformer copy ten symbols after a delay of 12. Which positions become alike now?",
        {
            "encoding": "Learned",
            "task": "copy",
            "length": "12",
            "symbols": "8",
            "mlp": "false",
            "heads": "2",
            "width": "32",
            "weight_decay": "0",
        },
        "Blocks. First two, before and after the signal to recall; from some hundreds of steps on three: the ten symbols, "
        "the delay, and the ten to recall. Within the delay all positions stay alike, as nothing happens there. Where "
        "symbols are read or written the model has to count, and only near positions stay alike.",
    ),
)


def reads_on() -> str:
    """What the encodings make of windows that are longer than those of training, in the sweep that ships; "" where it is not here."""
    runs = [
        Trained(each.config["positions"], each.config.seed, each.last.get("beyond_the_length"))
        for each in recorded("lesson-beyond")
    ]
    where = f"[Which encoding reads beyond its training length?]({address('beyond-the-length')})"
    said = f"The loss of a window's last quarter, in the {len(runs)} runs of {where}: {literal(length_reading(runs))}"
    return marked(said, f"recorded · last step · {len(runs)} runs") if runs else ""


def explain(encoding: str, config: RunConfig) -> str:
    """What the pictures of an encoding show; of the learnt one, of this run."""
    if encoding == "alibi":
        return f"{EXPLAIN[encoding]}{reads_on()}"
    if encoding != "learned":
        return EXPLAIN[encoding]
    words = config.problem.words
    return EXPLAIN[encoding].replace("TASK", f"This network learns {words.name}. {words.asks} {words.positions}")


lesson = Lesson(key="positions", shipped=("lesson-positions",), row=("task", "width", "layers", "lr", "seed"))


def slide(label: str, options: tuple[int, ...], value: int, key: str) -> int:
    """One slider of the closed forms; its key is its name in the address."""
    with st.container(width=170):
        return int(st.select_slider(label, options, value=value, key=key, bind="query-params"))


def pairs_of(width: int) -> tuple[int, int]:
    """First and last of the pairs that are drawn one by one."""
    last = width // 2 - 1
    with st.container(width=170):
        first, end = st.slider("Pairs shown", 0, last, (0, last), key=f"pairs{width}", persist_state="page")
    return first, end


def scan(T: int, most: int | None = None) -> Scan:
    """The bar over the positions below `most` (default, all)."""
    return Scan("position", tuple(int(at) for at in places(T) if most is None or at < most))


@st.fragment
def sinusoidal_view() -> None:
    """Sliders and figures of the fixed table."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        T = slide("Length T", LENGTHS, 64, "T")
        D = slide("Width D", WIDTHS, 64, "D")
        base = slide("Base", BASES, 10_000, "base")
        pairs = pairs_of(D)
        code = choice_of("Code of the exponent", sinusoidal.CODES, "correct", "code", wrap=True)
    said = f"**{sinusoidal.CODES[code].capitalize()}:** {sinusoidal.verdict(T, D, base, code)}"
    st.markdown(marked(said, CLOSED_FORM))
    play(sourced(sinusoidal.panels(T, D, base, code, pairs, theme()), CLOSED_FORM), key="sinusoidal", scan=scan(T))


@st.fragment
def rotary_view() -> None:
    """Sliders and figures of turned queries and keys."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        T = slide("Length T", LENGTHS, 64, "T")
        K = slide("Head size K", WIDTHS, 32, "K")
        base = slide("Base", BASES, 10_000, "base")
        pairs = pairs_of(K)
        with st.container(width=170):
            offset = st.slider("Query after key by", 0, 15, 5, key="offset", bind="query-params")
        kind = choice_of("Query and key", VECTORS, "equal", "vectors")
    q, k = rotary.vectors(K, kind == "random")
    figures = rotary.panels(T, base, offset, q, k, pairs, theme())
    play(sourced(figures, CLOSED_FORM), key="rotary", scan=scan(T, T - offset))


@st.fragment
def alibi_view() -> None:
    """Sliders and figures of the bias."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        T = slide("Length T", LENGTHS, 64, "T")
        with st.container(width=170):
            H = st.slider("Heads H", 1, 16, 8, key="H", bind="query-params")
        with st.container(width=170):
            head = st.number_input("Head shown", 1, H, min(4, H), key=f"head{H}", persist_state="page")
    play(sourced(alibi.panels(T, H, head - 1, theme()), CLOSED_FORM), key="alibi", scan=scan(T))


if st.session_state.get(ENTERED, False):  # before `open_lesson`, which takes note of it
    st.session_state["positions:first"] = "learned" if "run" in st.query_params else "sinusoidal"
open_lesson(
    lesson,
    "Attention treats its input as a set. Four ways to tell it which token stands where: **add** a vector for each "
    "position (fixed or learned), **turn** queries and keys, or **hold scores back** by distance.",
)
first = st.session_state.get("positions:first", "sinusoidal")
encoding = choice_of("Encoding", ENCODINGS, first, "encoding", label_visibility="collapsed")
runs: list[Run] = []
if encoding == "sinusoidal":
    sinusoidal_view()
elif encoding == "rotary":
    rotary_view()
elif encoding == "alibi":
    alibi_view()
else:
    runs = transport(lesson, lambda config: [config.but(model=lesson.base.model)])
    if runs:
        figures = positions.panels(subject(runs[0].config, runs[0].meta), theme())
        layers = runs[0].config.layers
        show(lesson, runs, figures, selections={"layer": ("Layer", layers)}, asks=layers > 0)

said = explain(encoding, lesson.configs(runs)[0])
lesson_words(lesson, runs, said, MATH[encoding], CODE[encoding], EXPERIMENTS)
