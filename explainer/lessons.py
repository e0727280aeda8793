"""The recorded run (or runs) of each lesson: what a page shows before anyone has pressed Train.

`python -m explainer tapes` trains these and writes them to `tapes/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from explainer.config import RunConfig
from explainer.families.attending import POSITIONS
from explainer.sweep import Sweep


@dataclass(frozen=True)
class Lesson:
    """One recorded run.

    Attributes:
        config: what it trains.
        lenses: whose views are on its tape.
        filled: likewise, of the moments alone whose weights are on it.
        begun: likewise, of six of these moments; the worker adds the others when the app starts.
        ratio: growth of the steps with views and gradient details.
        weight_bytes: of all kept moments' weights, at most.
        weight_steps: moments whose weights are kept, beside the first and the last; () for log-spaced ones.
    """

    config: RunConfig
    lenses: tuple[str, ...]
    filled: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    ratio: float = 1.03
    weight_bytes: int = 120_000
    weight_steps: tuple[int, ...] = ()


@dataclass(frozen=True)
class SweepLesson:
    """One recorded sweep.

    Attributes:
        sweep: what it trains.
        lenses: what looks at the first and the last moment of each run.
    """

    sweep: Sweep
    lenses: tuple[str, ...]


_ADDING = RunConfig(task="adding", length=30, model="gru", width=32, lr=5e-3, batch=64, steps=700)
_TRANSFORMER = {"model": "transformer", "layers": 2, "heads": 4, "batch": 32, "steps": 800}
# With the norm before the branch the same heads take over a thousand steps to form, if they do.
_REPEAT = RunConfig(
    **_TRANSFORMER, task="repeat", length=48, symbols=32, width=64, mlp=False, norm="post", lr=5e-3, seed=2
)

_GRADIENTS = RunConfig(task="adding", length=50, model="rnn", width=32, lr=5e-3, batch=64, steps=800)

_POSITIONS = RunConfig(**_TRANSFORMER, task="text", length=24, width=24, positions="learned", lr=3e-3, weight_decay=0.1)

# Small enough that a tape holds dozens of moments' weights: every view of theirs is made from those.
_MICROSCOPE = RunConfig(task="adding", length=40, model="rnn", width=16, lr=1e-2, batch=64, steps=800)

_FLIPFLOP = RunConfig(task="flipflop", length=24, model="gru", width=12, lr=2e-2, batch=64, steps=300)

_TEXT = RunConfig(
    task="text",
    length=84,
    model="lstm",
    width=44,
    lr=5e-3,
    schedule="cosine",
    min_lr=5e-4,
    batch=32,
    steps=4000,
    seed=5,  # the sequence that is looked at has brackets and quotation marks
)

_PARITY = RunConfig(
    task="parity",
    length=40,
    model="lstm",
    layers=2,
    width=32,
    heads=4,
    positions="rotary",
    keep="signed",
    lr=3e-3,
    batch=64,
    steps=400,
)

# Weights as they are drawn: one step, since a run has one at least.
_GLASSES = RunConfig(task="parity", length=16, model="transformer", layers=3, width=24, heads=4, positions="none", batch=2, steps=1, seed=1)  # fmt: skip

LESSONS: Mapping[str, Lesson] = {
    "lesson-hidden": Lesson(_ADDING, ("hidden_states", "gates"), ratio=1.06),
    # One task and one seed, so all three see the same batches.
    "lesson-gradients-rnn": Lesson(_GRADIENTS, ("gradients",)),
    "lesson-gradients-lstm": Lesson(_GRADIENTS.but(model="lstm"), ("gradients",)),
    "lesson-gradients-gru": Lesson(_GRADIENTS.but(model="gru"), ("gradients",)),
    "lesson-microscope-rnn": Lesson(_MICROSCOPE, (), begun=("microscope", "jacobian")),
    "lesson-microscope-lstm": Lesson(
        _MICROSCOPE.but(model="lstm"), (), filled=("surgery",), begun=("microscope", "jacobian")
    ),
    "lesson-microscope-gru": Lesson(_MICROSCOPE.but(model="gru"), (), begun=("microscope", "jacobian")),
    "lesson-flipflop": Lesson(_FLIPFLOP, ("fixed_points",), ratio=1.35, weight_bytes=24_000),
    # The induction heads form between steps 209 and 265.
    "lesson-attention": Lesson(
        _REPEAT, ("attention", "heads"), filled=("surgery", "layers"), weight_steps=(60, 160, 209, 236, 265, 400)
    ),
    "lesson-attention-one-layer": Lesson(_REPEAT.but(layers=1), ("attention", "heads")),
    "lesson-positions": Lesson(_POSITIONS, ("positions",)),
    **{
        f"lesson-race-{model}": Lesson(_PARITY.but(model=model), ("race",))
        for model in ("rnn", "lstm", "mingru", "transformer")
    },
    **{
        f"lesson-glasses-{positions}": Lesson(_GLASSES.but(positions=positions), ("glasses",))
        for positions in ("none", "rotary", "alibi", "sinusoidal")
    },
    "lesson-glasses-gru": Lesson(_GLASSES.but(model="gru"), ("glasses",)),
    "lesson-glasses-mamba": Lesson(_GLASSES.but(model="mamba"), ("glasses",)),
    "lesson-text": Lesson(_TEXT, ("gates",), ratio=2.5, weight_steps=(100, 300, 700, 1200, 2000, 2800)),
}

_HORIZON = RunConfig(task="adding", length=80, model="gru", width=32, lr=1e-2, batch=32, steps=800)

_BEYOND = _POSITIONS.but(length=32, width=48, schedule="cosine", warmup=40, batch=16)

SWEEPS: Mapping[str, SweepLesson] = {
    "lesson-horizon": SweepLesson(
        Sweep(base=_HORIZON, axes=(("length", (5, 10, 20, 40, 80)), ("model", ("rnn", "lstm", "gru")))), ("reach",)
    ),
    # One seed with every encoding before the next, so that a first comparison comes soon.
    "lesson-beyond": SweepLesson(
        Sweep(base=_BEYOND, axes=(("seed", (0, 1, 2)), ("positions", POSITIONS))), ("beyond_the_length",)
    ),
}
