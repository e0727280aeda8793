"""Hidden states: units against time, the state's path in two principal components, output beside target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explainer.families import FAMILIES
from explainer.figures.amount import amount
from explainer.figures.curves import loss_panel, loss_reading
from explainer.figures.own_series import filled_points, filled_reading, filled_trace
from explainer.figures.panel import Moment, Notes, Panel, Reading, Slot
from explainer.figures.theme import DIVERGING, FAMILY_COLOURS, SEQUENTIAL, colour_bar, ink, layout
from explainer.records import HiddenRecord
from explainer.theory.pca import aligned, principal_axes, project
from explainer.theory.ties import first_largest, first_smallest

TOP = 99  # as an index: the last layer, however many there are
SAMPLES = 4000  # states that the basis is fitted on, at most
READ_BEFORE = 12  # tokens that a forecast of the next one is told with, at most
SATURATED = 0.95  # |h| of a tanh state above which its derivative 1 - h^2 is under a tenth


def states_panel(run: Mapping[str, Any], theme: str, *, span: int = 8, height: int = 330) -> Panel:
    """h_t of every unit (rows) at every time step (columns); the layer is a selection."""
    bounded = FAMILIES[run["model"]].bounded
    heat: dict[str, Any] = {
        "type": "heatmap",
        "colorscale": DIVERGING,
        "zmid": 0,
        "colorbar": colour_bar("h"),
        "hovertemplate": "unit %{y}, t = %{x}<br>h = %{z:.4f}<extra></extra>",
    }
    if bounded:
        heat |= {"zmin": -1, "zmax": 1}
    return Panel(
        id="states",
        title="Hidden state h, unit by unit, as the sequence is read",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "time step t, and what is read there"}, "tickmode": "array", "tickangle": 0},
                yaxis={"title": {"text": "hidden unit"}, "autorange": True},
            ),
        },
        slots=(
            Slot("data.0.z", lens="hidden", name="states", index=("layer",), transpose=True),
            Slot("layout.xaxis.tickvals", lens="hidden", name="tick_places"),
            Slot("layout.xaxis.ticktext", "labels", lens="hidden", name="tick_labels"),
        ),
        readings=(Reading("hidden", "states"),),
        reading_index=("layer",),
        span=span,
        height=height,
    )


def path_panel(run: Mapping[str, Any], theme: str, *, span: int = 4, height: int = 330) -> Panel:
    """The top layer's state in the first two principal components of the whole tape."""
    colour = FAMILY_COLOURS[run["model"]]
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers",
        "line": {"color": colour, "width": 1.5},
        "marker": {"size": 7, "colorscale": SEQUENTIAL, "colorbar": colour_bar("t"), "cmin": 0}
        | {"line": {"width": 0.5, "color": ink(theme).muted}},  # the ends of the scale are near to a background
        "hovertemplate": "t = %{marker.color}<br>(%{x:.3f}, %{y:.3f})<extra></extra>",
    }
    return Panel(
        id="path",
        title="Its path through state space",
        figure={
            "data": [trace],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "principal component 1"}, "showgrid": True},
                yaxis={"title": {"text": "principal component 2"}, "showgrid": True},
            ),
        },
        slots=(
            Slot("data.0.x", "project", lens="hidden", name="states", index=(TOP,), column=0),
            Slot("data.0.y", "project", lens="hidden", name="states", index=(TOP,), column=1),
            Slot("data.0.marker.color", lens="hidden", name="times"),
            Slot("layout.xaxis.range", "context", lens="hidden", name="range", index=(0,)),
            Slot("layout.yaxis.range", "context", lens="hidden", name="range", index=(1,)),
        ),
        readings=(Reading("hidden", "path"),),
        span=span,
        height=height,
    )


def output_panel(run: Mapping[str, Any], theme: str, *, span: int = 8, height: int = 260) -> Panel:
    """What the network says beside what it should say: numbers, or the probability of the right token."""
    data, arrays = (_right_tokens if run["has_tokens"] else _beside_target)(run, theme)
    under = "target_labels" if run["has_tokens"] else "tick_labels"
    slots = [
        *(Slot(place, "labels" if name == "guesses" else "frame", lens="hidden", name=name) for place, name in arrays),
        Slot("layout.xaxis.tickvals", lens="hidden", name="tick_places"),
        Slot("layout.xaxis.ticktext", "labels", lens="hidden", name=under),
    ]
    if run["has_tokens"]:
        yaxis: dict[str, Any] = {"title": {"text": "p(right next token)"}, "range": [0, 1]}
        title = "Probability given to the right next token"
        xtitle = "time step t, and the token that should come next"
    else:
        if run.get("filled"):
            trace, more = filled_trace("hidden", len(data))
            data, slots = [*data, trace], [*slots, *more]
        yaxis = {"title": {"text": run.get("unit") or "value"}}
        title = "Output beside target" + (" (bit 1)" if run["task"] == "flipflop" else "")
        xtitle = "time step t, and what is read there"
    return Panel(
        id="output",
        title=title,
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": xtitle}, "tickmode": "array", "tickangle": 0},
                yaxis=yaxis,
                showlegend=not run["has_tokens"],
            ),
        },
        slots=tuple(slots),
        readings=(Reading("hidden", "output"),),
        span=span,
        height=height,
    )


def _right_tokens(run: Mapping[str, Any], theme: str) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """A bar for each token, and the arrays that fill it, by place."""
    bars = {
        "type": "bar",
        "marker": {"color": FAMILY_COLOURS[run["model"]]},
        "hovertemplate": "t = %{x}<br>guess: %{text}<br>p(right token) = %{y:.3f}<extra></extra>",
        "textposition": "none",
    }
    return [bars], [("data.0.y", "right"), ("data.0.text", "guesses")]


def _beside_target(run: Mapping[str, Any], theme: str) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """The target's line and the output's, and the arrays that fill them, by place."""
    lines = {
        "target": {"color": ink(theme).muted, "width": 1.5, "dash": "dot"},
        "output": {"color": FAMILY_COLOURS[run["model"]], "width": 2.2},
    }
    data = [
        {"type": "scatter", "mode": "lines+markers", "name": name, "line": line, "marker": {"size": 5}}
        | {"hovertemplate": f"t = %{{x}}<br>{name} %{{y:.4f}}<extra></extra>"}
        for name, line in lines.items()
    ]
    return data, [(f"data.{at}.y", name) for at, name in enumerate(lines)]


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return [
        states_panel(run, theme),
        path_panel(run, theme),
        output_panel(run, theme),
        loss_panel([run], theme, "hidden"),
    ]


def notes(record: HiddenRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at the hidden states."""
    L, T, _ = record.states.shape
    places = tick_places(T)
    return Notes(
        readings={
            "states": {str(layer): states_reading(record.states[layer]) for layer in range(L)},
            "path": path_reading(record.states[-1]),
            "output": output_reading(record, moment.meta),
            "loss": loss_reading(moment),
        },
        arrays={
            "times": np.arange(T, dtype=np.int32),
            "tick_places": places,
            **filled_points(record.filled, record.target),
        },
        labels={
            "tick_labels": tick_labels(record.tokens, places),
            "target_labels": tick_labels(record.targets, places),
        },
    )


def tick_places(T: int) -> NDArray[np.int32]:
    """At most 40 places of T, evenly spaced from the first."""
    return np.arange(0, T, max(1, -(-T // 40)), dtype=np.int32)


def tick_labels(tokens: Sequence[str], places: NDArray[np.int32]) -> list[str]:
    """What stands under an axis: the token where it is short, else its position."""
    return [tokens[place] if len(tokens[place]) <= 6 else str(place) for place in places]


def context(
    records: Sequence[HiddenRecord], previous: NDArray[np.float32] | None = None
) -> dict[str, NDArray[np.float32]]:
    """The plane of the path, one for the whole tape, so that the path moves and the axes don't.

    Args:
        records: of the tape so far.
        previous: the basis of the tape when it was shorter; signs and order follow it.

    Returns:
        mean (N,), basis (2, N), range (2, 2) of both axes, explained (2,).
    """
    states = np.concatenate([record.states[-1] for record in records])
    axes = principal_axes(states[:: -(-len(states) // SAMPLES)], 2)
    if previous is not None and previous.shape == axes.basis.shape:
        axes = axes._replace(basis=aligned(axes.basis, previous))
    places = project(states[np.isfinite(states).all(axis=1)], axes)
    if len(places) == 0:
        places = np.zeros((1, 2))
    low, high = places.min(axis=0), places.max(axis=0)
    margin = np.maximum((high - low) * 0.06, 1e-3)
    named = {
        "mean": axes.mean,
        "basis": axes.basis,
        "range": np.stack([low - margin, high + margin], axis=1),
        "explained": axes.explained,
    }
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in named.items()}


def states_reading(states: NDArray[np.float32]) -> str:
    """One sentence on (T, N) states: smallest and largest, the busiest and the calmest unit, saturation."""
    T, N = states.shape
    if not np.isfinite(states).all():
        share = 1 - np.isfinite(states).mean()
        return f"{share:.0%} of the {N} × {T} hidden values are not finite numbers."
    if not states.any():
        return f"All {N} × {T} hidden values are 0."
    states = states.astype(np.float64)  # squares of large values overflow in single precision
    (low_at, low), (high_at, high) = (divmod(at, N) for at in (first_smallest(states), first_largest(states)))
    sentence = (
        f"h is smallest in unit {low} ({_value(states.min())} at t = {low_at}) "
        f"and largest in unit {high} ({_value(states.max())} at t = {high_at})"
    )
    spread = states.std(axis=0)
    most, least = first_largest(spread), first_smallest(spread, scale=float(spread.max()))
    if T > 1 and spread[most] > 0:
        moving = states[:, most]
        sentence += f"; unit {most} moves most (from {_value(moving.min())} to {_value(moving.max())})"
        sentence += f", unit {least} least" if spread[least] < spread[most] else ""
    saturated = (np.abs(states) > SATURATED).mean()
    return f"{sentence}; {saturated:.0%} of the values are beyond ±{SATURATED}."


def _value(value: float) -> str:
    """A state: two decimals, or three digits of a large one."""
    return f"{value:.2f}" if abs(value) < 1000 else amount(float(value))


def path_reading(states: NDArray[np.float32]) -> str:
    """One sentence on how far the state travels: its longest and shortest stride, and whether it comes to rest."""
    if not np.isfinite(states).all():
        return "The state is not finite, so it has no path."
    if len(states) < 2:
        return "One time step has no path."
    strides = np.linalg.norm(np.diff(states.astype(np.float64), axis=0), axis=1)
    if not strides.any():
        return "The state does not move."
    longest, shortest = first_largest(strides), first_smallest(strides, scale=float(strides.max()))
    sentence = f"The longest stride, {amount(strides[longest], 2)}, is the one to t = {longest + 1}"
    if len(strides) == 1:
        return f"{sentence}, the only one."
    return (
        f"{sentence}, the shortest, {amount(strides[shortest], 2)}, the one to t = {shortest + 1}; "
        f"the median is {amount(float(np.median(strides)), 2)}."
    )


def output_reading(record: HiddenRecord, run: Mapping[str, Any]) -> str:
    """The forecast, where there is one, and one sentence on the positions that count."""
    if not np.isfinite(record.certainty if record.has_tokens else record.output).all():
        return "What the network says is not finite."
    judged = judged_reading(record, str(run.get("unit") or "")) + filled_reading(record.filled, record.mask)
    return f"{forecast_reading(record, run)} {judged}" if record.foretells else judged


def forecast_reading(record: HiddenRecord, run: Mapping[str, Any]) -> str:
    """One sentence: what the network says that comes next, which nobody knows.

    Args:
        run: its `task`, and the `unit` of its numbers.
    """
    if record.has_tokens:
        gap, read, likely = ("", "“{}”", "character") if run["task"] == "text" else (" ", "{}", "symbol")
        shown = read.format(gap.join(record.tokens[-READ_BEFORE:]))
        return (
            f"After {shown} the network takes “{record.guesses[-1]}” for the likeliest next {likely}, "
            f"with probability {_probability(float(record.certainty[-1]))}."
        )
    unit = f" {run['unit']}" if run.get("unit") else ""
    return f"After {', '.join(record.tokens[-2:])} the network forecasts {amount(float(record.output[-1]))}{unit}."


def _probability(value: float) -> str:
    """Two decimals, or two digits where these would be zeros: one of thousands of signs."""
    return f"{value:.2f}" if value >= 0.005 else amount(value, 2)


def judged_reading(record: HiddenRecord, unit: str = "") -> str:
    """One sentence on the positions that count.

    Args:
        unit: of the numbers.
    """
    of = f" {unit}" if unit else ""
    mask = record.mask
    if not mask.any():
        return "No position of this sequence counts in the loss."
    if not np.isfinite((record.right if record.has_tokens else record.output - record.target)[mask]).all():
        return "What the network says is not finite."
    if record.has_tokens:
        right = record.right[mask]
        worst, best = (int(np.flatnonzero(mask)[at]) for at in (first_smallest(right), first_largest(right)))
        hits = np.mean(
            [guess == target for guess, target, use in zip(record.guesses, record.targets, mask, strict=True) if use]
        )
        return (
            f"The likeliest token is right at {hits:.0%} of the {int(mask.sum())} positions that count; "
            f"the right token gets probability {_probability(float(right.mean()))} on average, from {amount(float(record.right[worst]), 2)} at t = {worst} "
            f"to {amount(float(record.right[best]), 2)} at t = {best}."
        )
    if len(record.errors) > 1:
        return bits_reading(record)
    error = (record.output - record.target).astype(np.float64)[mask]
    if mask.sum() == 1:
        at = int(mask.argmax())
        output, target = record.output[at], record.target[at]
        return (
            f"At t = {at}, where it counts, the output is {_output(output)}{of} and the target {_output(target)}{of}."
        )
    sizes = np.abs(error)
    worst, best = (int(np.flatnonzero(mask)[at]) for at in (first_largest(sizes), first_smallest(sizes)))
    return (
        f"Over the {int(mask.sum())} positions that count, the error is {amount(float(np.sqrt(np.mean(error**2))))}{of} (root mean square); "
        f"largest at t = {worst}, smallest at t = {best}."
    )


def bits_reading(record: HiddenRecord) -> str:
    """One sentence on all bits of a flip-flop, not only on the one that is drawn: the best and the worst."""
    best, worst = first_smallest(record.errors), first_largest(record.errors)
    if not np.isfinite(record.errors).all():
        return "What the network says is not finite."
    right = int((record.signs == 1).sum())
    said = [
        f"bit {bit + 1} {which} (sign right at {record.signs[bit]:.0%}, error {amount(float(record.errors[bit]))})"
        for bit, which in ((best, "best"), (worst, "worst"))
    ]
    return (
        f"Over the {int(record.mask.sum())} steps that count, {right} of the {len(record.errors)} bits always "
        f"{'has' if right == 1 else 'have'} the right sign; {', '.join(said)}; errors are root mean squares."
    )


def _output(value: float) -> str:
    """An output: three decimals, or three digits of a large one."""
    return f"{value:.3f}" if abs(value) < 1000 else amount(float(value))
