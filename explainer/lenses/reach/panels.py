"""The memory horizon: accuracy against lag, and how far back the gradient reaches before and after training.

Each network has its colour, and a marker of its own on every chart, so that none has to be told by
colour. A horizon is `theory.jacobian.gradient_horizon` of the norms that the lens `reach` sees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
from jaxtyping import Float

from explainer.charts.panel import Panel
from explainer.charts.theme import FAMILY_COLOURS, FAMILY_NAMES, FAMILY_SYMBOLS, ink, level, level_name, stroke
from explainer.charts.traces import drawn, scatter
from explainer.lenses.reach.record import ReachRecord
from explainer.theory.jacobian import gradient_horizon
from explainer.words import counted, listed

SHARE = 0.01
SIZES = (16, 11, 7, 5, 4)  # where networks stand on one point, all of them are seen
MARGIN = {"l": 58, "r": 14, "t": 10, "b": 64}  # two lines of ticks
FLOOR = 1e-9  # of the gradient's share on its chart
NO_GRADIENT = "No gradient can be followed: at the loss, or on the way back, it is 0 or not a finite number."


@dataclass(frozen=True)
class Memory:
    """One network at one delay.

    Attributes:
        model: its family.
        length: T of the sequences.
        lag: steps between reading and answering (see `theory.memory`).
        score: what share is right, at best 1; NaN before the end of training.
        first: the gradients before the first update, last: after the last one; None where nobody looked.
        delay: the setting from which the length follows, 0 where that is the length itself.
    """

    model: str
    length: int
    lag: float
    score: float
    first: ReachRecord | None = None
    last: ReachRecord | None = None
    delay: int = 0

    @property
    def asked(self) -> int:
        """What was typed: the delay, or else the length."""
        return self.delay or self.length


def page_panels(memories: Sequence[Memory], theme: str, score: str, baseline: float, baseline_name: str) -> list[Panel]:
    """The three charts of the page, in reading order.

    Args:
        score: what `Memory.score` is, for the axis.
        baseline: the score without a memory.
        baseline_name: what that is.
    """
    return [
        accuracy_panel(memories, theme, score, baseline, baseline_name),
        reach_panel(memories, theme),
        trained_panel(memories, theme, baseline),
    ]


def accuracy_panel(memories: Sequence[Memory], theme: str, score: str, baseline: float, baseline_name: str) -> Panel:
    """The score of each network against the lag; upright, where its gradient ended before training."""
    shade = ink(theme)
    data: list[dict[str, Any]] = []
    for model in families(memories):
        found = learnt(memories, model)
        name, colour, symbol = FAMILY_NAMES[model], FAMILY_COLOURS[model], FAMILY_SYMBOLS[model]
        data.append(
            scatter(
                "lines+markers",
                name=name,
                legendgroup=model,
                x=[memory.lag for memory in found],
                y=[memory.score for memory in found],
                customdata=[memory.length for memory in found],
                line=stroke(colour, 2.4),
                marker={"symbol": symbol, "size": 9, "color": colour},
                hover=f"{name}, T = %{{customdata}}<br>lag %{{x}}: %{{y:.4f}}",
            )
        )
        reach = horizon(_longest(memories, model).first)
        if math.isfinite(reach):
            data.append(
                scatter(
                    "lines+markers",
                    name="its gradient at the start",
                    legendgroup=model,
                    showlegend=False,
                    x=[reach, reach],
                    y=[0, 1],
                    line=stroke(colour, 1.6, "dash"),
                    marker={"symbol": f"{symbol}-open", "size": [0, 9], "color": colour},
                    hover=f"{name}, before training<br>the gradient falls under {SHARE:.0%} after %{{x:.2f}} steps",
                )
            )
    xtitle = f"{_asked(memories)}; below it the lag: steps from reading to answering"
    figure = drawn(
        theme,
        data,
        xaxis={"title": xtitle, "type": "log"} | _ticks(memories),
        yaxis={"title": score, "range": [_lowest(memories), 1.06]},
        shapes=[level(baseline, color=shade.muted, width=1.5, dash="dot")],
        annotations=[level_name(baseline_name, baseline, shade.muted)],
        margin=MARGIN,
        showlegend=True,
    )
    title = "What is remembered (dashed: how far the gradient reached at first)"
    said = accuracy_reading(memories, baseline)
    return Panel("horizon-accuracy", title, figure, reading=said, span=5, height=370)


def reach_panel(memories: Sequence[Memory], theme: str) -> Panel:
    """||dL/ds|| against steps back, as a share of the last, before (solid) and after training (dotted)."""
    shade = ink(theme)
    data: list[dict[str, Any]] = []
    for model in families(memories):
        longest = _longest(memories, model)
        name, colour = FAMILY_NAMES[model], FAMILY_COLOURS[model]
        for record, when, dash in ((longest.first, "before training", "solid"), (longest.last, "after", "dot")):
            if record is None:
                continue
            shares, symbol = shares_back(record), FAMILY_SYMBOLS[model] + ("-open" if dash == "dot" else "")
            data.append(
                scatter(
                    name=name,
                    showlegend=False,
                    x=list(range(len(shares))),
                    y=[share if math.isfinite(share) and share > 0 else None for share in shares.tolist()],
                    line=stroke(colour, 2.4, dash),
                    hover=f"{name}, {when}, T = {longest.length}<br>%{{x}} steps back: %{{y:.3e}}",
                )
            )
            reach = horizon(record)
            if math.isfinite(reach):
                data.append(
                    scatter(
                        "markers",
                        showlegend=False,
                        x=[reach],
                        y=[SHARE],
                        marker={"symbol": symbol, "size": 9, "color": colour},
                        hover=f"{name}, {when}: horizon %{{x:.2f}} steps",
                    )
                )
    logarithmic = {"type": "log", "exponentformat": "power", "range": [math.log10(FLOOR), 1.5]}
    figure = drawn(
        theme,
        data,
        xaxis={"title": "steps back from the loss", "rangemode": "tozero"},
        yaxis={"title": "‖∂L/∂s‖, as a share of the last", **logarithmic},
        shapes=[level(SHARE, color=shade.muted, width=1.5, dash="dot")],
        annotations=[level_name(f"{SHARE:.0%}", math.log10(SHARE), shade.muted)],
    )
    title = "The gradient, steps back (solid: before training, dotted: after)"
    return Panel("horizon-reach", title, figure, reading=reach_reading(memories), span=4, height=370)


def trained_panel(memories: Sequence[Memory], theme: str, baseline: float) -> Panel:
    """The gradient's horizon after training against the lag that was asked for; filled where it was learnt."""
    shade = ink(theme)
    lags = sorted({memory.lag for memory in memories})
    ends = [min(lags, default=1.0), max(lags, default=10.0)]
    data = [scatter(x=ends, y=ends, line=stroke(shade.muted, 1.5, "dot"), showlegend=False, hoverinfo="skip")]
    for size, model in zip(SIZES, families(memories), strict=False):
        found = [memory for memory in learnt(memories, model) if not math.isnan(horizon(memory.last))]
        name, colour, symbol = FAMILY_NAMES[model], FAMILY_COLOURS[model], FAMILY_SYMBOLS[model]
        reached = [horizon(memory.last) for memory in found]
        data.append(
            scatter(
                "markers",
                name=name,
                showlegend=False,
                x=[memory.lag for memory in found],
                y=[min(reach, memory.length - 1) for reach, memory in zip(reached, found, strict=True)],
                text=[f"{reach:.2f} steps" if math.isfinite(reach) else "the whole sequence" for reach in reached],
                marker={
                    "symbol": [symbol if is_learnt(memory, baseline) else f"{symbol}-open" for memory in found],
                    "size": size,
                    "color": colour,
                    "line": {"width": 1.5, "color": colour},
                },
                hover=f"{name}<br>lag %{{x}}: the gradient reaches back %{{text}}",
            )
        )
    xaxis = {"title": f"{_asked(memories)}; below it the lag (filled: learnt)", "type": "log"} | _ticks(memories)
    ticks = {"tickvals": lags, "ticktext": [f"{lag:g}" for lag in lags], "minor": {"showgrid": False}}
    yaxis = {"title": "gradient's horizon in steps", "type": "log", **ticks}
    figure = drawn(theme, data, xaxis=xaxis, yaxis=yaxis, margin=MARGIN)
    title, said = "After training: does the gradient reach the lag?", trained_reading(memories, baseline)
    return Panel("horizon-trained", title, figure, reading=said, span=3, height=370)


# -- what the charts stand on -----------------------------------------------------------------


def families(memories: Sequence[Memory]) -> list[str]:
    """The networks, in the order in which they come."""
    return list(dict.fromkeys(memory.model for memory in memories))


def learnt(memories: Sequence[Memory], model: str) -> list[Memory]:
    """Of one network what has been trained to its end, by lag."""
    found = [memory for memory in memories if memory.model == model and not math.isnan(memory.score)]
    return sorted(found, key=lambda memory: memory.lag)


def is_learnt(memory: Memory, baseline: float) -> bool:
    """Whether its score is more than half the way from the baseline to 1."""
    return memory.score > (baseline + 1) / 2


def horizon(record: ReachRecord | None) -> float:
    """The gradient's horizon in steps; infinite where the whole sequence is within it, NaN where nobody looked."""
    return math.nan if record is None else gradient_horizon(record.norms[: record.last + 1], SHARE)


def shares_back(record: ReachRecord) -> Float[np.ndarray, " lags"]:
    """||dL/ds_{T-k}|| / ||dL/ds_T|| for k = 0 ... T."""
    back = record.norms[: record.last + 1][::-1].astype(np.float64)
    with np.errstate(all="ignore"):
        return back / back[0]


def _longest(memories: Sequence[Memory], model: str) -> Memory:
    """A network's longest sequence of those that were looked at."""
    own = [memory for memory in memories if memory.model == model]
    seen = [memory for memory in own if memory.first is not None]
    return max(seen or own, key=lambda memory: memory.length)


# -- readings ---------------------------------------------------------------------------------


def accuracy_reading(memories: Sequence[Memory], baseline: float) -> str:
    """One or two sentences: up to which lag each network learnt, farthest first, beside its gradient's horizon."""
    done = [model for model in families(memories) if learnt(memories, model)]
    if not done:
        return "No run has ended yet."
    tried = max(memory.lag for memory in memories if not math.isnan(memory.score))
    letter = _asked(memories).removeprefix("length ")
    places = {memory.lag: f"{letter} = {memory.asked} (lag {memory.lag:g})" for memory in memories}
    spans = {model: learnt_span(memories, model, baseline) for model in done}
    said = [
        f"{FAMILY_NAMES[model]} learnt {_span(*spans[model], places)}"
        for model in sorted(done, key=lambda model: (spans[model][0], max(spans[model][1], default=0.0)), reverse=True)
    ]
    sentence = f"Tried up to {places[tried]}: {'; '.join(said)}."
    before = {model: horizon(_longest(memories, model).first) for model in done}
    known = [f"{FAMILY_NAMES[model]} {_steps(reach)}" for model, reach in before.items() if not math.isnan(reach)]
    if known:
        sentence += (
            f" Before training the gradient fell under {SHARE:.0%} of itself after so many steps: {', '.join(known)}."
        )
    return sentence


def learnt_span(memories: Sequence[Memory], model: str, baseline: float) -> tuple[float, list[float]]:
    """The longest lag up to which a network learnt every lag, 0 if there is none; and the longer ones learnt again."""
    lags: dict[float, bool] = {}
    for memory in sorted((each for each in memories if each.model == model), key=lambda each: each.lag):
        lags[memory.lag] = lags.get(memory.lag, True) and is_learnt(memory, baseline)
    every = list(takewhile(lags.__getitem__, lags))
    return max(every, default=0.0), [lag for lag, well in lags.items() if well and lag not in every]


def _span(up_to: float, again: Sequence[float], places: Mapping[float, str]) -> str:
    if not again:
        return f"up to {places[up_to]}" if up_to else "none of them"
    beyond = listed([places[lag] for lag in again])
    return f"up to {places[up_to]}, and again {beyond}" if up_to else f"not the shortest, but {beyond}"


def _asked(memories: Sequence[Memory]) -> str:
    return "delay" if any(memory.delay for memory in memories) else "length T"


def reach_reading(memories: Sequence[Memory]) -> str:
    """One sentence for each network: its gradient's horizon before and after training, in its longest sequence."""
    said = []
    for model in families(memories):
        memory = _longest(memories, model)
        before, after = horizon(memory.first), horizon(memory.last)
        if math.isnan(before):
            continue
        later = "" if math.isnan(after) else f", {_steps(after)} after"
        said.append(f"{FAMILY_NAMES[model]} {_steps(before)} before training{later} (T = {memory.length})")
    if not said:
        looked = any(memory.first is not None for memory in memories)
        return NO_GRADIENT if looked else "Nobody has looked at the gradient yet."
    return f"Steps back until it is under {SHARE:.0%}: {'; '.join(said)}."


def trained_reading(memories: Sequence[Memory], baseline: float) -> str:
    """One sentence: of the runs whose gradient reaches the lag, how many learnt it, and of the others."""
    seen = [memory for memory in memories if not (math.isnan(memory.score) or math.isnan(horizon(memory.last)))]
    if not seen:
        ended = any(not math.isnan(memory.score) and memory.last is not None for memory in memories)
        return NO_GRADIENT if ended else "No run has ended yet."
    reaching = [memory for memory in seen if horizon(memory.last) >= memory.lag]
    short = [memory for memory in seen if horizon(memory.last) < memory.lag]
    counts = [
        f"{sum(is_learnt(memory, baseline) for memory in group)} of {counted(len(group), 'run')} whose gradient {what}"
        for group, what in ((reaching, "reaches the lag"), (short, "does not"))
        if group
    ]
    return f"Learnt: {', and '.join(counts)}."


def _steps(reach: float) -> str:
    return f"{reach:.1f}" if math.isfinite(reach) else "never"


def _lowest(memories: Sequence[Memory]) -> float:
    """The bottom of the score's axis: a little below 0, and below what a run fell to, down to -0.5."""
    return max(-0.5, min([0.0, *(memory.score for memory in memories if math.isfinite(memory.score))])) - 0.05


def _ticks(memories: Sequence[Memory]) -> dict[str, Any]:
    """At each lag the length that was asked for, and the lag below it."""
    lengths = {memory.lag: memory.asked for memory in memories}
    lags = sorted(lengths)
    words = [f"{lengths[lag]}<br>lag {lag:g}" for lag in lags]
    return {"tickvals": lags, "ticktext": words, "minor": {"showgrid": False}}
