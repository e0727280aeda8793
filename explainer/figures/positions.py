"""A Transformer's position vectors while it learns: the table, how alike its rows are, how far the heads look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explainer.figures.curves import loss_panel, loss_reading
from explainer.figures.order import shades
from explainer.figures.panel import Moment, Notes, Panel, Reading, Slot
from explainer.figures.theme import DIVERGING, FAMILY_COLOURS, SEQUENTIAL, colour_bar, ink, layout
from explainer.records import PositionsRecord
from explainer.theory.encodings import offset_range
from explainer.theory.pca import aligned, principal_axes, project

LENS = "positions"
SAMPLES = 4000  # rows that the plane of the path is fitted on, at most
NO_TABLE = {
    "none": "This model is told nothing about positions, so there is no table.",
    "rotary": "Rotary positions add nothing to the embeddings: they turn queries and keys. There is no table.",
    "alibi": "ALiBi adds nothing to the embeddings: it changes the scores. There is no table.",
}


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    last = [distance_panel(run, theme)] if run["layers"] else []
    return [
        table_panel(theme),
        likeness_panel(theme),
        path_panel(theme),
        profile_panel(theme),
        order_panel(theme),
        *last,
        loss_panel([run], theme, LENS, span=3, height=250),
    ]


def table_panel(theme: str, *, span: int = 5, height: int = 290) -> Panel:
    """The vector added at each position, one column each; colours are the same over the whole tape."""
    heat = {
        "type": "heatmap",
        "colorscale": DIVERGING,
        "zmid": 0,
        "colorbar": colour_bar("value"),
        "hovertemplate": "position %{x}, dimension %{y}<br>%{z:.4f}<extra></extra>",
    }
    return Panel(
        id="positions-table",
        title="What is added to the embedding at each position",
        figure={
            "data": [heat],
            "layout": layout(theme, xaxis={"title": {"text": "position"}}, yaxis={"title": {"text": "dimension"}}),
        },
        slots=(
            Slot("data.0.z", lens=LENS, name="table", transpose=True),
            Slot("data.0.zmin", "context", lens=LENS, name="limits", index=(0,)),
            Slot("data.0.zmax", "context", lens=LENS, name="limits", index=(1,)),
        ),
        readings=(Reading(LENS, "table"),),
        span=span,
        height=height,
    )


def likeness_panel(theme: str, *, span: int = 3, height: int = 290) -> Panel:
    """Cosine of the angle between the vectors of every two positions."""
    heat = {
        "type": "heatmap",
        "colorscale": DIVERGING,
        "zmin": -1,
        "zmax": 1,
        "colorbar": colour_bar("cosine"),
        "hovertemplate": "positions %{y} and %{x}<br>cosine %{z:.4f}<extra></extra>",
    }
    return Panel(
        id="positions-likeness",
        title="How alike any two positions are",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "position n"}},
                yaxis={"title": {"text": "position m"}, "autorange": "reversed"},
            ),
        },
        slots=(Slot("data.0.z", lens=LENS, name="kernel"),),
        readings=(Reading(LENS, "likeness"),),
        span=span,
        height=height,
    )


def path_panel(theme: str, *, span: int = 4, height: int = 290) -> Panel:
    """The position vectors as points of a plane, joined in their order; the plane is one for the whole tape."""
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "line": {"color": ink(theme).line, "width": 1},
        "marker": {
            "size": 8,
            "colorscale": SEQUENTIAL,
            "colorbar": colour_bar("position"),
            "cmin": 0,
            "line": {"color": ink(theme).line, "width": 1},
        },
        "hovertemplate": "position %{marker.color}<br>(%{x:.4f}, %{y:.4f})<extra></extra>",
    }
    return Panel(
        id="positions-path",
        title="The vectors as points, joined in order",
        figure={
            "data": [trace],
            "layout": layout(
                theme,
                xaxis={"title": {"text": "principal component 1"}},
                yaxis={"title": {"text": "principal component 2"}},
            ),
        },
        slots=(
            Slot("data.0.x", "project", lens=LENS, name="table", column=0),
            Slot("data.0.y", "project", lens=LENS, name="table", column=1),
            Slot("data.0.marker.color", lens=LENS, name="distances"),
            Slot("layout.xaxis.range", "context", lens=LENS, name="range", index=(0,)),
            Slot("layout.yaxis.range", "context", lens=LENS, name="range", index=(1,)),
        ),
        readings=(Reading(LENS, "path"),),
        span=span,
        height=height,
    )


def profile_panel(theme: str, *, span: int = 3, height: int = 250) -> Panel:
    """Cosine against distance: mean and range over all pairs of positions that far apart."""
    colour = FAMILY_COLOURS["transformer"]
    edge = {"type": "scatter", "mode": "lines", "line": {"color": colour, "width": 0.8}, "opacity": 0.7}
    hover = "%{x} apart<br>{} %{y:.4f}<extra></extra>"
    data = [
        {**edge, "hovertemplate": hover.replace("{}", "least")},
        {**edge, "fill": "tonexty", "hovertemplate": hover.replace("{}", "most")},
        {
            "type": "scatter",
            "mode": "lines",
            "line": {"color": colour, "width": 2.8},
            "hovertemplate": hover.replace("{}", "mean"),
        },
    ]
    return Panel(
        id="positions-profile",
        title="Cosine against distance",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "distance |m − n|"}},
                yaxis={"title": {"text": "cosine"}, "range": [-1.05, 1.05]},
            ),
        },
        slots=tuple(
            slot
            for number, name in enumerate(("least", "most", "mean"))
            for slot in (
                Slot(f"data.{number}.x", lens=LENS, name="distances"),
                Slot(f"data.{number}.y", lens=LENS, name=f"profile_{name}"),
            )
        ),
        readings=(Reading(LENS, "profile"),),
        span=span,
        height=height,
    )


def order_panel(theme: str, *, span: int = 3, height: int = 250) -> Panel:
    """Over training: mean cosine of neighbours and of positions half a sequence apart, and `distance_share`."""
    shade = ink(theme)
    line = {"type": "scatter", "mode": "lines"}
    data = [
        {
            **line,
            "name": "neighbours",
            "line": {"color": FAMILY_COLOURS["transformer"], "width": 2.6},
            "hovertemplate": "step %{x}<br>neighbours %{y:.4f}<extra></extra>",
        },
        {
            **line,
            "name": "far",
            "line": {"color": FAMILY_COLOURS["transformer"], "width": 1.8, "dash": "dot"},
            "hovertemplate": "step %{x}<br>half a sequence apart %{y:.4f}<extra></extra>",
        },
        {
            **line,
            "name": "by distance",
            "line": {"color": shade.muted, "width": 1.8},
            "hovertemplate": "step %{x}<br>explained by distance %{y:.4f}<extra></extra>",
        },
    ]
    now = {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1}
    return Panel(
        id="positions-order",
        title="Order over training",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
                yaxis={"title": {"text": "mean cosine; share"}, "range": [-1.05, 1.05]},
                shapes=[{**now, "line": {"color": shade.muted, "width": 1}}],
                showlegend=True,
            ),
        },
        slots=(
            Slot("layout.shapes.0.x0", "step"),
            Slot("layout.shapes.0.x1", "step"),
            *(
                slot
                for number, name in enumerate(("neighbours", "half", "by_distance"))
                for slot in (
                    Slot(f"data.{number}.x", "history", lens=LENS, name="step"),
                    Slot(f"data.{number}.y", "history", lens=LENS, name=name),
                )
            ),
        ),
        readings=(Reading(LENS, "order"),),
        span=span,
        height=height,
    )


def distance_panel(run: Mapping[str, Any], theme: str, *, span: int = 3, height: int = 250) -> Panel:
    """Mean attention against the distance to the key, a line for each head of the chosen layer."""
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"head {head + 1}",
            "line": {"color": colour, "width": 2},
            "hovertemplate": f"head {head + 1}, %{{x}} back<br>weight %{{y:.4f}}<extra></extra>",
        }
        for head, colour in enumerate(shades(theme, run["heads"]))
    ]
    return Panel(
        id="positions-distance",
        title="Attention against distance, by head",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "distance to the key"}},
                yaxis={"title": {"text": "mean weight"}, "range": [0, 1.02]},
            ),
        },
        slots=tuple(
            Slot(f"data.{head}.y", lens=LENS, name="distance", index=("layer", head)) for head in range(run["heads"])
        ),
        readings=(Reading(LENS, "distance"),),
        reading_index=("layer",),
        span=span,
        height=height,
    )


def notes(record: PositionsRecord, moment: Moment) -> Notes:
    """Sentences and derived arrays of one look at the positions."""
    T = len(record.table)
    least, mean, most = (each[T - 1 :] if T else each for each in offset_range(record.kernel))
    return Notes(
        readings={
            "table": table_reading(record),
            "likeness": likeness_reading(record),
            "path": path_reading(record),
            "profile": profile_reading(record),
            "order": order_reading(record),
            "distance": {str(layer): distance_reading(weights) for layer, weights in enumerate(record.distance)},
            "loss": loss_reading(moment),
        },
        arrays={
            "distances": np.arange(T, dtype=np.int32),
            "profile_least": least.astype(np.float32),
            "profile_mean": mean.astype(np.float32),
            "profile_most": most.astype(np.float32),
            "neighbours": np.array(_mean_at(record, 1), np.float32),
            "half": np.array(_mean_at(record, T // 2), np.float32),
            "by_distance": np.array(distance_share(record.kernel), np.float32),
        },
    )


def context(
    records: Sequence[PositionsRecord], previous: NDArray[np.float32] | None = None
) -> dict[str, NDArray[np.float32]]:
    """The plane of the path and the range of colours, one for the whole tape.

    Args:
        records: of the tape so far.
        previous: the basis of the tape when it was shorter; signs follow it.

    Returns:
        mean (D,), basis (2, D), range (2, 2) of both axes, limits (2,) of the colours.
    """
    tables = np.concatenate([record.table for record in records])
    tables = tables[np.isfinite(tables).all(axis=1)]
    axes = principal_axes(tables[:: -(-len(tables) // SAMPLES) or 1], 2)
    if previous is not None and previous.shape == axes.basis.shape:
        axes = axes._replace(basis=aligned(axes.basis, previous))
    reached = project(tables, axes) if len(tables) else np.zeros((1, 2))
    low, high = reached.min(axis=0), reached.max(axis=0)
    margin = np.maximum((high - low) * 0.06, 1e-3)
    limit = max(float(np.abs(tables).max(initial=0.0)), 1e-6)
    named = {
        "mean": axes.mean,
        "basis": axes.basis,
        "range": np.stack([low - margin, high + margin], axis=1),
        "limits": np.array([-limit, limit]),
    }
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in named.items()}


def table_reading(record: PositionsRecord) -> str:
    """One sentence on the size of the vectors."""
    missing = _missing(record)
    if missing:
        return missing
    norms = np.linalg.norm(record.table.astype(np.float64), axis=1)
    T, D = record.table.shape
    what = "fixed by a formula" if record.kind == "sinusoidal" else "learnt"
    return f"{T} vectors of {D} numbers, {what}; their norms go from {norms.min():.3g} to {norms.max():.3g}."


def likeness_reading(record: PositionsRecord) -> str:
    """One sentence on how much of the likeness follows from the distance."""
    missing = _missing(record)
    if missing:
        return missing
    share = distance_share(record.kernel)
    if np.isnan(share):
        return "Too few different positions to say what likeness depends on."
    T = len(record.kernel)
    return (
        f"Distance alone explains {share:.0%} of the differences between these cosines; "
        f"for vectors without any order it would be about {2 * (T - 2) / (T * (T - 1) - 2):.0%}."
    )


def path_reading(record: PositionsRecord) -> str:
    """One sentence on how much of this table lies in a plane of its own."""
    missing = _missing(record)
    if missing:
        return missing
    share = principal_axes(record.table, 2).explained.sum()
    if share == 0:
        return "All positions have the same vector."
    return f"A plane holds {share:.0%} of what sets the {len(record.table)} vectors apart at this step."


def profile_reading(record: PositionsRecord) -> str:
    """One sentence on cosines near and far, and their range at one distance."""
    missing = _missing(record)
    if missing:
        return missing
    T = len(record.table)
    if T < 3:
        return f"{T} {'position has' if T == 1 else 'positions have'} too few distances."
    least, _, most = (each[T - 1 :] for each in offset_range(record.kernel))
    widest = int((most - least).argmax())
    sentence = f"Mean cosine {_mean_at(record, 1):.2f} at distance 1, {_mean_at(record, T // 2):.2f} at {T // 2}"
    if most[widest] - least[widest] < 1e-4:
        return f"{sentence}; it depends on the distance alone."
    return (
        f"{sentence}. Not the distance alone counts: "
        f"at {widest} it goes from {least[widest]:.2f} to {most[widest]:.2f}."
    )


def order_reading(record: PositionsRecord) -> str:
    """One sentence on neighbours against far positions."""
    missing = _missing(record)
    if missing:
        return missing
    T = len(record.table)
    share = distance_share(record.kernel)
    if T < 3 or np.isnan(share):
        return "Too few different positions to compare neighbours with far ones."
    near, far = _mean_at(record, 1), _mean_at(record, T // 2)
    return f"Now: neighbours {near:.2f}, far positions ({T // 2} apart) {far:.2f}, explained by distance {share:.0%}."


def distance_reading(weights: Float[np.ndarray, "H T"]) -> str:
    """One sentence on the head of a layer that puts most on one distance.

    Distances up to half the sequence: beyond, few queries have a key that far away.
    """
    if not np.isfinite(weights).all():
        return "The attention weights are not finite numbers."
    near = weights[:, : (weights.shape[1] + 1) // 2]
    head, far = np.unravel_index(int(near.argmax()), near.shape)
    where = "the token itself" if far == 0 else "the token before" if far == 1 else f"the token {far} back"
    return f"Head {head + 1} puts most on one distance: a weight of {near[head, far]:.2f}, on average, on {where}."


def distance_share(kernel: Float[np.ndarray, "T T"]) -> float:
    """Share of the variance of the cosines of all pairs m < n that their means at each distance explain.

    1 where the cosine is a function of the distance; (k - 1)/(N - 1) is to be expected of N pairs
    in k distances that have nothing to do with it. NaN where the cosines don't differ.
    """
    T = len(kernel)
    diagonals = [kernel.diagonal(distance).astype(np.float64) for distance in range(1, T)]
    cosines = np.concatenate([*diagonals, np.zeros(0)])
    if len(cosines) < 2 or np.ptp(cosines) == 0 or not np.isfinite(cosines).all():
        return float("nan")
    within = sum(float(((diagonal - diagonal.mean()) ** 2).sum()) for diagonal in diagonals)
    return 1 - within / float(((cosines - cosines.mean()) ** 2).sum())


def _mean_at(record: PositionsRecord, distance: int) -> float:
    """Mean cosine of positions that far apart; NaN where there are none."""
    return float(record.kernel.diagonal(distance).mean()) if distance < len(record.table) else float("nan")


def _missing(record: PositionsRecord) -> str:
    """Why there is nothing to say about the table, or ""."""
    if len(record.table) == 0:
        return NO_TABLE.get(record.kind, "There is no table.")
    if not np.isfinite(record.table).all():
        return "The position vectors are not finite numbers."
    return ""
