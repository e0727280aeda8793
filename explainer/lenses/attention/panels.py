"""Attention: the maps of all heads at once, the chosen one large, and what each head is like, in words.

What curves of heads share is in `charts.head_curves`, their numbers and sentences are in `notes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from explainer.charts.head_curves import (
    MOST_LINES,
    Runs,
    dotted,
    key,
    loss_panel,
    metric_curves,
    metric_of,
    moment_line,
    over_steps,
)
from explainer.charts.panel import Panel, Reading, Slot, at_moment
from explainer.charts.rates import rate_marks
from explainer.charts.theme import FAMILY_COLOURS, SEQUENTIAL, colour_bar, ink, layout, level, level_name, plain, shades
from explainer.lenses.attention.notes import (
    SCORES,
    gap_of,
)
from explainer.theory.head_roles import ROLES

LABELLED_HEADS = 6  # so many maps side by side are wide enough for words

LENS = "attention"


def panels(run: Mapping[str, Any], theme: str) -> list[Panel]:
    """All figures of this lens for one run, in reading order."""
    return page_panels([run], theme)


def page_panels(runs: Sequence[Mapping[str, Any]], theme: str) -> list[Panel]:
    """The maps of the first run, and its curves with those of the others beside."""
    metric = metric_panel(runs, theme)
    return [
        mosaic_panel(runs[0], theme),
        map_panel(theme),
        score_panel(runs, theme, "previous_token"),
        score_panel(runs, theme, "prefix_matching"),
        *([metric] if metric else []),
        loss_panel(runs, theme, LENS, span=6 if metric else 12),
    ]


def selections(run: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """What a viewer chooses: the head that is shown large."""
    return {"layer": ("Layer", run["layers"]), "head": ("Head", run["heads"])}


def mosaic_panel(run: Mapping[str, Any], theme: str, *, span: int = 6) -> Panel:
    """The weights of every head, a row of maps for each layer; a click chooses the one shown large."""
    L, H = run["layers"], run["heads"]
    gap = gap_of(run)
    heat = {
        "type": "heatmap",
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "hoverongaps": False,
        "hovertemplate": "weight %{z:.4f}<br>click to see this head large<extra></extra>",
    }
    slots = [
        Slot("data.0.z", "mosaic", lens=LENS, name="weights", gap=gap),
        Slot("layout.xaxis.tickvals", lens=LENS, name="columns", index=(1,)),
        Slot("layout.yaxis.tickvals", lens=LENS, name="rows", index=(1,)),
        Slot("layout.yaxis.range", lens=LENS, name="row_range"),
        Slot("layout.shapes.0.x0", lens=LENS, name="columns", index=(0, "head")),
        Slot("layout.shapes.0.x1", lens=LENS, name="columns", index=(2, "head")),
        Slot("layout.shapes.0.y0", lens=LENS, name="rows", index=(0, "layer")),
        Slot("layout.shapes.0.y1", lens=LENS, name="rows", index=(2, "layer")),
    ]
    words: list[dict[str, Any]] = []
    for number in range(L * H if H <= LABELLED_HEADS else 0):
        layer, head = divmod(number, H)
        slots += [
            Slot(f"layout.annotations.{number}.text", "labels", lens=LENS, name="roles", index=(number,)),
            Slot(f"layout.annotations.{number}.x", lens=LENS, name="columns", index=(1, head)),
            Slot(f"layout.annotations.{number}.y", lens=LENS, name="rows", index=(0, layer)),
        ]
        words.append({"text": "", "showarrow": False, "yanchor": "bottom", "borderpad": 0, "font": {"size": 11}})
    names = [f"head {head + 1}" if H <= LABELLED_HEADS else str(head + 1) for head in range(H)]
    plain_axis = {"showgrid": False, "showline": False, "tickmode": "array", "ticks": ""}
    return Panel(
        id="heads",
        title="Every head",
        hint="click one to see it large",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={**plain_axis, "ticktext": names} | ({} if H <= LABELLED_HEADS else {"title": {"text": "head"}}),
                yaxis={**plain_axis, "ticktext": [f"layer {layer + 1}" for layer in range(L)], "tickangle": -90},
                margin={"l": 30, "r": 6, "t": 4, "b": 24 if H <= LABELLED_HEADS else 40},
                shapes=[{"type": "rect", "line": {"color": FAMILY_COLOURS[run["model"]], "width": 3}}],
                annotations=words,
            ),
        },
        slots=tuple(slots),
        readings=(Reading(LENS, "heads"),),
        span=span,
        height=min(420, max(180, 40 + 90 * L)),
        click={"run": 0, "lens": LENS, "name": "weights", "gap": gap},
    )


def map_panel(theme: str, *, span: int = 6, height: int = 470) -> Panel:
    """[t, s] of the chosen head: how much the query at t takes from the key at s."""
    heat = {
        "type": "heatmap",
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 1,
        "colorbar": colour_bar("weight"),
        "hovertemplate": "query t = %{text}<br>key s = %{customdata}<br>weight %{z:.4f}<br>click to write it out<extra></extra>",
    }
    future = {"xref": "paper", "yref": "paper", "x": 0.75, "y": 0.78, "showarrow": False}
    ticks = {"showgrid": False, "tickmode": "array", "tickfont": {"size": 10, "color": ink(theme).muted}}
    return Panel(
        id="map",
        title="The chosen head: which token looks at which",
        figure={
            "data": [heat],
            "layout": layout(
                theme,
                xaxis={**ticks, "title": {"text": "key: position s, and its token"}},
                yaxis={**ticks, "title": {"text": "query: position t, and its token"}, "autorange": "reversed"},
                annotations=[{**future, "text": "the future is masked", "font": {"color": "#B9AFC9", "size": 12}}],
            ),
        },
        slots=(
            Slot("data.0.z", lens=LENS, name="weights", index=("layer", "head")),
            Slot("data.0.text", "across", lens=LENS, name="cells", transpose=True),
            Slot("data.0.customdata", "across", lens=LENS, name="cells"),
            *(
                slot
                for axis in ("xaxis", "yaxis")
                for slot in (
                    Slot(f"layout.{axis}.tickvals", lens=LENS, name="tick_places"),
                    Slot(f"layout.{axis}.ticktext", "labels", lens=LENS, name="tick_labels"),
                )
            ),
        ),
        readings=(Reading(LENS, "map"),),
        reading_index=("layer", "head"),
        span=span,
        rows=2,
        height=height,
        click={"cell": True},
    )


def score_panel(runs: Runs, theme: str, score: str, *, span: int = 3, height: int = 180) -> Panel:
    """One score of every head against the step; the chosen head stands out, its chance level dashed, other runs dotted.

    Args:
        runs: of each, `subject()`.
        theme: light or dark.
        score: a key of `SCORES`.
        span: columns of twelve.
        height: in pixels.
    """
    L, H = runs[0]["layers"], runs[0]["heads"]
    data: list[dict[str, Any]] = []
    slots: list[Slot] = list(at_moment(0))

    def line(run: int, array: str, index: tuple[int | str, ...], label: str, **given: Any) -> None:
        for axis, source, at in (("x", "step", ()), ("y", array, index)):
            slots.append(Slot(f"data.{len(data)}.{axis}", "history", run=run, lens=LENS, name=source, index=at))
        hover = f"{label}<br>step %{{x}}: {SCORES[score]} %{{y:.3f}}<extra></extra>"
        data.append({"type": "scatter", "mode": "lines", "hovertemplate": hover, **given})

    for layer, colour in enumerate(shades(theme, L)):
        thin = {"color": colour, "width": 1.3}
        if L * H > MOST_LINES:
            line(0, f"layer_{score}", (layer,), f"layer {layer + 1}, its strongest head", line=thin)
            continue
        for head in range(H):
            line(0, score, (layer, head), f"layer {layer + 1}, head {head + 1}", line=thin)
    level = {"color": FAMILY_COLOURS[runs[0]["model"]], "width": 1.5, "dash": "dash"}
    line(0, "chance", (ROLES.index(score), "layer", "head"), "the chosen head, by chance", line=level)
    chosen = {"color": FAMILY_COLOURS[runs[0]["model"]], "width": 3}
    line(0, score, ("layer", "head"), "the chosen head", line=chosen)
    for number, run in enumerate(runs[1:], start=1):
        line(number, f"best_{score}", (), plain(f"{run['label']}: its strongest head"), line=dotted(theme))
    return Panel(
        id=score.replace("_", "-"),
        title=SCORES[score].capitalize() + " of each head",
        figure={
            "data": data,
            "layout": layout(
                theme,
                xaxis={"title": {"text": "training step"}, "rangemode": "tozero"},
                yaxis={"title": {"text": "score"}, "range": [0, 1.02], "nticks": 4},
                shapes=[moment_line(theme)],
                annotations=[key(runs, theme)],
                margin={"l": 44, "r": 8, "t": 20, "b": 40},
            ),
        },
        slots=tuple(slots),
        readings=tuple(Reading(LENS, score, run=number) for number in range(len(runs))),
        span=span,
        height=height,
    )


def metric_panel(runs: Runs, theme: str, *, span: int = 6, height: int = 230) -> Panel | None:
    """What the runs are good for, against the step; None where the loss says it all.

    Validation is seldom while a run trains, so its line has the first run's training batches beside it.
    """
    name = metric_of(runs[0])
    if not name or any(metric_of(run) != name for run in runs):
        return None
    data, slots = metric_curves(runs, theme, name, (f"training {name}:step", f"training {name}"))
    marks, set_at = rate_marks(theme, len(data))
    shapes, notes = [moment_line(theme)], []
    baseline = runs[0].get("baseline") if name == runs[0].get("metric") else None
    if baseline is not None and math.isfinite(baseline):
        shade = ink(theme)
        shapes.append(level(baseline, color=shade.muted, width=1.2, dash="dash"))
        notes.append(level_name(plain(str(runs[0].get("baseline_name", "baseline"))), baseline, shade.muted))
    yaxis = {"title": {"text": "accuracy"}, "range": [0, 1.02]}
    return Panel(
        id="metric",
        title=f"{name[:1].upper()}{name[1:]}: validation bold, training thin",
        figure={"data": [*data, marks], "layout": over_steps(theme, yaxis, shapes, notes)},
        slots=(*at_moment(0), *slots, *set_at),
        readings=tuple(Reading(LENS, "metric", run=number) for number in range(len(runs))),
        span=span,
        height=height,
    )
